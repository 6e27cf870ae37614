// SPDX-License-Identifier: Apache-2.0
//! Errors for objects that cannot be placed in the shared memory.

/// The reason an object cannot be placed at an offset in the shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// The object is not entirely in bounds.
    #[error(
        "{len} bytes at offset {offset:#x} are not within the shared memory of {size} bytes: use a larger memory or \
         a smaller link"
    )]
    OutOfBounds {
        /// The offset of the object in bytes.
        offset: u32,
        /// The length of the object in bytes.
        len: u32,
        /// The size of the memory in bytes.
        size: u32,
    },
    /// The object is misaligned.
    #[error("offset {offset:#x} of the shared memory is not a multiple of {align}")]
    Misaligned {
        /// The offset of the object in bytes.
        offset: u32,
        /// The required alignment in bytes.
        align: u32,
    },
    /// The number of entries is not a power of two.
    #[error("a table has {count} entries, but the number must be a power of two")]
    NotPowerOfTwo {
        /// The requested number of entries.
        count: u32,
    },
}
