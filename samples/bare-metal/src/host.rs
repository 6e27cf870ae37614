//! The conversation's rpmsg host as an image for bare metal.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod play;

#[cfg(target_os = "none")]
mod image {
    use amp_ivshmem::link::Role;
    use amp_ivshmem_bare_metal::{Console, Machine, image};

    image!(main);

    fn main(machine: Machine, console: Console) -> ! {
        crate::play::play(Role::Host, machine, console)
    }
}

#[cfg(not(target_os = "none"))]
include!("not_here.rs");
