// SPDX-License-Identifier: Apache-2.0
//! An array of buffers of equal size in shared memory. The constructor checks that the whole array is in bounds.

use super::{Load, MemoryError, SharedMemory, Source, Store};

/// Size of a slot's header in bytes.
const HEADER: u32 = 16;

/// `2^n` buffers ("slots") of `size` bytes each. Slot numbers are masked, so that no access can leave the array. Copies
/// are checked against the capacity of a slot.
///
/// A slot begins with a header of [`HEADER`](Self::HEADER) bytes, accessed as 32-bit words. Header words are
/// little-endian in shared memory, and in native byte order in arguments and return values. The payload follows the
/// header and is only ever copied.
#[derive(Clone, Debug)]
pub struct BufferArray<M> {
    memory: M,
    /// Number of slots − 1. The mask and the size are as wide as an address, so that one instruction loads both.
    mask: usize,
    /// Size of a slot in bytes: a multiple of 4, and at least `HEADER`.
    size: usize,
    /// Size of a slot's payload in bytes, at most 65535.
    capacity: u16,
}

impl<M: SharedMemory> BufferArray<M> {
    /// Size of a slot's header in bytes.
    pub const HEADER: u32 = HEADER;

    /// Makes an array of `count` slots of `size` bytes at `offset` in `memory`.
    ///
    /// # Errors
    /// Returns an error if the count is not a power of two, if the array is not in bounds, or if the offset or the size
    /// is not a multiple of 4. If the size is less than [`HEADER`](Self::HEADER), the error is `OutOfBounds`.
    pub fn new(memory: &M, offset: u32, size: u32, count: u16) -> Result<Self, MemoryError> {
        Self::within(memory, offset, size, count).ok_or_else(|| match size.checked_mul(count.into()) {
            _ if !count.is_power_of_two() => MemoryError::NotPowerOfTwo { count: count.into() },
            Some(len) if size >= Self::HEADER && memory.part(offset, len).is_some() => {
                MemoryError::Misaligned { offset, align: 4 }
            }
            len => MemoryError::OutOfBounds { offset, len: len.unwrap_or(u32::MAX), size: memory.len() },
        })
    }

    /// Like [`new`](Self::new), but does not report why it failed.
    #[inline(never)]
    pub(crate) fn within(memory: &M, offset: u32, size: u32, count: u16) -> Option<Self> {
        let memory = memory.part(offset, size.checked_mul(count.into())?)?;
        let sound =
            count.is_power_of_two() && size >= Self::HEADER && size.is_multiple_of(4) && memory.is_aligned_to(4);
        // CAST: limited to 16 bits.
        let capacity = size.saturating_sub(Self::HEADER).min(u16::MAX.into()) as u16;
        sound.then(|| Self { memory, mask: usize::from(count) - 1, size: size as usize, capacity })
    }

    /// Returns the size of a slot in bytes.
    #[must_use]
    #[inline(always)]
    pub fn size(&self) -> u32 {
        // CAST: `size` was a `u32` when the array was made.
        self.size as u32
    }

    /// Returns the size of a slot's payload in bytes, at most 65535.
    #[must_use]
    #[inline(always)]
    pub fn capacity(&self) -> u16 {
        self.capacity
    }

    /// Returns the offset of `slot` from the first slot. The offset is in bounds, because the slot number is masked and
    /// the whole array is in bounds.
    #[must_use]
    #[inline(always)]
    pub fn start(&self, slot: u16) -> u32 {
        // CAST: the offset is less than the length of the memory, which is a `u32`.
        self.at(slot).0 as u32
    }

    #[inline(always)]
    fn at(&self, slot: u16) -> Start {
        Start((usize::from(slot) & self.mask) * self.size)
    }

    #[inline(always)]
    fn load<const AT: u32>(&self, start: Start) -> u32 {
        // SAFETY: the header is in bounds, and each slot is 4-byte aligned.
        u32::from_le(unsafe { self.memory.load_u32(start.word::<AT>(), Load::Relaxed) })
    }

    #[inline(always)]
    fn store<const AT: u32>(&self, start: Start, word: u32) {
        // SAFETY: same as in `load`.
        unsafe { self.memory.store_u32(start.word::<AT>(), word.to_le(), Store::Relaxed) };
    }

    /// Loads three header words of the slot, in any order. The const parameters are the byte offsets of the words.
    #[inline(always)]
    pub fn header<const FIRST: u32, const SECOND: u32, const THIRD: u32>(&self, slot: u16) -> [u32; 3] {
        let start = self.at(slot);
        [self.load::<FIRST>(start), self.load::<SECOND>(start), self.load::<THIRD>(start)]
    }

    /// Stores the header words of the slot, in any order.
    #[inline(always)]
    pub fn set_header(&self, slot: u16, words: [u32; 4]) {
        self.store_header(self.at(slot), words);
    }

    #[inline(always)]
    fn store_header(&self, start: Start, [first, second, third, fourth]: [u32; 4]) {
        self.store::<0>(start, first);
        self.store::<4>(start, second);
        self.store::<8>(start, third);
        self.store::<12>(start, fourth);
    }

