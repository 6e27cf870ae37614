// SPDX-License-Identifier: Apache-2.0
//! Read-only memory access, for a reader that is neither host nor remote. Every access is bounds-checked, and nothing
//! is written.

use core::ptr::NonNull;
use core::sync::atomic::{Ordering, fence};

use super::{Load, Region, SharedMemory, WordAccess};

/// A memory that can be read. Every access is bounds-checked.
///
/// Every [`SharedMemory`], [`ReadOnlyRegion`] and [`SavedMemory`] implements this trait. A program can implement it for
/// other sources, for example a file. Values are little-endian in memory, and are returned in native byte order.
pub trait ReadMemory {
    /// Returns the size in bytes.
    fn size(&self) -> u32;

    /// Loads the 16 bits at `offset`. Returns `None` if they are not in bounds or if `offset` is odd. The load is an
    /// acquire load: everything that the writer stored before it published the value is visible.
    fn half(&self, offset: u32) -> Option<u16>;

    /// Loads the 32 bits at `offset`. Returns `None` if they are not in bounds or if `offset` is not a multiple of 4.
    /// The load is an acquire load: everything that the writer stored before it published the value is visible.
    fn word(&self, offset: u32) -> Option<u32>;

    /// Fills `to` from `offset`. Returns false if the bytes are not in bounds.
    #[must_use]
    fn read(&self, offset: u32, to: &mut [u8]) -> bool;
}

/// Returns `offset` if an access of `len` bytes is in bounds and aligned. `align` is a power of two.
fn checked(offset: u32, len: usize, size: u32, align: u32) -> Option<usize> {
    let inside = len <= size as usize && offset as usize <= size as usize - len;
    (inside && offset.is_multiple_of(align)).then_some(offset as usize)
}

impl<M: SharedMemory> ReadMemory for M {
    fn size(&self) -> u32 {
        self.len()
    }

    fn half(&self, offset: u32) -> Option<u16> {
        let offset = checked(offset, 2, self.len(), 2).filter(|_| self.is_aligned_to(2))?;
        // SAFETY: the bytes are in bounds and 2-byte aligned.
        Some(u16::from_le(unsafe { self.load_u16(offset, Load::Acquire) }))
    }

    fn word(&self, offset: u32) -> Option<u32> {
        let offset = checked(offset, 4, self.len(), 4).filter(|_| self.is_aligned_to(4))?;
        // SAFETY: the bytes are in bounds and 4-byte aligned.
        Some(u32::from_le(unsafe { self.load_u32(offset, Load::Acquire) }))
    }

    fn read(&self, offset: u32, to: &mut [u8]) -> bool {
        let Some(offset) = checked(offset, to.len(), self.len(), 1) else { return false };
        // SAFETY: `checked` has verified that the bytes are in bounds.
        unsafe { self.copy_out(offset, to) };
        true
    }
}

/// A mapped piece of shared memory, valid for `'m`, that this process cannot write.
#[derive(Clone, Copy, Debug)]
pub struct ReadOnlyRegion<'m>(Region<'m>);

impl ReadOnlyRegion<'_> {
    /// Makes a region of `len` bytes at `start`.
    ///
    /// # Safety
    /// The requirements are those of [`Region::new`], except that the bytes need not be writable.
    #[must_use]
    pub const unsafe fn new(start: NonNull<u8>, len: u32) -> Self {
        // SAFETY: this type never writes to the region.
        Self(unsafe { Region::new(start, len) })
    }
}

