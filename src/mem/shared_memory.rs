// SPDX-License-Identifier: Apache-2.0
//! The trait of a shared memory.

use super::{Source, WordAccess};

/// A piece of memory that another machine reads and writes at the same time.
///
/// All offsets and lengths are in bytes. Values are in the machine's own byte order; the layers above convert.
///
/// # Safety
/// Users rely on this for memory safety: [`part`](Self::part) must refuse anything that is not inside,
/// [`len`](Self::len) must never shrink, and every access inside `len` that meets its method's conditions must be sound
/// whatever the other machine does meanwhile.
#[allow(clippy::len_without_is_empty, reason = "no shared memory is empty")]
pub unsafe trait SharedMemory: WordAccess {
    /// The form of this memory that a [`Table`](super::Table) or [`Record`](super::Record) keeps. Their accesses need
    /// no length. It is `Self` if there is no smaller form.
    type Words: WordAccess;

    /// Returns this memory for accesses that are proven to be inside.
    fn words(&self) -> Self::Words;

    /// Returns the number of bytes.
    fn len(&self) -> u32;

    /// Returns the `len` bytes at `offset` as a memory of their own, or `None` if they are not all inside.
    fn part(&self, offset: u32, len: u32) -> Option<Self>;

    /// Returns true if offset 0 lies at a multiple of `align`, a power of two.
    fn is_aligned_to(&self, align: u32) -> bool;

    /// Copies `from` into the shared memory.
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
