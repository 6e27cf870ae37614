// SPDX-License-Identifier: Apache-2.0
//! The bare-metal port, which runs one side of a link without an operating system. It supports two QEMU machines.
//!
//! | target | machine | ivshmem | start-up, interrupts, time |
//! |---|---|---|---|
//! | `aarch64-unknown-none` | `virt,gic-version=2`, EL1 | PCI `ivshmem-doorbell`, MSI-X through the GICv2m frame | `aarch64-rt`, GICv2, the generic timer |
//! | `thumbv7m-none-eabi` | `lm3s6965evb` | `ivshmem-flat` at [fixed addresses](Machine) | `cortex-m-rt`, NVIC, SysTick and a general-purpose timer |
//!
//! An image is a crate that calls [`image!`] with its main function, and links with the target's linker script (see
//! `samples/bare-metal`). The port starts the machine, finds the device, and enables its interrupt. It then rings its
//! own doorbell to check that doorbells arrive, and passes the [`Machine`] and the [`Console`] to main. If one of these
//! steps fails, the port prints the reason as a single line on the console, and parks.
//!
//! Doorbells that ring before the interrupt is enabled are lost. The port enables the interrupt before it calls main,
//! so main must check the shared memory once before it first waits.
//!
//! For all other targets, the crate is empty, so that one command can build the whole workspace.
#![allow(unsafe_code, reason = "a port makes pointers of addresses, and answers for them")]
#![no_std]

#[cfg(all(target_arch = "aarch64", target_os = "none"))]
mod aarch64;
#[cfg(all(target_arch = "arm", target_os = "none"))]
mod cortex_m;
#[cfg(all(any(target_arch = "aarch64", target_arch = "arm"), target_os = "none"))]
mod self_test;

#[cfg(all(target_arch = "aarch64", target_os = "none"))]
pub use aarch64::{Console, Machine, panicked, park};
#[cfg(all(target_arch = "arm", target_os = "none"))]
pub use cortex_m::{Console, Machine, panicked, park};

/// Makes an image from `main`, a `fn(Machine, Console) -> !`. Also defines a panic handler that prints the location of
/// the panic and parks.
///
/// Use it once, in a crate that is `#![no_std]` and `#![no_main]`.
///
/// `image!(main, Type = constant)` also passes a `&'static mut Type` to `main`. The reference points to a static that
/// is initialised with the constant, and that no other code can access. For values that main creates at run time, use
/// a [`StaticCell`](https://docs.rs/static_cell).
#[macro_export]
macro_rules! image {
    ($main:path $(, $kept:ty = $constant:expr)?) => {
        /// # Safety
        /// Must be called only once.
        #[unsafe(export_name = "__amp_main")]
        unsafe fn __amp_main(machine: $crate::Machine, console: $crate::Console) -> ! {
            $main(machine, console $(, {
                struct Kept(::core::cell::UnsafeCell<$kept>);
                // SAFETY: there is only one static of this type, and only this function can access it.
                unsafe impl ::core::marker::Sync for Kept {}
                static KEPT: Kept = Kept(::core::cell::UnsafeCell::new($constant));
                // Hides the address from the compiler, which would otherwise use flash for specialised functions.
                let kept = ::core::hint::black_box(KEPT.0.get());
                // SAFETY: this function is called only once, so this is the only reference.
                unsafe { &mut *kept }
            })?)
        }

        #[panic_handler]
        fn __amp_panic(info: &::core::panic::PanicInfo) -> ! {
            $crate::panicked(info)
        }
    };
}
