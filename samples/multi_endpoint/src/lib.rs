// SPDX-License-Identifier: Apache-2.0
//! Four endpoints on one link: three services that answer at once, and a slow one that does not delay them.
//!
//! The remote offers the services in a thread. The host asks all four at once, each in a separate task of an executor.
#![no_std]

mod host;
mod remote;

use amp_ivshmem_zephyr_rust::{Ivshmem, Link, set_logger};
use static_cell::ConstStaticCell;

/// The services' names. All tables list the services in this order.
const SERVICES: [&str; 4] = ["sum", "reverse", "uptime", "slow"];
/// The index of the slow service, which is the last one.
const SLOW: usize = 3;

/// The longest request or answer, in bytes.
const LONGEST: usize = 64;

/// The link is in a static, because it is too large for main's stack.
static LINK: ConstStaticCell<Link> = ConstStaticCell::new(Link::unopened());

#[unsafe(no_mangle)]
extern "C" fn rust_main() {
    // This fails only if there is a logger already.
    let _ = set_logger();
    match Ivshmem::take(zephyr::devicetree::labels::ivshmem0::ORD) {
        Ok(device) if cfg!(CONFIG_SAMPLE_HOST) => host::run(device),
        Ok(device) => remote::run(LINK.take(), device),
        Err(error) => log::error!("{error}"),
    }
}
