//! Shared memory: the only code that touches it, and the core's only `unsafe`.
//!
//! The other side may write any byte at any time. So:
//! * no reference or slice into shared memory exists, ever: it is addressed by byte offset;
//! * indices and flags are atomic loads and stores, never read-modify-write, never two widths on one address;
//! * payload is copied, by code the compiler cannot see into (see [`Region`]);
//! * bounds are proven once: a [`Table`] checks its place when it is made, and then its accesses cannot leave it.
//!
//! The reasons, with the interleavings, are in `docs/memory-model.md`.
#![allow(unsafe_code, reason = "this is the one room of the core that may touch shared memory")]

mod buffers;
mod bytes;
mod copy;
#[cfg(any(test, feature = "fakes"))]
pub mod fake;
mod forward;
mod memory_type;
mod region;
mod table;
mod words;

use core::sync::atomic::Ordering;

pub use buffers::BufferArray;
pub use bytes::Bytes;
pub use forward::Forward;
pub use memory_type::{DeviceMemory, MemoryType, NormalMemory};
pub use region::Region;
pub use table::{Record, Table};
pub use words::WordAccess;

/// What a load must see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Load {
    /// Just the value.
    Relaxed,
    /// The value, and all that its writer stored before it with [`Store::Release`].
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

/// What a store makes visible.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Store {
    /// Just the value.
    Relaxed,
    /// The value, after all that this side stored before it.
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

/// A place that would leave the memory, or that is not aligned for what should be there.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum MemoryError {
    /// The bytes asked for are not all inside.
    #[error(
        "{len} bytes at offset {offset:#x} leave the shared memory of {size} bytes: make it larger or the link smaller"
    )]
    OutOfBounds {
        /// Where the place begins, in bytes.
        offset: u32,
        /// How long it is, in bytes.
        len: u32,
        /// How long the memory is, in bytes.
        size: u32,
    },
    /// The place does not begin at a multiple of its alignment.
    #[error("offset {offset:#x} of the shared memory is not a multiple of {align}")]
    Misaligned {
        /// Where the place begins, in bytes.
        offset: u32,
        /// What it must be a multiple of.
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
    /// What a [`Table`] or [`Record`] keeps of it: as much as its accesses need, which have no use for a length. Itself,
    /// where there is nothing smaller.
    type Words: WordAccess;

    /// This memory for one whose accesses are proven to be inside.
    fn words(&self) -> Self::Words;

    /// How many bytes there are.
    fn len(&self) -> u32;

    /// The `len` bytes at `offset` as a memory of their own; `None` where they are not all inside.
    fn part(&self, offset: u32, len: u32) -> Option<Self>;

    /// Whether offset 0 lies at a multiple of `align`, a power of two.
    fn is_aligned_to(&self, align: u32) -> bool;

    /// Copies private bytes into the shared memory.
    ///
    /// # Safety
    /// `offset + from.len() <= len()`.
    unsafe fn copy_in(&self, offset: usize, from: &[u8]);

    /// Copies shared bytes out into private memory. Where the peer writes them meanwhile, which bytes arrive is
    /// unspecified.
    ///
    /// # Safety
    /// `offset + to.len() <= len()`.
    unsafe fn copy_out(&self, offset: usize, to: &mut [u8]);
}
