// SPDX-License-Identifier: Apache-2.0
//! Errors of three kinds that never mix: try again, the caller's mistake, and the peer's fault.

use super::{Address, BadName};
use crate::session;
use crate::virtqueue::{self, LayoutError};

/// The reason why a link went down.
pub type DownReason = session::DownReason<Fault>;

/// The reason why a link cannot come up.
pub type SetupError = session::SetupError<RingError>;

/// One part of a side's data section.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Part {
    /// The table that describes the side's buffers.
    #[error("descriptor table")]
    Descriptors,
    /// The ring in which the side offers its buffers.
    #[error("available ring")]
    Available,
    /// The side's message buffers.
    #[error("buffers")]
    Buffers,
    /// The ring in which it returns the other side's buffers.
    #[error("used ring")]
    Used,
}

/// Rings or buffers, of this side or of the peer, that a link cannot use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum RingError {
    /// This side's settings describe buffers that are not possible.
    #[error(
        "the count of buffers is a power of two, no more than this side was built for, and their size a multiple of 8 from 56 to 65552: set both so"
    )]
    Sizes,
    /// The peer's buffers are not possible, or are more than this side keeps track of.
    #[error(
        "the peer sends with {count} buffers of {size} bytes; the count is a power of two, no more than this side was built for, the size a multiple of 8 from 56 to 65552"
    )]
    PeerBuffers {
        /// Number of buffers.
        count: u32,
        /// Size of each in bytes.
        size: u32,
    },
    /// A part of the peer's queue is not in the peer's own data section, or not aligned.
    #[error("the peer's {part} at {offset:#x} is not aligned, or not within its half of the link's area")]
    PeerPart {
        /// The misplaced part.
        part: Part,
        /// Offset of the part in bytes, as the peer states it.
        offset: u32,
    },
    /// The peer lacks a feature that each side must have.
    #[error("the peer does not support EVENT_IDX: use the same version of amp-ivshmem on both sides")]
    PeerFeatures,
    /// The peer has posted buffers that are not a complete row of equal buffers, one after the other.
    #[error("the peer's descriptor {id} names memory that is not one of the buffers which its others name")]
    PostedBuffers {
        /// The descriptor.
        id: u16,
    },
    /// An earlier incarnation of this side has used the rings.
    #[error(
        "the rings are in use, as an earlier start of this side left them: restart the host, which sets them up anew"
    )]
    InUse,
    /// A part of the layout is not inside the memory.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl From<RingError> for SetupError {
    fn from(error: RingError) -> Self {
        Self::Service(error)
    }
}

/// A violation of the protocol by the peer. It ends the link; only a new start helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum Fault {
    /// The peer broke a rule of a ring.
    #[error(transparent)]
    Queue(#[from] virtqueue::Fault),
    /// A buffer that is not where the peer's buffers are.
    #[error(
        "the peer's buffer of {length} bytes at {address:#x} is none of its buffers of {size} at {start:#x} to {end:#x}"
    )]
    Outside {
        /// Address of the buffer, as the peer states it.
        address: u64,
        /// Length of the buffer in bytes, as the peer states it.
        length: u32,
        /// Address of the peer's first buffer.
        start: u64,
        /// Address after the peer's last buffer.
        end: u64,
        /// Bytes of each buffer.
        size: u32,
    },
    /// A posted buffer that must not be written, or that is not as long as the others.
    #[error("the peer posted a buffer of {length} bytes, or one that is not to be written; the link's have {size}")]
    NotForUs {
        /// Length of the buffer, in bytes.
        length: u32,
        /// Length that the buffer should have.
        size: u32,
    },
    /// A message that is longer than its buffer, or a buffer too short for a header.
    #[error("the peer's message of {length} bytes is in a buffer of {buffer} bytes, of which the header takes 16")]
    Length {
        /// Bytes of payload, according to the header.
        length: u16,
        /// Bytes of the buffer.
        buffer: u32,
    },
}

/// The reason why a message was not sent. None of these errors loses or truncates anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The peer has all buffers. The bus has asked to be notified: try again after the next doorbell.
    #[error("no free buffer: wait for a doorbell and try again")]
    NoBuffer,
    /// The link has no peer at the moment.
    #[error("the link is down: wait for the peer")]
    Down,
    /// The peer has no endpoint of this name yet.
    #[error("the endpoint is not bound: wait for the peer to open one of the same name, or name a destination")]
    NotBound,
    /// The endpoint was closed.
    #[error("no such endpoint: it was closed")]
    NoEndpoint,
    /// [`Address::ANY`] cannot be a destination.
    #[error("the destination is no address: take that of an endpoint")]
    NoDestination,
    /// The message does not fit a buffer.
    #[error("the message is too long: the link's buffers hold {max} bytes; send less or set larger buffers")]
    TooLong {
        /// The longest payload that fits, in bytes.
        max: u16,
    },
    /// The buffer was allocated before the link went down.
    #[error("the buffer was allocated before the link went down: allocate another")]
    Stale,
    /// The endpoint or the buffer belongs to another link.
    #[error("the endpoint or the buffer belongs to another link: use it with the link that it is from")]
    OtherLink,
}

/// The reason why an endpoint was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The bus has no room for another endpoint.
    #[error("all endpoints are open: close one, or build the bus for more")]
    Full,
    /// The name is not valid in an announcement.
    #[error(transparent)]
    Name(#[from] BadName),
    /// The requested address is taken.
    #[error("address {0} is taken")]
    AddressInUse(Address),
    /// The requested address is not one that an application may choose.
    #[error("address {0} cannot be chosen: take one below 1024 but not 53, or none")]
    AddressReserved(Address),
}

/// The reason why a received message's bytes were not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The link has gone down since the message came; the buffer belongs to the peer again.
    #[error("the message came over a link that has gone down since")]
    Stale,
    /// More bytes were requested than the message has.
    #[error("more was asked for than the message's {length} bytes")]
    Beyond {
        /// Length of the message in bytes.
        length: u16,
    },
    /// The message came over another link.
    #[error("the message came over another link: read it with the link that it is from")]
    OtherLink,
}
