// SPDX-License-Identifier: Apache-2.0
//! Events that a server reports.

use std::fmt;

/// The maximum number of messages that may wait for one client: a thousand peers with 64 vectors. Messages about peers
/// that have left again are dropped, so a client that sleeps is not disconnected because other clients come and go.
pub const QUEUE_MAX: usize = 1 << 16;

/// An event that a server reports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A peer connected and has this id.
    Joined(u16),
    /// The peer with this id has left.
    Left(u16, Reason),
    /// A client connected but could not become a peer.
    Refused(String),
}

/// The reason why a peer has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The peer closed its connection, or died.
    Closed,
    /// The peer sent data, which the protocol does not allow.
    SentData,
    /// The peer did not read, and too many messages waited for it.
    DidNotRead,
    /// A fault that was injected disconnected the peer.
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
