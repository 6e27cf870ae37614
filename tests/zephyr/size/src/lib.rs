// SPDX-License-Identifier: Apache-2.0
//! Measures the size of rpmsg in an image. `SIZE_BARE`, `SIZE_REMOTE` and `SIZE_HOST` in Kconfig select the variant: a
//! bare image, an echo remote, or a host that sends to the remote. The application is comparable to a C application
//! with one rpmsg endpoint.
#![no_std]

// Links the crate for its panic handler.
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
