// SPDX-License-Identifier: Apache-2.0
//! The `openamp` profile: writes byte for byte what C OpenAMP's host and remote write, for a peer that runs C OpenAMP.
//!
//! The host is the driver of both rings and owns all buffers; the remote is the device of both. This memory has no
//! incarnations. Only the host's status says that the host is there, and a side that restarts alone finds its old
//! rings. This side reports such a restart wherever it can notice it, and delivers no message twice.
//!
//! C learns an endpoint's address from its announcement or from its first message. So an endpoint that is bound to an
//! announced C endpoint greets that endpoint with an empty message, unless another message goes to it first.
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
