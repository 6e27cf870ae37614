//! amp-ivshmem for Zephyr applications in Rust (zephyr-lang-rust): an ivshmem device of devicetree, taken and given back
//! safely.
//!
//! | for | is |
//! |---|---|
//! | the device itself, as for any application that knows the core's `Port` only | [`Ivshmem`] |
//! | rpmsg in a thread: blocking, with a limit | [`Bus`] |
//! | rpmsg in tasks of an executor (feature `async`) | `Shared`, `Runner` |
//! | lines on the console | [`Console`] |
//! | the `log` crate's lines in Zephyr's logging (feature `log`) | `set_logger` |
//! | Kconfig's sizes | [`sizes`] |
//!
//! Knows Zephyr only through the few C functions of `devices.c`, and neither zephyr-lang-rust's crates nor its version: so
//! plain cargo builds, checks and documents it. It works inside `west build` only, with this repository as a Zephyr module.
#![no_std]
#![allow(unsafe_code, reason = "a port calls the operating system's C, and answers for the mapping of the memory")]

mod bus;
mod console;
mod device;
#[cfg(feature = "log")]
mod logger;
mod sys;
#[cfg(feature = "async")]
mod tasks;

/// What Kconfig says of a link's sizes.
pub mod sizes {
    include!(concat!(env!("OUT_DIR"), "/sizes.rs"));
}

pub use amp_ivshmem;
// The drivers' C calls the functions of this crate: named, so that it is linked.
use amp_ivshmem_zephyr as _;
pub use bus::{Bus, FOREVER, Link, SendError, WaitError, settings};
pub use console::Console;
pub use device::{Bell, Ivshmem, Name, TakeError, now};
#[cfg(feature = "log")]
pub use logger::set_logger;
#[cfg(feature = "async")]
pub use tasks::{Runner, Shared};
