// SPDX-License-Identifier: Apache-2.0
//! Chain errors: rules that the other side broke, and mistakes by the caller.

use crate::virtqueue::Fault;

/// A rule for chains that the other side broke. The queue returns the same fault until it is set up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// The other side broke a ring rule.
    #[error(transparent)]
    Ring(#[from] Fault),
    /// The chain continues at a descriptor that does not exist in its table.
    #[error("the driver's chain refers to descriptor {next} in a table of {count}")]
    NextOutOfRange {
        /// The descriptor number that the driver wrote.
        next: u16,
        /// The number of descriptors in the table.
        count: u32,
    },
    /// The chain has more descriptors than the queue, possibly because it loops.
    #[error("the driver's chain has a loop, or more than the queue's {size} descriptors")]
    TooManyDescriptors {
        /// The size of the queue, which is also the maximum length of a chain.
        size: u16,
    },
    /// The elements of the chain add up to 4 GiB or more.
    #[error("the driver's chain has 4 GiB or more, which a used length cannot express")]
    TooManyBytes,
    /// A readable element follows a writable one.
    #[error("the driver's chain has a readable element after a writable one: readable elements must come first")]
    ReadableAfterWritable,
    /// An element is outside the memory that the device may access.
    #[error(
        "the driver's {} element of {length} bytes at {address:#x} is outside the memory in which it must be",
        access(*writable)
    )]
    Outside {
        /// The address that the driver wrote.
        address: u64,
        /// The length that the driver wrote, in bytes.
        length: u32,
        /// True if the element is writable.
        writable: bool,
    },
    /// The chain uses an indirect table, but the feature was not negotiated.
    #[error("the driver uses an indirect table, but INDIRECT_DESC was not negotiated")]
    IndirectForbidden,
    /// An indirect table refers to another indirect table.
    #[error("the driver's indirect table refers to another indirect table")]
    IndirectNested,
    /// A descriptor refers to an indirect table but is not the last descriptor of its chain.
    #[error(
        "the driver's descriptor refers to an indirect table and has the NEXT flag: only the last descriptor of a \
         chain may refer to one"
    )]
    IndirectWithNext,
    /// An indirect table is empty, misaligned or out of bounds, or its length is not a multiple of the descriptor size.
    #[error("the driver's indirect table of {length} bytes at {address:#x} is not a whole table within the memory")]
    IndirectTable {
        /// The address that the driver wrote.
        address: u64,
        /// The length that the driver wrote, in bytes.
        length: u32,
    },
    /// The device claims to have written more bytes than the chain can hold.
    #[error("the device reports {written} written bytes for a chain with {writable} writable bytes")]
    Written {
        /// The length that the device wrote to the used ring.
        written: u32,
        /// The number of writable bytes in the chain.
        writable: u32,
    },
}

const fn access(writable: bool) -> &'static str {
    if writable { "writable" } else { "readable" }
}

/// The reason a chain was not added. The queue is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// There are not enough free descriptors.
    #[error("too few free descriptors: pop used chains, then try again")]
    NoDescriptors,
    /// The chain has no elements.
    #[error("the chain is empty: add a readable or a writable element")]
    Empty,
    /// An element has length 0. Some devices reject empty elements.
    #[error("an element is empty: leave it out")]
    ZeroLength,
    /// The chain has more elements than the queue has descriptors.
    #[error("the chain has more elements than the queue's {max} descriptors: use fewer elements, or a larger queue")]
    TooManyElements {
        /// The maximum number of elements in a chain.
        max: u16,
    },
    /// The elements of the chain add up to 4 GiB or more.
    #[error("the chain has 4 GiB or more, which a used length cannot express: split it")]
    TooManyBytes,
    /// The device has already broken a rule.
    #[error("the device has broken the protocol of this queue before: set the queue up again")]
    Broken,
}

/// A chain was passed to a queue to which it does not belong. The chain and the queue are unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chain belongs to another queue: return it to the queue from which it was popped")]
pub struct WrongQueue;
