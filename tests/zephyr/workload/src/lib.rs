// SPDX-License-Identifier: Apache-2.0
//! Runs the `amp-ivshmem-workload` crate's checked exchange as a Zephyr application. `amp demo --zephyr` uses this
//! image.
#![no_std]

use core::fmt::Write;

use amp_ivshmem_workload::{Node, run_in};
use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::Role;
use amp_ivshmem_zephyr_rust::{Console, Ivshmem};
use static_cell::StaticCell;

const ROLE: Role = if cfg!(CONFIG_TEST_HOST) { Role::Host } else { Role::Remote };

/// The node is static, because it is too large for the main thread's stack.
static NODE: StaticCell<Node<Ivshmem>> = StaticCell::new();

#[unsafe(no_mangle)]
extern "C" fn rust_main() {
    match Ivshmem::take(zephyr::devicetree::labels::ivshmem0::ORD) {
        Ok(mut device) => run_in(NODE.uninit(), &mut device, ROLE, &mut Console),
        Err(error) => {
            let _ = writeln!(Console, "error: {error}");
        }
    }
}
