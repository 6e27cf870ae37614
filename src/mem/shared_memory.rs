// SPDX-License-Identifier: Apache-2.0
//! The trait for shared memory.

use super::{Source, WordAccess};

/// A piece of memory that another machine reads and writes concurrently.
///
/// All offsets and lengths are in bytes. Values are in native byte order; the layers above convert them.
///
/// # Safety
/// Callers rely on this trait for memory safety. [`part`](Self::part) must reject anything out of bounds, and
/// [`len`](Self::len) must never shrink. Every access that is in bounds and meets its method's conditions must be
/// sound, whatever the other machine does at the same time.
#[allow(clippy::len_without_is_empty, reason = "no shared memory is empty")]
pub unsafe trait SharedMemory: WordAccess {
    /// The form of this memory that a [`Table`](super::Table) or [`Record`](super::Record) stores. It needs no length,
    /// because these types check bounds when they are made. It is `Self` if there is no smaller form.
    type Words: WordAccess;

    /// Returns this memory in the form for accesses that are known to be in bounds.
    fn words(&self) -> Self::Words;

    /// Returns the length in bytes.
    fn len(&self) -> u32;

    /// Returns the `len` bytes at `offset` as a separate memory, or `None` if they are not in bounds.
    fn part(&self, offset: u32, len: u32) -> Option<Self>;

    /// Returns true if offset 0 is aligned to `align` bytes, a power of two.
    fn is_aligned_to(&self, align: u32) -> bool;

    /// Copies `from` to `offset` in the shared memory.
    ///
    /// # Safety
    /// `offset + from.len()` must not exceed `len()`.
    unsafe fn copy_in(&self, offset: usize, from: Source<'_>);

    /// Fills `to` from `offset` in the shared memory. If the peer writes the bytes during the copy, the result is a mix
    /// of old and new bytes.
    ///
    /// # Safety
    /// `offset + to.len()` must not exceed `len()`.
    unsafe fn copy_out(&self, offset: usize, to: &mut [u8]);
}
