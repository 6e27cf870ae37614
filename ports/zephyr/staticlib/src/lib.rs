// SPDX-License-Identifier: Apache-2.0
//! The complete Zephyr port as one static library for C applications, including the panic handler.
//!
//! Rust applications do not use this library. They depend on `amp-ivshmem-zephyr` as a crate, and the `zephyr` crate
//! supplies the panic handler.
#![allow(unsafe_code, reason = "a port takes pointers from its operating system, and answers for them")]
#![cfg_attr(target_os = "none", no_std)]

pub use amp_ivshmem_zephyr::*;

#[cfg(target_os = "none")]
mod on_panic {
    use core::panic::PanicInfo;

    unsafe extern "C" {
        /// Reports the source location of a panic, and halts the system with Zephyr's `k_panic`.
        ///
        /// # Safety
        /// `file` must point to `length` readable bytes.
        fn amp_zephyr_panic(file: *const u8, length: usize, line: u32) -> !;
    }

    // The panic message is not formatted, because the formatting code would take more flash than a driver.
    #[panic_handler]
    fn panic(info: &PanicInfo<'_>) -> ! {
        let (file, line) = info.location().map_or(("?", 0), |location| (location.file(), location.line()));
        // SAFETY: `file` is a `str`, so it points to `file.len()` readable bytes.
        unsafe { amp_zephyr_panic(file.as_ptr(), file.len(), line) }
    }
}
