//! Equal pieces of shared memory, one behind the other: buffers. That each is inside is proven when they are made.

use super::{Load, MemoryError, SharedMemory, Store};

/// `2^n` slots of `size` bytes each. A slot's number is taken modulo their count, so that no access can leave them; what is
/// copied is checked against the slot's size.
///
/// A slot begins with [`HEAD`](Self::HEAD) bytes that are loaded and stored as 32-bit words, little-endian in memory and
/// native outside, and never copied.
#[derive(Clone, Debug)]
pub struct Slots<M> {
    memory: M,
    /// Slots − 1.
    mask: u32,
    /// Bytes of each: a multiple of 4, `HEAD` at least.
    size: u32,
}

impl<M: SharedMemory> Slots<M> {
    /// Bytes of a slot's words.
    pub const HEAD: u32 = 16;

    /// `count` slots of `size` bytes, of which the first is at `offset` of `memory`.
    ///
    /// # Errors
    /// A count that is not a power of two, slots that are not all inside, or a place or size that is no multiple of 4; a
    /// size below [`HEAD`](Self::HEAD) counts as slots that are not inside.
    pub fn new(memory: &M, offset: u32, size: u32, count: u16) -> Result<Self, MemoryError> {
        Self::at(memory, offset, size, count).ok_or_else(|| match size.checked_mul(count.into()) {
            _ if !count.is_power_of_two() => MemoryError::NotPowerOfTwo { count: count.into() },
            Some(len) if size >= Self::HEAD && memory.part(offset, len).is_some() => {
                MemoryError::Misaligned { offset, align: 4 }
            }
            len => MemoryError::OutOfBounds { offset, len: len.unwrap_or(u32::MAX), size: memory.len() },
        })
    }

    /// As [`new`](Self::new), without the cause where it cannot be.
    #[inline(never)]
    pub(crate) fn at(memory: &M, offset: u32, size: u32, count: u16) -> Option<Self> {
        let memory = memory.part(offset, size.checked_mul(count.into())?)?;
        let sound = count.is_power_of_two() && size >= Self::HEAD && size.is_multiple_of(4) && memory.is_aligned_to(4);
        sound.then(|| Self { memory, mask: u32::from(count) - 1, size })
    }

    /// Bytes of each slot.
    #[must_use]
    #[inline(always)]
    pub fn size(&self) -> u32 {
        self.size
    }

    /// Where `slot` begins, from the first. In bounds: the masked number is below the count, and all slots are inside.
    #[must_use]
    #[inline(always)]
    pub fn start(&self, slot: u16) -> u32 {
        (u32::from(slot) & self.mask) * self.size
    }

    /// Loads the slot's words, in any order.
    #[inline(always)]
    pub fn head(&self, slot: u16) -> [u32; 4] {
        let start = self.start(slot);
        // SAFETY: `HEAD` bytes are inside from each slot's start on, which is a multiple of 4.
        [0, 4, 8, 12].map(|at| u32::from_le(unsafe { self.memory.load_u32(start + at, Load::Relaxed) }))
    }

    /// Stores the slot's words, in any order.
    #[inline(always)]
    pub fn set_head(&self, slot: u16, words: [u32; 4]) {
        let start = self.start(slot);
        for (at, word) in [0, 4, 8, 12].into_iter().zip(words) {
            // SAFETY: as in `head`.
            unsafe { self.memory.store_u32(start + at, word.to_le(), Store::Relaxed) };
        }
    }

    /// Copies `from` to byte `offset` of a slot; false, and nothing done, where it does not fit.
    #[inline]
    #[must_use]
    pub fn write(&self, slot: u16, offset: u32, from: &[u8]) -> bool {
        let fits = self.fits(offset, from.len());
        if fits {
            // SAFETY: inside the slot, hence inside.
            unsafe { self.memory.copy_in(self.start(slot) + offset, from) };
        }
        fits
    }

    /// Fills `to` from byte `offset` of a slot; false, and nothing done, where it has not as much.
    #[inline]
    #[must_use]
    pub fn read(&self, slot: u16, offset: u32, to: &mut [u8]) -> bool {
        let fits = self.fits(offset, to.len());
        if fits {
            // SAFETY: inside the slot, hence inside.
            unsafe { self.memory.copy_out(self.start(slot) + offset, to) };
        }
        fits
    }

    #[inline(always)]
    fn fits(&self, offset: u32, len: usize) -> bool {
        offset <= self.size && len <= (self.size - offset) as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem::fake::Heap;

    #[test]
    fn what_cannot_be_is_refused() {
        let heap = Heap::new(4096);
        let new = |offset, size, count| Slots::new(&heap.region(), offset, size, count).map(|_| ()).err();
        assert_eq!(new(0, 512, 8), None);
        assert_eq!(new(4, 512, 8), Some(MemoryError::OutOfBounds { offset: 4, len: 4096, size: 4096 }));
        assert_eq!(new(0, 64, 3), Some(MemoryError::NotPowerOfTwo { count: 3 }));
        assert_eq!(new(0, 64, 0), Some(MemoryError::NotPowerOfTwo { count: 0 }));
        assert_eq!(new(2, 64, 8), Some(MemoryError::Misaligned { offset: 2, align: 4 }));
        assert_eq!(new(0, 62, 8), Some(MemoryError::Misaligned { offset: 0, align: 4 }));
        assert_eq!(new(0, 12, 8), Some(MemoryError::OutOfBounds { offset: 0, len: 96, size: 4096 }));
        assert_eq!(new(0, u32::MAX, 2), Some(MemoryError::OutOfBounds { offset: 0, len: u32::MAX, size: 4096 }));
    }

    #[test]
    fn no_number_and_no_length_leaves_a_slot() {
        let heap = Heap::new(4096);
        let slots = Slots::new(&heap.region(), 1024, 64, 16).unwrap();
        slots.set_head(17, [1, 2, 3, 4]);
        assert_eq!(slots.head(1), [1, 2, 3, 4], "modulo 16");
        assert!(slots.write(1, 16, &[7; 48]) && !slots.write(1, 17, &[9; 48]) && !slots.write(1, 65, &[]));
        let mut all = [0; 48];
        assert!(slots.read(1, 16, &mut all) && all == [7; 48]);
        assert!(!slots.read(1, 20, &mut all) && !slots.read(1, u32::MAX, &mut all[..1]) && slots.read(1, 64, &mut []));
        assert_eq!(slots.head(2), [0; 4], "what is behind is as it was");
    }
}
