// SPDX-License-Identifier: Apache-2.0
//! The decision logic of the Zephyr port. C code calls it, and passes in everything that comes from Zephyr.
//!
//! The C code (`drivers/`, `ipc/`) creates the instances from devicetree, connects interrupts, owns the threads and
//! locks, and calls the application. It calls the `extern "C"` functions of this crate, which `include/` declares.
//! The `ivshmem` functions return the action that C must take. The `ipc` functions call back into C to ring the
//! doorbell, read the clock, log, and report events.
#![allow(unsafe_code, reason = "a port takes pointers from its operating system, and answers for them")]
#![cfg_attr(target_os = "none", no_std)]

#[cfg(feature = "ipc")]
pub use amp_ivshmem_capi as ipc;
pub mod ivshmem;
