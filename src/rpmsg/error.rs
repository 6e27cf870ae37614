//! What can go wrong, in three kinds that never mix: try again, the caller's mistake, and the peer's fault.

use super::{Address, BadName};
use crate::virtqueue;

/// What the peer broke. It ends the link; a new start is the only remedy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum Fault {
    /// A ring.
    #[error(transparent)]
    Queue(#[from] virtqueue::Fault),
    /// A buffer that is not where the peer's buffers are.
    #[error(
        "the peer's buffer of {length} bytes at {address:#x} is none of its buffers of {size} at {start:#x} to {end:#x}"
    )]
    Outside {
        /// Where the peer says the buffer is.
        address: u64,
        /// How long the peer says it is, in bytes.
        length: u32,
        /// Where the peer's buffers begin.
        start: u64,
        /// Where they end.
        end: u64,
        /// Bytes of each.
        size: u32,
    },
    /// A posted buffer that cannot be written, or is not as long as the others.
    #[error("the peer posted a buffer of {length} bytes, or one that is not to be written; the link's have {size}")]
    NotForUs {
        /// Its length, in bytes.
        length: u32,
        /// What it should be.
        size: u32,
    },
    /// A message that is longer than its buffer, or a buffer too short for a header.
    #[error("the peer's message of {length} bytes is in a buffer of {buffer} bytes, of which the header takes 16")]
    Length {
        /// Bytes of payload that the header names.
        length: u16,
        /// Bytes of the buffer.
        buffer: u32,
    },
}

/// Why a message was not sent. None of these loses or truncates anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// All buffers are with the peer. The bus has asked to be notified: try again after the next doorbell.
    #[error("no free buffer: wait for a doorbell and try again")]
    NoBuffer,
    /// There is no peer now.
    #[error("the link is down: wait for the peer")]
    Down,
    /// The peer has no endpoint of this name yet.
    #[error("the endpoint is not bound: wait for the peer to open one of the same name, or name a destination")]
    NotBound,
    /// The endpoint was closed.
    #[error("no such endpoint: it was closed")]
    NoEndpoint,
    /// The destination is no address.
    #[error("the destination is no address: take that of an endpoint")]
    NoDestination,
    /// The message does not fit a buffer.
    #[error("the message is too long: the link's buffers hold {max} bytes; send less or set larger buffers")]
    TooLong {
        /// The most that fits, in bytes.
        max: u16,
    },
    /// The buffer was reserved before the link went down.
    #[error("the buffer was reserved on a link that has gone down since")]
    Stale,
}

/// Why an endpoint was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The bus was built for fewer.
    #[error("all endpoints are open: close one, or build the bus for more")]
    Full,
    /// The name cannot stand in an announcement.
    #[error(transparent)]
    Name(#[from] BadName),
    /// The address asked for is taken.
    #[error("address {0} is taken")]
    AddressInUse(Address),
    /// The address asked for is not an application's to choose.
    #[error("address {0} cannot be chosen: take one below 1024 but not 53, or none")]
    AddressReserved(Address),
}

/// Why a received message's bytes were not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The link has gone down since the message came; its buffer is the peer's again.
    #[error("the message came over a link that has gone down since")]
    Stale,
    /// More than the message has.
    #[error("more was asked for than the message's {length} bytes")]
    Beyond {
        /// How many the message has.
        length: u16,
    },
    /// The buffer is not inside the memory: never with a message of this bus.
    #[error("the message is of another bus")]
    Outside,
}
