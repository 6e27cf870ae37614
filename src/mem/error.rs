// SPDX-License-Identifier: Apache-2.0
//! Errors for places in the shared memory.

/// A place that would leave the memory, or that is not aligned for its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// The requested bytes are not all inside.
    #[error(
        "{len} bytes at offset {offset:#x} leave the shared memory of {size} bytes: make it larger or the link smaller"
    )]
    OutOfBounds {
        /// The start of the place, in bytes.
        offset: u32,
        /// The length of the place, in bytes.
        len: u32,
        /// The size of the memory, in bytes.
        size: u32,
    },
    /// The place does not begin at a multiple of its alignment.
    #[error("offset {offset:#x} of the shared memory is not a multiple of {align}")]
    Misaligned {
        /// The start of the place, in bytes.
        offset: u32,
        /// The required alignment.
        align: u32,
    },
    /// A table's length is not a power of two.
    #[error("a table of {count} entries: the count must be a power of two")]
    NotPowerOfTwo {
        /// The requested count.
        count: u32,
    },
}
