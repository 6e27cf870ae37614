//! The conversation's rpmsg remote as an image for bare metal.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use amp_ivshmem::link::Role;
    use amp_ivshmem_bare_metal::{Console, Machine, image};
    use amp_ivshmem_conversation::run;

    image!(main);

    fn main(mut machine: Machine, mut console: Console) -> ! {
        run(&mut machine, Role::Remote, &mut console);
        amp_ivshmem_bare_metal::park()
    }
}

#[cfg(not(target_os = "none"))]
include!("not_here.rs");
