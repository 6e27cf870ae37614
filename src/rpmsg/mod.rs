// SPDX-License-Identifier: Apache-2.0
//! The rpmsg service of a session: named endpoints that exchange messages over two virtqueues.
//!
//! A [`Link`] is one side. Its session finds the peer, and its [`Bus`] holds the endpoints. Nothing blocks, and there
//! are no callbacks: each call to [`Link::poll`] returns one [`Event`], and the caller decides when to wait.
//!
//! Messages are not copied in transit: the sender writes each message into a shared buffer once, and the receiver reads
//! it from there once. A received [`Message`] keeps its buffer until it is [released](Bus::release). Messages may be
//! released later and in any order. A [guard](Bus::guard) releases its message at the end of its scope.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

mod bus;
mod drive;
mod endpoint;
mod endpoints;
mod error;
mod guard;
mod incoming;
mod link;
mod message;
mod outgoing;
pub(crate) mod policy;
mod pool;
pub(crate) mod profile;
mod receive;
mod rings;
mod send;
mod serial;
#[cfg(feature = "async")]
pub mod tasks;
#[cfg(test)]
mod tests;

pub use bus::{Bus, Counters, Event};
pub use drive::AnyLink;
pub(crate) use drive::{LinkDriver, any_link, poll};
pub use endpoint::{Config, Endpoint};
pub(crate) use endpoints::Table;
pub use error::{DownReason, Fault, OpenError, Part, ReadError, RingError, SendError, SetupError};
pub use guard::{HeldMessage, MessageGuard};
pub(crate) use incoming::{DeviceIncoming, DriverIncoming, Incoming};
pub use link::{Link, Settings};
pub use message::{Message, TxBuffer};
pub(crate) use outgoing::{DeviceOutgoing, DriverOutgoing, Outgoing};
pub(crate) use pool::BufferPool;
pub use profile::Profile;
pub(crate) use receive::RxOutcome;
pub use rings::Native;

pub use crate::session::{OnlyHost, OnlyRemote, Role, Roles};
pub use crate::wire::rpmsg::{Address, BadName, Name};
