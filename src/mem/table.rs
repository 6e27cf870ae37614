//! A table of equal entries whose bounds are proven when it is made: after that no index can leave it.

use super::{Load, MemoryError, SharedMemory, Store};

/// `2^n` entries of `STRIDE` bytes in shared memory, with fields of 16 and 32 bits.
///
/// An index is taken modulo the number of entries, as rings do. A field's place is a constant that the compiler
/// checks. So the accesses need no check at run time, and have none.
///
/// Values are little-endian in memory, as virtio and rpmsg are here, and native outside.
#[derive(Clone, Debug)]
pub struct Table<M, const STRIDE: u32> {
    memory: M,
    /// Entries − 1.
    mask: u32,
}

impl<M: SharedMemory, const STRIDE: u32> Table<M, STRIDE> {
    /// The `count` entries at `offset` of `memory`.
    ///
    /// # Errors
    /// A count that is not a power of two, entries that are not all inside, or an offset that is not aligned for the
    /// entries' fields (4 bytes where `STRIDE` is a multiple of 4, else 2).
    pub fn new(memory: &M, offset: u32, count: u32) -> Result<Self, MemoryError> {
        if !count.is_power_of_two() {
            return Err(MemoryError::NotPowerOfTwo { count });
        }
        let len = u64::from(count) * u64::from(STRIDE);
        let Ok(len) = u32::try_from(len) else {
            return Err(MemoryError::OutOfBounds { offset, len: u32::MAX, size: memory.len() });
        };
        let memory = memory.part(offset, len)?;
        if !memory.is_aligned_to(Self::ALIGN) {
            return Err(MemoryError::Misaligned { offset, align: Self::ALIGN });
        }
        Ok(Self { memory, mask: count - 1 })
    }

    const ALIGN: u32 = if STRIDE.is_multiple_of(4) { 4 } else { 2 };

    /// How many entries there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.mask + 1
    }

    /// Where `FIELD` of entry `index` is. In bounds: `index & mask` is below the count, and `FIELD + WIDTH` within
    /// `STRIDE`. Aligned: the table's start and `STRIDE` are, and `FIELD` is checked here.
    #[inline(always)]
    fn place<const FIELD: u32, const WIDTH: u32>(&self, index: u32) -> u32 {
        const { assert!(FIELD + WIDTH <= STRIDE && FIELD.is_multiple_of(WIDTH) && Self::ALIGN >= WIDTH) }
        (index & self.mask) * STRIDE + FIELD
    }

    /// Loads the 16-bit field at byte `FIELD` of entry `index`.
    #[inline(always)]
    pub fn load_u16<const FIELD: u32>(&self, index: u32, order: Load) -> u16 {
        // SAFETY: `place` is inside and aligned.
        u16::from_le(unsafe { self.memory.load_u16(self.place::<FIELD, 2>(index), order) })
    }

    /// Stores the 16-bit field at byte `FIELD` of entry `index`.
    #[inline(always)]
    pub fn store_u16<const FIELD: u32>(&self, index: u32, value: u16, order: Store) {
        // SAFETY: `place` is inside and aligned.
        unsafe { self.memory.store_u16(self.place::<FIELD, 2>(index), value.to_le(), order) };
    }

    /// Loads the 32-bit field at byte `FIELD` of entry `index`.
    #[inline(always)]
    pub fn load_u32<const FIELD: u32>(&self, index: u32, order: Load) -> u32 {
        // SAFETY: `place` is inside and aligned.
        u32::from_le(unsafe { self.memory.load_u32(self.place::<FIELD, 4>(index), order) })
    }

    /// Stores the 32-bit field at byte `FIELD` of entry `index`.
    #[inline(always)]
    pub fn store_u32<const FIELD: u32>(&self, index: u32, value: u32, order: Store) {
        // SAFETY: `place` is inside and aligned.
        unsafe { self.memory.store_u32(self.place::<FIELD, 4>(index), value.to_le(), order) };
    }

    /// A full barrier; see [`SharedMemory::fence`].
    #[inline(always)]
    pub fn fence(&self) {
        self.memory.fence();
    }
}
