// SPDX-License-Identifier: Apache-2.0
//! The whole Zephyr port as one static library for C applications, with the panic handler.
//!
//! A Rust application does not use this library: its own crate depends on `amp-ivshmem-zephyr`, and the `zephyr` crate
//! has the panic handler.
#![allow(unsafe_code, reason = "a port takes pointers from its operating system, and answers for them")]
#![cfg_attr(target_os = "none", no_std)]

pub use amp_ivshmem_zephyr::*;

#[cfg(target_os = "none")]
mod on_panic {
    use core::panic::PanicInfo;

    unsafe extern "C" {
        /// Reports a place in a Rust source, and halts the system through Zephyr's `k_panic`.
        ///
        /// # Safety
        /// `file` has `length` bytes.
        fn amp_zephyr_panic(file: *const u8, length: usize, line: u32) -> !;
    }

    // The message is not formatted: that would cost more flash than a driver.
    #[panic_handler]
    fn panic(info: &PanicInfo<'_>) -> ! {
        let (file, line) = info.location().map_or(("?", 0), |location| (location.file(), location.line()));
        // SAFETY: `file` is a `str` in the program.
        unsafe { amp_zephyr_panic(file.as_ptr(), file.len(), line) }
    }
}
