//! The conversation's rpmsg host as an image for bare metal.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use amp_ivshmem::link::Role;
    use amp_ivshmem_bare_metal::{Console, Machine, Place, image};
    use amp_ivshmem_conversation::{Party, run_in};

    image!(main);

    static PARTY: Place<Party<Machine>> = Place::new();

    fn main(mut machine: Machine, mut console: Console) -> ! {
        if let Some(place) = PARTY.take() {
            run_in(place, &mut machine, Role::Host, &mut console);
        }
        amp_ivshmem_bare_metal::park()
    }
}

#[cfg(not(target_os = "none"))]
include!("not_here.rs");
