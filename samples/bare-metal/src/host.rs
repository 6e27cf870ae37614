//! The rpmsg host as an image. For now a test of the doorbell: the one machine's own, then the peers' in turn.
#![no_std]
#![no_main]

use amp_ivshmem_bare_metal::{Console, Machine};

mod doorbell_test;

amp_ivshmem_bare_metal::image!(main);

fn main(machine: Machine, console: Console) -> ! {
    doorbell_test::run(machine, console, 0)
}
