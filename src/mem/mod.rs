//! Shared memory: the only code that touches it, and the core's only `unsafe`.
//!
//! The other side may write any byte at any time. So:
//! * no reference or slice into shared memory exists, ever: it is addressed by byte offset;
//! * indices and flags are atomic loads and stores, never read-modify-write, never two widths on one address;
//! * payload is copied, by code the compiler cannot see into (see [`Region`]);
//! * bounds are proven once: a [`Table`] checks its place when it is made, and then its accesses cannot leave it.
//!
//! The reasons, with the interleavings, are in `docs/explanation/memory-model.md`.
#![allow(unsafe_code, reason = "this is the one room of the core that may touch shared memory")]

mod buffers;
mod bytes;
mod copy;
#[cfg(any(test, feature = "fakes"))]
pub mod fake;
mod forward;
mod memory_type;
mod read;
mod region;
mod source;
mod table;
mod words;

use core::sync::atomic::Ordering;

pub use buffers::BufferArray;
pub use bytes::Bytes;
pub use forward::Forward;
pub use memory_type::{DeviceMemory, MemoryType, NormalMemory};
pub use read::{ReadMemory, ReadOnlyRegion, SavedMemory};
pub use region::Region;
pub use source::Source;
pub use table::{Record, Table};
pub use words::WordAccess;

/// The ordering of a load.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Orders nothing else.
    Relaxed,
    /// Also sees all that the writer stored before its [`Store::Release`] of this value.
    Acquire,
}

impl Load {
    const fn ordering(self) -> Ordering {
        match self {
            Self::Relaxed => Ordering::Relaxed,
            Self::Acquire => Ordering::Acquire,
        }
    }
}

/// The ordering of a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Orders nothing else.
    Relaxed,
    /// Makes the value visible after all earlier stores of this side.
    Release,
}

impl Store {
    const fn ordering(self) -> Ordering {
        match self {
            Self::Relaxed => Ordering::Relaxed,
            Self::Release => Ordering::Release,
        }
    }
}

/// A place that would leave the memory, or that is not aligned for its contents.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// The bytes asked for are not all inside.
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
        /// The alignment that it needs.
        align: u32,
    },
    /// A table's length is not a power of two.
    #[error("a table of {count} entries: the count must be a power of two")]
    NotPowerOfTwo {
        /// The count asked for.
        count: u32,
    },
}

/// A piece of memory that another machine reads and writes at the same time.
///
/// All offsets and lengths are in bytes. Values are in the machine's own byte order; the layers above convert.
///
/// # Safety
/// Users rely on this for memory safety: [`part`](Self::part) must refuse what is not inside, [`len`](Self::len)
/// must never shrink, and every access inside `len` that meets its method's conditions must be sound whatever
/// the other machine does meanwhile.
#[allow(clippy::len_without_is_empty, reason = "no shared memory is empty")]
pub unsafe trait SharedMemory: WordAccess {
    /// The part of it that a [`Table`] or [`Record`] keeps. Their accesses need no length. It is `Self` if there is nothing
    /// smaller.
    type Words: WordAccess;

    /// Returns this memory for accesses that are proven to be inside.
    fn words(&self) -> Self::Words;

    /// Returns the number of bytes.
    fn len(&self) -> u32;

    /// Returns the `len` bytes at `offset` as a memory of their own, or `None` if they are not all inside.
    fn part(&self, offset: u32, len: u32) -> Option<Self>;

    /// Returns true if offset 0 lies at a multiple of `align`, a power of two.
    fn is_aligned_to(&self, align: u32) -> bool;

    /// Copies bytes from elsewhere into the shared memory.
    ///
    /// # Safety
    /// `offset + from.len() <= len()`.
    unsafe fn copy_in(&self, offset: usize, from: Source<'_>);

    /// Copies shared bytes into private memory. If the peer writes them meanwhile, the copy may have old and new bytes.
    ///
    /// # Safety
    /// `offset + to.len() <= len()`.
    unsafe fn copy_out(&self, offset: usize, to: &mut [u8]);
}
