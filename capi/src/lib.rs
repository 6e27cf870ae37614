// SPDX-License-Identifier: Apache-2.0
//! The C ABI: one rpmsg link with functions and callbacks, for ports to any RTOS. `include/amp_ipc.h` is generated from
//! this crate.
//!
//! A port allocates a `struct amp_ipc` and opens it with its [`Callbacks`]. It calls [`amp_ipc_poll`] when the doorbell
//! rings and when the returned time has come. This crate never waits and takes no lock. The port must call every
//! function of an instance under the same lock, but may release the lock while its event callback runs.
#![allow(unsafe_code, reason = "C hands over pointers, and answers for them")]
#![cfg_attr(target_os = "none", no_std)]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

mod buffers;
mod calls;
mod instance;
mod types;
mod words;

pub use buffers::*;
pub use calls::*;
pub use instance::State;
pub use types::*;

/// Maximum number of endpoints per instance. Set by AMP_IPC_ENDPOINTS in the build environment. Default: 8.
pub const ENDPOINTS: usize = setting(option_env!("AMP_IPC_ENDPOINTS"), 8);

/// Maximum number of buffers per side. Set by AMP_IPC_BUFFERS_MAX in the build environment. Default: 16.
pub const BUFFERS: usize = setting(option_env!("AMP_IPC_BUFFERS_MAX"), 16);

/// Returns the build setting `value`, or `default` if it is not set.
#[allow(clippy::panic, clippy::indexing_slicing, reason = "evaluated by the compiler only, which reports it")]
const fn setting(value: Option<&str>, default: usize) -> usize {
    let Some(value) = value else { return default };
    match usize::from_str_radix(value, 10) {
        Ok(value) => value,
        Err(_) => panic!("not a number"),
    }
}

#[cfg(test)]
mod tests;
