// SPDX-License-Identifier: Apache-2.0
//! amp-ivshmem for Zephyr applications in Rust (zephyr-lang-rust): ivshmem devices from devicetree, and rpmsg.
//!
//! | task | item |
//! |---|---|
//! | use the device itself, as the core's `Port` | [`Ivshmem`] |
//! | use rpmsg in a thread, with blocking calls and time limits | [`Bus`] |
//! | use rpmsg in tasks of an async executor (feature `async`) | `Shared`, `Runner` |
//! | print to the console | [`Console`] |
//! | forward `log` messages to Zephyr's logging (feature `log`) | `set_logger` |
//! | read the sizes set in Kconfig | [`sizes`] |
//!
//! The crate calls Zephyr through a few C functions in `devices.c`, and does not depend on the zephyr-lang-rust crates.
//! Plain cargo can therefore build, check and document it. Only `west build` links it into an application, with this
//! repository as a Zephyr module.
#![no_std]
#![allow(unsafe_code, reason = "a port calls the operating system's C, and answers for the mapping of the memory")]

mod bus;
mod console;
mod device;
#[cfg(feature = "log")]
mod logger;
pub mod sizes;
mod sys;
#[cfg(feature = "async")]
mod tasks;

pub use amp_ivshmem;
// Makes sure that `amp_ivshmem_zephyr` is linked, because the C drivers call its functions.
use amp_ivshmem_zephyr as _;
pub use bus::{Bus, FOREVER, Link, SendError, WaitError, settings};
pub use console::Console;
pub use device::{Bell, Ivshmem, Name, TakeError, now};
#[cfg(feature = "log")]
pub use logger::set_logger;
#[cfg(feature = "async")]
pub use tasks::{Runner, Shared};
