// SPDX-License-Identifier: Apache-2.0
//! The checked exchange of the crate `amp-ivshmem-workload` as a Zephyr application: the image of `amp demo --zephyr`.
#![no_std]

use core::fmt::Write;

use amp_ivshmem_workload::{Node, run_in};
use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::Role;
use amp_ivshmem_zephyr_rust::{Console, Ivshmem};
use static_cell::StaticCell;

const ROLE: Role = if cfg!(CONFIG_TEST_HOST) { Role::Host } else { Role::Remote };

/// The node is in a static, because it is too large for main's stack.
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
