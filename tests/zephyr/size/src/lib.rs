// SPDX-License-Identifier: Apache-2.0
//! Measures the size of rpmsg in an image: the same application as a bare image, as an echo remote, and as the host
//! that sends to it. Kconfig's `SIZE_BARE`, `SIZE_REMOTE` and `SIZE_HOST` select the form. It is the counterpart of a C
//! application with one rpmsg endpoint.
#![no_std]

// Linked for its panic handler.
use zephyr as _;

#[cfg(not(CONFIG_SIZE_BARE))]
mod talk;

#[unsafe(no_mangle)]
extern "C" fn rust_main() {
    #[cfg(not(CONFIG_SIZE_BARE))]
    if talk::run().is_none() {
        let _ = core::fmt::Write::write_str(&mut amp_ivshmem_zephyr_rust::Console, "size: failed\n");
    }
}
