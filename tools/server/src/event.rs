// SPDX-License-Identifier: Apache-2.0
//! Events that a server reports.

use std::fmt;

/// Maximum number of queued messages per client, which is enough for a thousand peers with 64 vectors. When a peer
/// leaves, queued messages about it are removed. A sleeping client is therefore not disconnected only because other
/// clients come and go.
pub const QUEUE_MAX: usize = 1 << 16;

/// An event that a server reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A peer with this id has joined.
    Joined(u16),
    /// The peer with this id has left.
    Left(u16, Reason),
    /// A client connected but could not become a peer.
    Refused(String),
}

/// The reason why a peer has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The peer closed its connection, or its process exited.
    Closed,
    /// The peer sent data, which the protocol does not allow.
    SentData,
    /// The peer did not read its messages, and its queue was full.
    DidNotRead,
    /// An injected fault disconnected the peer.
    Fault,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined(id) => write!(f, "peer {id} joined"),
            Self::Left(id, Reason::Closed) => write!(f, "peer {id} left"),
            Self::Left(id, Reason::SentData) => {
                write!(f, "peer {id} dropped: it sent data, which no ivshmem client does")
            }
            Self::Left(id, Reason::DidNotRead) => {
                write!(f, "peer {id} dropped: it did not read, and {} messages waited for it", QUEUE_MAX)
            }
            Self::Left(id, Reason::Fault) => write!(f, "peer {id} dropped: a fault that was asked for"),
            Self::Refused(why) => write!(f, "client refused: {why}"),
        }
    }
}
