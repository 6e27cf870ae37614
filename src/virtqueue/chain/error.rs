// SPDX-License-Identifier: Apache-2.0
//! Errors of chains: rules that the other side broke, and mistakes of the caller.

use crate::virtqueue::Fault;

/// A rule of chains that the other side broke. The queue returns the same fault until it is set up again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ChainFault {
    /// A rule of a ring was broken.
    #[error(transparent)]
    Ring(#[from] Fault),
    /// The chain continues at a descriptor that its table does not have.
    #[error("the driver's chain names descriptor {next} in a table of {count}")]
    NextOutOfRange {
        /// The number that the driver wrote.
        next: u16,
        /// Descriptors of the table.
        count: u32,
    },
    /// The chain is longer than the queue. A chain that loops ends here, too.
    #[error("the driver's chain has more descriptors than the queue's {size}, or loops")]
    TooManyDescriptors {
        /// The queue's size, which limits the length of a chain.
        size: u16,
    },
    /// The chain has 4 GiB or more.
    #[error("the driver's chain has 4 GiB or more, which a used length cannot count")]
    TooManyBytes,
    /// A readable element comes after a writable one.
    #[error("the driver's chain has a readable element behind a writable one: readable ones come first")]
    ReadableAfterWritable,
    /// An element is outside the memory that this device may use.
    #[error("the driver's {} element of {length} bytes at {address:#x} is outside the memory it may be in", access(*writable))]
    Outside {
        /// The address that the driver wrote.
        address: u64,
        /// The length that the driver wrote, in bytes.
        length: u32,
        /// True if the device would write it.
        writable: bool,
    },
    /// The chain has an indirect table, although the feature was not negotiated.
    #[error("the driver uses an indirect table, but INDIRECT_DESC was not negotiated")]
    IndirectForbidden,
    /// An indirect table refers to another one.
    #[error("the driver's indirect table refers to another indirect table")]
    IndirectNested,
    /// A descriptor refers to an indirect table, and the chain continues after it.
    #[error("the driver's descriptor refers to an indirect table and has a next one: only the last of a chain may")]
    IndirectWithNext,
    /// An indirect table is empty, does not consist of whole descriptors, is misaligned, or is outside the memory.
    #[error("the driver's indirect table of {length} bytes at {address:#x} is not a whole table within the memory")]
    IndirectTable {
        /// The address that the driver wrote.
        address: u64,
        /// The length that the driver wrote, in bytes.
        length: u32,
    },
    /// The device claims to have written more bytes than the chain has room for.
    #[error("the device says that it wrote {written} bytes to a chain that has {writable} for it")]
    Written {
        /// The length that the device wrote into the used ring.
        written: u32,
        /// The number of writable bytes in the chain.
        writable: u32,
    },
}

const fn access(writable: bool) -> &'static str {
    if writable { "writable" } else { "readable" }
}

/// The reason why a chain was not added. The queue is unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AddError {
    /// Too few descriptors are free now.
    #[error("too few free descriptors: pop used chains, then try again")]
    NoDescriptors,
    /// The chain has no element.
    #[error("a chain needs an element: give a readable or a writable one")]
    Empty,
    /// An element has no bytes. Some devices refuse such an element.
    #[error("an element has no bytes: leave it out")]
    ZeroLength,
    /// The chain has more elements than the queue has descriptors.
    #[error("more elements than the queue's {max} descriptors: use fewer, or a larger queue")]
    TooManyElements {
        /// The maximum number of elements in a chain.
        max: u16,
    },
    /// The chain has 4 GiB or more.
    #[error("a chain of 4 GiB or more, which a used length cannot count: split it")]
    TooManyBytes,
    /// The device broke a rule earlier.
    #[error("the device broke a rule of the queue before: set the queue up again")]
    Broken,
}

/// The error that a chain was given to a queue other than its own. Both are unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the chain belongs to another queue: give it to the queue that it was popped from")]
pub struct WrongQueue;
