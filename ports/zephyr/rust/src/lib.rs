// SPDX-License-Identifier: Apache-2.0
//! amp-ivshmem for Zephyr applications in Rust (zephyr-lang-rust): ivshmem devices from devicetree, and rpmsg on them.
//!
//! | task | item |
//! |---|---|
//! | the device itself, as the core's `Port` | [`Ivshmem`] |
//! | rpmsg in a thread: blocking calls with a limit | [`Bus`] |
//! | rpmsg in tasks of an executor (feature `async`) | `Shared`, `Runner` |
//! | lines on the console | [`Console`] |
//! | the `log` crate's lines in Zephyr's logging (feature `log`) | `set_logger` |
//! | the sizes in Kconfig | [`sizes`] |
//!
//! The crate calls Zephyr through the few C functions in `devices.c`, and does not depend on the crates of
//! zephyr-lang-rust. So plain cargo can build, check and document it. It runs only inside `west build`, with this
//! repository as a Zephyr module.
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

/// The sizes of a link in Kconfig.
pub mod sizes {
    include!(concat!(env!("OUT_DIR"), "/sizes.rs"));
}

pub use amp_ivshmem;
// The C drivers call the functions of this crate. This line makes sure that it is linked.
use amp_ivshmem_zephyr as _;
pub use bus::{Bus, FOREVER, Link, SendError, WaitError, settings};
pub use console::Console;
pub use device::{Bell, Ivshmem, Name, TakeError, now};
#[cfg(feature = "log")]
pub use logger::set_logger;
#[cfg(feature = "async")]
pub use tasks::{Runner, Shared};
