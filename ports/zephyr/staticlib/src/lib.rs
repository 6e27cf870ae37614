//! All of the Zephyr port as one static library, for applications in C. Knows nothing but how a Rust panic ends there.
//!
//! An application in Rust does not use it: its own crate depends on `amp-ivshmem-zephyr`, and the `zephyr` crate has the
//! panic handler.
#![allow(unsafe_code, reason = "a port takes pointers from its operating system, and answers for them")]
#![cfg_attr(target_os = "none", no_std)]

pub use amp_ivshmem_zephyr::*;

#[cfg(target_os = "none")]
mod on_panic {
    use core::panic::PanicInfo;

    unsafe extern "C" {
        /// Reports `line` of a Rust source and halts the system by Zephyr's own means (`k_panic`).
        safe fn amp_zephyr_panic(line: u32) -> !;
    }

    // The message is not formatted: that would cost more flash than a driver.
    #[panic_handler]
    fn panic(info: &PanicInfo<'_>) -> ! {
        amp_zephyr_panic(info.location().map_or(0, core::panic::Location::line))
    }
}
