// SPDX-License-Identifier: Apache-2.0
//! The `openamp` profile, for a peer that runs C OpenAMP. The profile writes the same bytes as C OpenAMP's host and
//! remote.
//!
//! The host is the driver of both rings and owns all buffers; the remote is the device of both. There are no
//! incarnations in this layout. Only the host's status shows that the host has started, and a side that restarts alone
//! finds its old rings. If this side can detect such a restart, it reports the restart. It never delivers a message
//! twice.
//!
//! C OpenAMP learns an endpoint's address from its announcement or from its first message. An endpoint that is bound to
//! an announced C endpoint therefore greets that endpoint with an empty message, unless it has already sent a message
//! there.
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
