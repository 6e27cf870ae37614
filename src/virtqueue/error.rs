// SPDX-License-Identifier: Apache-2.0
//! Queue errors: ring rules that the other side broke, and layouts that cannot be used.

use crate::mem::MemoryError;

/// A ring rule that the other side broke, with the offending value and the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum Fault {
    /// The peer's index advanced by more entries than the peer can have added.
    #[error("the peer's ring index jumped from {old} to {new} in a ring of {size}")]
    IndexJump {
        /// The index up to which this side has read the ring.
        old: u16,
        /// The index that the peer wrote.
        new: u16,
        /// The size of the ring.
        size: u16,
    },
    /// The peer referred to a descriptor that does not exist.
    #[error("the peer refers to descriptor {id} in a ring of {size}")]
    NoSuchDescriptor {
        /// The descriptor id that the peer wrote.
        id: u32,
        /// The size of the ring.
        size: u16,
    },
    /// The peer referred to a descriptor that it does not hold. It has returned the descriptor twice, or made it
    /// available twice.
    #[error("the peer refers to descriptor {id}, which it does not hold")]
    NotHeld {
        /// The descriptor id that the peer wrote.
        id: u16,
    },
    /// The descriptor is part of a chain or refers to an indirect table, but a single buffer was expected.
    #[error(
        "the peer's descriptor {id} has flags {flags:#x}: this queue accepts single buffers only, not chains or \
         indirect tables"
    )]
    NotSingle {
        /// The descriptor id.
        id: u16,
        /// The flags of the descriptor.
        flags: u16,
    },
}

/// The reason a queue cannot be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// A part of the queue is out of bounds or misaligned.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The queue has more descriptors than this side was built for.
    #[error(
        "the queue has {size} buffers, but this side tracks at most {capacity}: use fewer, or build this side for more"
    )]
    TooLarge {
        /// The number of descriptors in the queue.
        size: u16,
        /// The maximum number of descriptors that this side supports.
        capacity: usize,
    },
}