// The loads are relaxed and followed by a fence, because Rust allows only relaxed atomic loads from read-only memory.
impl ReadMemory for ReadOnlyRegion<'_> {
    fn size(&self) -> u32 {
        SharedMemory::len(&self.0)
    }

    fn half(&self, offset: u32) -> Option<u16> {
        let offset = checked(offset, 2, self.size(), 2)?;
        // SAFETY: the offset is in bounds and even, and the region is 8-byte aligned.
        let value = u16::from_le(unsafe { self.0.load_u16(offset, Load::Relaxed) });
        fence(Ordering::Acquire);
        Some(value)
    }

    fn word(&self, offset: u32) -> Option<u32> {
        let offset = checked(offset, 4, self.size(), 4)?;
        // SAFETY: the offset is in bounds and a multiple of 4, and the region is 8-byte aligned.
        let value = u32::from_le(unsafe { self.0.load_u32(offset, Load::Relaxed) });
        fence(Ordering::Acquire);
        Some(value)
    }

    fn read(&self, offset: u32, to: &mut [u8]) -> bool {
        self.0.read(offset, to)
    }
}

/// A private copy of shared memory, for example a dump loaded from a file.
#[derive(Clone, Copy)]
pub struct SavedMemory<'a>(pub &'a [u8]);

impl SavedMemory<'_> {
    fn bytes<const N: usize>(&self, offset: u32) -> Option<[u8; N]> {
        let mut bytes = [0; N];
        ((offset as usize).is_multiple_of(N) && self.read(offset, &mut bytes)).then_some(bytes)
    }
}

impl ReadMemory for SavedMemory<'_> {
    fn size(&self) -> u32 {
        u32::try_from(self.0.len()).unwrap_or(u32::MAX)
    }

    fn half(&self, offset: u32) -> Option<u16> {
        self.bytes(offset).map(u16::from_le_bytes)
    }

    fn word(&self, offset: u32) -> Option<u32> {
        self.bytes(offset).map(u32::from_le_bytes)
    }

    fn read(&self, offset: u32, to: &mut [u8]) -> bool {
        let end = (offset as usize).checked_add(to.len());
        let Some(from) = end.and_then(|end| self.0.get(offset as usize..end)) else { return false };
        to.copy_from_slice(from);
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem::Bytes;
    use crate::mem::fake::Heap;

    /// Checks that reads fail if they are out of bounds or misaligned.
    fn bounded(memory: &dyn ReadMemory) {
        assert_eq!(memory.size(), 64);
        assert_eq!((memory.half(2), memory.half(62), memory.word(60)), (Some(0x0403), Some(0x403f), Some(0x403f_3e3d)));
        assert_eq!(
            (memory.half(1), memory.half(64), memory.half(63), memory.half(u32::MAX - 1)),
            (None, None, None, None)
        );
        assert_eq!(
            (memory.word(62), memory.word(64), memory.word(2), memory.word(u32::MAX - 3)),
            (None, None, None, None)
        );
        let mut bytes = [0; 65];
        assert!(
            !memory.read(0, &mut bytes) && !memory.read(62, &mut bytes[..3]) && !memory.read(u32::MAX, &mut bytes[..2])
        );
        assert!(memory.read(64, &mut []) && memory.read(61, &mut bytes[..3]));
        assert_eq!(bytes[..4], [62, 63, 64, 0]);
    }

    #[test]
    fn each_kind_of_memory_is_read_within_its_bounds() {
        let bytes: Vec<u8> = (1..=64).collect();
        let heap = Heap::new(64);
        Bytes::new(&heap.region(), 0, 64).unwrap().write(0, &bytes).unwrap();
        bounded(&heap.region());
        bounded(&SavedMemory(&bytes));
        #[repr(align(8))]
        struct Aligned([u8; 64]);
        let mut aligned = Aligned([0; 64]);
        aligned.0.copy_from_slice(&bytes);
        // SAFETY: the bytes live until the end of the test, are aligned, and are never written.
        bounded(&unsafe { ReadOnlyRegion::new(NonNull::from(&aligned.0).cast(), 64) });
    }

    #[test]
    fn a_memory_at_an_odd_place_gives_no_words() {
        let heap = Heap::new(64);
        let odd = heap.region().part(2, 32).unwrap();
        assert_eq!((odd.half(0), odd.word(0), odd.read(0, &mut [0; 32])), (Some(0), None, true));
    }
}
