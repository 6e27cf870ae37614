//! amp-ivshmem for Zephyr applications in Rust (zephyr-lang-rust): an ivshmem device of devicetree, taken and given back
//! safely.
//!
//! Knows Zephyr only through the few C functions of `devices.c`, and neither zephyr-lang-rust's crates nor its version: so
//! plain cargo builds, checks and documents it. It works inside `west build` only, with this repository as a Zephyr module.
#![allow(unsafe_code, reason = "a port takes pointers from its operating system, and answers for them")]
#![no_std]
#![allow(unsafe_code, reason = "a port calls the operating system's C, and answers for the mapping of the memory")]

mod console;
mod device;
#[cfg(feature = "log")]
mod logger;
mod sys;

/// What Kconfig says of a link's sizes.
pub mod sizes {
    include!(concat!(env!("OUT_DIR"), "/sizes.rs"));
}

pub use amp_ivshmem;
// The drivers' C calls the functions of this crate: named, so that it is linked.
use amp_ivshmem_zephyr as _;
pub use console::Console;
pub use device::{Bell, Ivshmem, TakeError};
#[cfg(feature = "log")]
pub use logger::set_logger;
