// SPDX-License-Identifier: Apache-2.0
//! Two boards talk over shared memory and a doorbell: three rpmsg endpoints, both sides starting, every byte checked at
//! both ends. The talk itself is the crate `amp-ivshmem-conversation`, which knows no operating system.
#![no_std]

use core::fmt::Write;

use amp_ivshmem_conversation::{Party, run_in};
use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::Role;
use amp_ivshmem_zephyr_rust::{Console, Ivshmem};
use static_cell::StaticCell;

const ROLE: Role = if cfg!(CONFIG_SAMPLE_HOST) { Role::Host } else { Role::Remote };

/// All that the talk remembers; not on the stack of main.
static PARTY: StaticCell<Party<Ivshmem>> = StaticCell::new();

#[unsafe(no_mangle)]
extern "C" fn rust_main() {
    match Ivshmem::take(zephyr::devicetree::labels::ivshmem0::ORD) {
        Ok(mut device) => run_in(PARTY.uninit(), &mut device, ROLE, &mut Console),
        Err(error) => {
            let _ = writeln!(Console, "rpmsg_echo: {error}");
        }
    }
}
