// SPDX-License-Identifier: Apache-2.0
//! Errors of the rpmsg layer. Each error tells the caller to try again, reports the caller's mistake, or reports the
//! peer's fault.

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
    /// The table that describes a side's transmit buffers.
    #[error("descriptor table")]
    Descriptors,
    /// The ring in which a side makes its transmit buffers available.
    #[error("available ring")]
    Available,
    /// The transmit buffers.
    #[error("buffers")]
    Buffers,
    /// The ring in which a side returns the peer's buffers.
    #[error("used ring")]
    Used,
}

/// Reasons why a link cannot use the rings or buffers of either side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum RingError {
    /// This side's settings contain an invalid buffer count or size.
    #[error(
        "the number of buffers must be a power of two that this side was built for, and their size a multiple of 8 \
         from 56 to 65552: change the settings"
    )]
    Sizes,
    /// The peer's buffer count or size is invalid, or the count exceeds this side's maximum.
    #[error(
        "the peer has {count} buffers of {size} bytes: give it a power of two that this side was built for, and a \
         size that is a multiple of 8 from 56 to 65552"
    )]
    PeerBuffers {
        /// Number of buffers.
        count: u32,
        /// Size of each buffer in bytes.
        size: u32,
    },
    /// A part of the peer's queue is misaligned or outside the peer's data section.
    #[error(
        "the peer's {part} at {offset:#x} is misaligned, or not within the peer's half of the link's area: use the \
         same version of amp-ivshmem on both sides"
    )]
    PeerPart {
        /// The misaligned or misplaced part.
        part: Part,
        /// Offset of the part in bytes, as stated by the peer.
        offset: u32,
    },
    /// The peer lacks a mandatory feature.
    #[error("the peer does not support EVENT_IDX: use the same version of amp-ivshmem on both sides")]
    PeerFeatures,
    /// The peer has posted buffers that are not contiguous and of equal size.
    #[error(
        "the peer's descriptor {id} does not refer to one of the buffers of its other descriptors: restart the peer"
    )]
    PostedBuffers {
        /// Index of the descriptor.
        id: u16,
    },
    /// The rings have already been used by an earlier incarnation of this side.
    #[error("the rings are in use since an earlier start of this side: restart the host, which sets them up again")]
    InUse,
    /// A part of the layout is out of bounds or misaligned.
    #[error(transparent)]
    Layout(#[from] LayoutError),
}

impl From<RingError> for SetupError {
    fn from(error: RingError) -> Self {
        Self::Service(error)
    }
}

/// Violations of the protocol by the peer. A fault ends the link until it restarts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum Fault {
    /// The peer broke a rule of the virtqueue.
    #[error(transparent)]
    Queue(#[from] virtqueue::Fault),
    /// A descriptor does not refer to one of the peer's buffers.
    #[error(
        "the peer's buffer of {length} bytes at {address:#x} is not one of its buffers of {size} bytes from \
         {start:#x} to {end:#x}"
    )]
    Outside {
        /// Address of the buffer, as stated by the peer.
        address: u64,
        /// Length of the buffer in bytes, as stated by the peer.
        length: u32,
        /// Address of the peer's first buffer.
        start: u64,
        /// Address of the end of the peer's last buffer.
        end: u64,
        /// Size of each buffer in bytes.
        size: u32,
    },
    /// The peer posted a buffer that is read-only or has the wrong length.
    #[error(
        "the peer posted a buffer of {length} bytes or a read-only buffer, but the link's buffers are writable and \
         have {size} bytes"
    )]
    NotForUs {
        /// Length of the buffer in bytes.
        length: u32,
        /// Expected length in bytes.
        size: u32,
    },
    /// A message exceeds its buffer, or a buffer is too short for a header.
    #[error(
        "the peer's message of {length} bytes does not fit in its buffer of {buffer} bytes, 16 of which are the \
         header"
    )]
    Length {
        /// Payload length in bytes, according to the header.
        length: u16,
        /// Length of the buffer in bytes.
        buffer: u32,
    },
}

/// Reasons why a message was not sent. Messages are never truncated, and the caller can send the same message again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SendError {
    /// The peer holds all buffers. The bus has requested a notification: try again after the next doorbell.
    #[error("no free buffer: wait for a doorbell and try again")]
    NoBuffer,
    /// The link currently has no peer.
    #[error("the link is down: wait for the peer")]
    Down,
    /// The endpoint is not bound, because the peer has not opened an endpoint of the same name yet.
    #[error("the endpoint is not bound: wait until the peer opens an endpoint of the same name, or name a destination")]
    NotBound,
    /// The endpoint has been closed.
    #[error("the endpoint has been closed: open it again")]
    NoEndpoint,
    /// The destination is [`Address::ANY`], which cannot receive messages.
    #[error("the destination is not a valid address: use an endpoint's address")]
    NoDestination,
    /// The message does not fit in a buffer.
    #[error("the message is too long: the link's buffers hold {max} bytes; send less, or use larger buffers")]
    TooLong {
        /// Maximum payload length in bytes.
        max: u16,
    },
    /// The buffer was allocated before the link went down.
    #[error("the buffer was allocated before the link went down: allocate another")]
    Stale,
    /// The endpoint or the buffer belongs to another link.
    #[error("the endpoint or buffer belongs to another link: use it with that link")]
    OtherLink,
}

/// Reasons why an endpoint was not opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenError {
    /// The bus already has the maximum number of endpoints.
    #[error("all endpoints are open: close one, or build the link for more")]
    Full,
    /// The name is not valid in an announcement.
    #[error(transparent)]
    Name(#[from] BadName),
    /// The requested address is already in use.
    #[error("address {0} is taken")]
    AddressInUse(Address),
    /// The requested address is reserved.
    #[error("address {0} cannot be chosen: take one below 1024 but not 53, or none")]
    AddressReserved(Address),
}

/// Reasons why a received message was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The link has gone down since the message was received, so the buffer belongs to the peer again.
    #[error("the message is void, because the link has gone down since it arrived: discard it")]
    Stale,
    /// The requested bytes exceed the message.
    #[error("the requested bytes are not within the message's {length} bytes: read less")]
    Beyond {
        /// Length of the message in bytes.
        length: u16,
    },
    /// The message was received on another link.
    #[error("the message belongs to another link: read it with that link")]
    OtherLink,
}