    /// Stores the header words of the slot and copies `from` to its payload. Returns false and does nothing if `from`
    /// does not fit.
    #[inline(always)]
    #[must_use]
    pub fn fill<'a>(&'a self, slot: u16, words: [u32; 4], from: impl Into<Source<'a>>) -> bool {
        self.fit(from).map(|fitting| fitting.fill(slot, words)).is_some()
    }

    /// Checks that `bytes` fits in a slot. Returns `None` if it does not fit.
    #[inline(always)]
    #[must_use]
    pub fn fit<'a>(&'a self, bytes: impl Into<Source<'a>>) -> Option<FittingPayload<'a, M>> {
        let bytes = bytes.into();
        (bytes.len() <= usize::from(self.capacity)).then_some(FittingPayload { slots: self, bytes })
    }

    /// Copies `from` to a slot's payload, starting at byte `offset`. Returns false and does nothing if `from` does not
    /// fit.
    #[inline]
    #[must_use]
    pub fn write<'a>(&self, slot: u16, offset: u16, from: impl Into<Source<'a>>) -> bool {
        let from = from.into();
        let fits = offset <= self.capacity && from.len() <= usize::from(self.capacity - offset);
        if fits {
            // SAFETY: the bytes are inside the slot, so they are in bounds.
            unsafe { self.memory.copy_in(self.at(slot).payload() + usize::from(offset), from) };
        }
        fits
    }

    /// Fills `to` from a slot's payload, starting at byte `offset`. Only the first `length` bytes of the payload can be
    /// read. Returns false and does nothing if `to` extends beyond these bytes, or if `length` exceeds the capacity.
    #[inline(always)]
    #[must_use]
    pub fn read(&self, slot: u16, length: u16, offset: u16, to: &mut [u8]) -> bool {
        let fits = offset <= length && to.len() <= usize::from(length - offset) && length <= self.capacity;
        if fits {
            // SAFETY: the bytes are inside the slot, so they are in bounds.
            unsafe { self.memory.copy_out(self.at(slot).payload() + usize::from(offset), to) };
        }
        fits
    }
}

/// Bytes that fit in any slot of an array. The caller checks the length once, before it takes a slot.
#[derive(Debug)]
pub struct FittingPayload<'a, M> {
    slots: &'a BufferArray<M>,
    bytes: Source<'a>,
}

impl<M: SharedMemory> FittingPayload<'_, M> {
    /// Stores the header words of the slot and copies the bytes to its payload.
    #[inline(always)]
    pub fn fill(&self, slot: u16, words: [u32; 4]) {
        let start = self.slots.at(slot);
        self.slots.store_header(start, words);
        // SAFETY: `fit` has checked that the bytes are not longer than `capacity`, which is in bounds after the header.
        unsafe { self.slots.memory.copy_in(start.payload(), self.bytes) };
    }
}

/// The offset of a slot in its [`BufferArray`].
#[derive(Clone, Copy)]
struct Start(usize);

impl Start {
    /// Returns the offset of the header word at byte `AT`.
    #[inline(always)]
    fn word<const AT: u32>(self) -> usize {
        const { assert!(AT.is_multiple_of(4) && AT < HEADER) }
        // SAFETY: the sum is in bounds, so it does not overflow. With an unchecked addition, the compiler can fold the
        // constant into the access.
        unsafe { self.0.unchecked_add(AT as usize) }
    }

    /// Returns the offset of the slot's payload.
    #[inline(always)]
    fn payload(self) -> usize {
        // SAFETY: same as in `word`.
        unsafe { self.0.unchecked_add(HEADER as usize) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mem::fake::Heap;

    #[test]
    fn what_cannot_be_is_refused() {
        let heap = Heap::new(4096);
        let new = |offset, size, count| BufferArray::new(&heap.region(), offset, size, count).map(|_| ()).err();
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
        let slots = BufferArray::new(&heap.region(), 1024, 64, 16).unwrap();
        slots.set_header(17, [1, 2, 3, 4]);
        assert_eq!((slots.header::<0, 4, 8>(1), slots.header::<4, 8, 12>(17)), ([1, 2, 3], [2, 3, 4]), "modulo 16");
        assert!(slots.write(1, 0, &[7; 48]) && !slots.write(1, 1, &[9; 48]) && !slots.write(1, 49, &[]));
        let mut all = [0; 48];
        assert!(slots.read(17, 48, 0, &mut all) && all == [7; 48]);
        assert!(!slots.read(1, 47, 0, &mut all) && !slots.read(1, 48, 1, &mut all) && !slots.read(1, 49, 0, &mut all));
        assert!(!slots.read(1, 40, 41, &mut []) && slots.read(1, 40, 40, &mut []));
        assert!(slots.fill(1, [4, 3, 2, 1], &[8; 48]) && !slots.fill(1, [9; 4], &[9; 49]));
        assert!(slots.header::<0, 4, 12>(1) == [4, 3, 1] && slots.read(1, 48, 47, &mut all[..1]) && all[0] == 8);
        assert_eq!(slots.header::<0, 4, 8>(2), [0; 3], "what is behind is as it was");
    }
}
