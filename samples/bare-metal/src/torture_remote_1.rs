//! Traffic without end for `amp torture`: the remote of link 1.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use core::mem::MaybeUninit;

    use amp_ivshmem::link::Role;
    use amp_ivshmem_bare_metal::{Console, Machine, Place, image, park};
    use amp_ivshmem_conversation::{Endless, run_endless_in};

    /// In memory that the image's size shows, and not on the stack.
    static SIDE: Place<MaybeUninit<Endless<Machine, 1>>> = Place::new(MaybeUninit::uninit());

    image!(main);

    fn main(mut machine: Machine, mut console: Console) -> ! {
        if let Some(place) = SIDE.take() {
            run_endless_in(place, &mut machine, Role::Remote, 1, &mut console);
        }
        park()
    }
}

#[cfg(not(target_os = "none"))]
include!("not_here.rs");
