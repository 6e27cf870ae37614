// SPDX-License-Identifier: Apache-2.0
//! Four endpoints on one link: three services that answer immediately, and a slow one that does not delay them.
//!
//! The remote runs the services in one thread. The host calls all four concurrently, from one executor task per
//! service.
#![no_std]

mod host;
mod remote;
mod services;

use amp_ivshmem_zephyr_rust::{Ivshmem, Link, set_logger};
use static_cell::ConstStaticCell;

/// Static, because the link is too large for the main stack.
static LINK: ConstStaticCell<Link> = ConstStaticCell::new(Link::unopened());

#[unsafe(no_mangle)]
extern "C" fn rust_main() {
    // Fails only if a logger has already been set.
    let _ = set_logger();
    match Ivshmem::take(zephyr::devicetree::labels::ivshmem0::ORD) {
        Ok(device) if cfg!(CONFIG_SAMPLE_HOST) => host::run(device),
        Ok(device) => remote::run(LINK.take(), device),
        Err(error) => log::error!("{error}"),
    }
}
