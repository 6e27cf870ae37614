// SPDX-License-Identifier: Apache-2.0
//! Errors of a queue: rules of a ring that the other side broke, and layouts that cannot work.

use crate::mem::MemoryError;

/// A rule of a ring that the other side broke, with the value that was read and the limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum Fault {
    /// The peer's index counts more new entries than the peer can have.
    #[error("the peer's ring index jumped from {old} to {new} in a ring of {size}")]
    IndexJump {
        /// The index up to which this side has read.
        old: u16,
        /// The value that the peer wrote.
        new: u16,
        /// The ring's size.
        size: u16,
    },
    /// The peer refers to a descriptor that does not exist.
    #[error("the peer named descriptor {id} in a ring of {size}")]
    NoSuchDescriptor {
        /// The value that the peer wrote.
        id: u32,
        /// The ring's size.
        size: u16,
    },
    /// The peer refers to a descriptor that it does not hold: it was returned twice, or made available twice.
    #[error("the peer named descriptor {id}, which it does not hold")]
    NotHeld {
        /// The value that the peer wrote.
        id: u16,
    },
    /// The descriptor belongs to a chain or refers to an indirect table, but a single buffer was expected.
    #[error(
        "the peer's descriptor {id} has flags {flags:#x}: this queue takes single buffers, no chain and no indirect table"
    )]
    NotSingle {
        /// The descriptor.
        id: u16,
        /// Its flags.
        flags: u16,
    },
}

/// The reason why a queue cannot be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// A part is not inside the memory, or not aligned.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// The queue has more descriptors than the maximum for which this side was built.
    #[error(
        "a queue of {size} buffers, but this side keeps track of {capacity} at most: agree on fewer, or build it for more"
    )]
    TooLarge {
        /// The number of descriptors in the queue.
        size: u16,
        /// The maximum number of descriptors on this side.
        capacity: usize,
    },
}
