// SPDX-License-Identifier: Apache-2.0
//! The C ABI: one rpmsg link with functions and callbacks, for ports to any RTOS. `include/amp_ipc.h` is generated from
//! this crate.
//!
//! A port allocates a `struct amp_ipc` and opens it with its [`Callbacks`]. It calls
//! [`amp_ipc_poll`] when the doorbell rings, and at the time that the previous call returned. This
//! crate never waits and does not take a lock. The port must call every function of an instance
//! under the same lock, but may release the lock while its event callback runs.
#![allow(unsafe_code, reason = "C hands over pointers, and answers for them")]
#![cfg_attr(target_os = "none", no_std)]
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

mod buffers;
mod calls;
mod instance;
mod lent;
mod port;
mod sizes;
mod types;
mod words;

pub use buffers::*;
pub use calls::*;
pub use instance::State;
pub use sizes::{BUFFERS, ENDPOINTS};
pub use types::*;

#[cfg(test)]
mod tests;
