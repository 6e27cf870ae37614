//! rpmsg: named endpoints that exchange messages over two virtqueues.
//!
//! Knows queues and bytes; not who the peer is, nor how the two sides met. The bus never blocks and calls nobody back:
//! its link's `poll` hands out one [`Event`] after the other, and the caller decides when to wait.
//!
//! Messages are not copied on the way: one is written into a shared buffer once and read from there once. A received
//! [`Message`] keeps its buffer until it is [released](Bus::release), now or later, in any order.

mod bus;
mod endpoint;
mod endpoints;
mod error;
mod incoming;
mod outgoing;
mod pool;
pub mod profile;
mod receive;
mod send;

pub use bus::{Bus, Counters, Event, Message, TxBuffer};
pub use endpoint::{Config, Endpoint};
pub use error::{Fault, OpenError, ReadError, SendError};
pub use incoming::{DeviceIncoming, DriverIncoming, Incoming, RxBuffer};
pub use outgoing::{DeviceOutgoing, DriverOutgoing, Outgoing};
pub use pool::BufferPool;
pub use profile::Profile;
pub(crate) use receive::RxOutcome;

pub use crate::wire::rpmsg::{Address, BadName, Name};
