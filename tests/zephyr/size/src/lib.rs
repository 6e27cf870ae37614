// SPDX-License-Identifier: Apache-2.0
//! The size of rpmsg in an image: one application as a bare image, as an echo remote, and as the host that sends to it. Kconfig's
//! `SIZE_BARE`, `SIZE_REMOTE` and `SIZE_HOST` select it. It is the counterpart of a C application with one rpmsg endpoint.
#![no_std]

// For its panic handler.
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
