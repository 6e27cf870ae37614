// SPDX-License-Identifier: Apache-2.0
//! The `openamp` profile: byte for byte what C OpenAMP's host and remote write, for a peer that is C.
//!
//! The host is the driver of both rings and owns all buffers; the remote is their device. There are no incarnations in
//! this memory. The host's status alone says that somebody is there, and a side that restarts alone finds its old rings. This
//! side reports that wherever it can notice it, and delivers no message twice.
//!
//! C learns an endpoint's address from its announcement or its first message. So an endpoint that is bound to an announced
//! endpoint of C greets it with an empty message, unless its first message comes before.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

mod host;
mod profile;
mod remote;
mod settings;
mod status;
#[cfg(test)]
mod tests;

pub use host::Host;
pub use profile::{HostProfile, RemoteProfile};
pub use remote::Remote;
pub use settings::{Settings, neighbour};
pub use status::reset;

pub use crate::wire::openamp::Layout;
