// SPDX-License-Identifier: Apache-2.0
//! The decisions of the Zephyr port, made by functions that its C code calls. C passes in everything that comes from Zephyr.
//!
//! The C side (`drivers/`, `ipc/`) creates the instances from devicetree, connects interrupts, has the threads and
//! locks, and calls the application. It calls the `extern "C"` functions of this crate, which `include/` declares.
//! These functions return the action to take, and call only the doorbell.
#![allow(unsafe_code, reason = "a port takes pointers from its operating system, and answers for them")]
#![cfg_attr(target_os = "none", no_std)]

#[cfg(feature = "ipc")]
pub use amp_ivshmem_capi as ipc;
pub mod ivshmem;
