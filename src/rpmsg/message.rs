// SPDX-License-Identifier: Apache-2.0
//! Tokens for buffers: received messages and transmit buffers.

use super::{Address, Endpoint};

/// A received message. It holds a buffer of the peer until it is [released](super::Bus::release).
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a message that is never released keeps its buffer from the peer"]
pub struct Message {
    /// The endpoint that the message is for.
    pub endpoint: Endpoint,
    /// The peer's endpoint that sent the message.
    pub source: Address,
    /// Payload length in bytes. May be 0.
    pub length: u16,
    pub(crate) buffer: u16,
    pub(crate) session: u32,
}

/// A transmit buffer to fill in place. [Send](super::Bus::send_nocopy) or [cancel](super::Bus::cancel) it.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a reserved buffer that is neither sent nor cancelled is lost until the link restarts"]
pub struct TxBuffer {
    pub(super) buffer: u16,
    pub(super) session: u32,
}
