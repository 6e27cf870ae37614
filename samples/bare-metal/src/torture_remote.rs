//! Traffic without end for `amp torture`: the remote of link 0.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod endless;

#[cfg(target_os = "none")]
mod image {
    use amp_ivshmem::link::Role;
    use amp_ivshmem_bare_metal::{Console, Machine, image};

    use crate::endless::{Side, play, side};

    static SIDE: Side<1> = side();

    image!(main);

    fn main(machine: Machine, console: Console) -> ! {
        play(&SIDE, Role::Remote, 0, machine, console)
    }
}

#[cfg(not(target_os = "none"))]
include!("not_here.rs");
