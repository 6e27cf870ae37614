// SPDX-License-Identifier: Apache-2.0
//! Tables and records in shared memory. Their constructors check the bounds, so later accesses cannot leave them.

use super::{Load, MemoryError, SharedMemory, Store, WordAccess};

/// `2^n` entries of `STRIDE` bytes, between a header of `HEADER` bytes and a tail of `TAIL` bytes. Fields are 16 or 32
/// bits wide. All three parts of a vring have this shape.
///
/// Indices are masked, as in any ring. Field offsets are constants that the compiler checks. Accesses therefore need no
/// run-time check.
///
/// Values are little-endian in memory, as virtio and rpmsg require, and in native byte order in arguments and return
/// values.
#[derive(Clone, Debug)]
pub struct Table<M: SharedMemory, const STRIDE: u32, const HEADER: u32 = 0, const TAIL: u32 = 0> {
    memory: M::Words,
    /// Number of entries − 1. The mask is as wide as an address, so that one instruction loads it together with the
    /// base.
    mask: usize,
}

impl<M: SharedMemory, const STRIDE: u32, const HEADER: u32, const TAIL: u32> Table<M, STRIDE, HEADER, TAIL> {
    /// The alignment of `STRIDE` and of the start of the table.
    const ALIGN: u32 = if STRIDE.is_multiple_of(4) { 4 } else { 2 };

    const SHAPE: Shape = Shape::new(STRIDE, HEADER + TAIL, Self::ALIGN);

    /// Makes a table with `count` entries. Its header starts at `offset` in `memory`.
    ///
    /// # Errors
    /// Returns an error if the count is not a power of two, if the table is not in bounds, or if the offset is
    /// misaligned (4 bytes if `STRIDE` is a multiple of 4, otherwise 2 bytes).
    pub fn new(memory: &M, offset: u32, count: u32) -> Result<Self, MemoryError> {
        Self::at(memory, offset, count).ok_or_else(|| {
            if !count.is_power_of_two() {
                return MemoryError::NotPowerOfTwo { count };
            }
            misplaced(memory, offset, Self::SHAPE.len(count).unwrap_or(u32::MAX), Self::ALIGN)
        })
    }

    /// Like [`new`](Self::new), but does not report why it failed.
    #[inline(always)]
    pub(crate) fn at(memory: &M, offset: u32, count: u32) -> Option<Self> {
        Some(Self { memory: entries(memory, offset, count, Self::SHAPE)?, mask: count.wrapping_sub(1) as usize })
    }

    /// Returns the number of entries.
    #[must_use]
    pub fn count(&self) -> u32 {
        // CAST: `count` was a `u32` when the table was made.
        self.mask as u32 + 1
    }

    /// Returns the offset of `FIELD` in entry `index`. The offset is in bounds, because the index is masked and the
    /// field ends within `STRIDE`. The offset is aligned, because the table is aligned, `STRIDE` is a multiple of
    /// `ALIGN`, and the assertions check `HEADER` and `FIELD`.
    #[inline(always)]
    fn entry<const FIELD: u32, const WIDTH: u32>(&self, index: u32) -> usize {
        const { assert!(FIELD + WIDTH <= STRIDE && FIELD.is_multiple_of(WIDTH) && Self::ALIGN >= WIDTH) }
        const { assert!(HEADER.is_multiple_of(Self::ALIGN)) }
        // SAFETY: the sum is in bounds, so it does not overflow. With an unchecked addition, the compiler can fold the
        // constant into the access.
        unsafe { ((index as usize & self.mask) * STRIDE as usize).unchecked_add((HEADER + FIELD) as usize) }
    }

    /// Returns the offset of the 16-bit `FIELD` in the header. It is in bounds and aligned for the same reasons as in
    /// `entry`.
    #[inline(always)]
    fn head<const FIELD: u32>() -> usize {
        const { assert!(FIELD + 2 <= HEADER && FIELD.is_multiple_of(2)) }
        FIELD as usize
    }

    /// Returns the offset of the 16-bit `FIELD` in the tail. It is in bounds and aligned for the same reasons as in
    /// `entry`.
    #[inline(always)]
    fn tail<const FIELD: u32>(&self) -> usize {
        const { assert!(FIELD + 2 <= TAIL && FIELD.is_multiple_of(2)) }
        // SAFETY: same as in `entry`.
        unsafe { (self.mask * STRIDE as usize).unchecked_add((STRIDE + HEADER + FIELD) as usize) }
    }

    /// Loads the 16-bit field at byte `FIELD` in entry `index`.
    #[inline(always)]
    pub fn load_u16<const FIELD: u32>(&self, index: u32, order: Load) -> u16 {
        // SAFETY: `entry` is in bounds and aligned.
        u16::from_le(unsafe { self.memory.load_u16(self.entry::<FIELD, 2>(index), order) })
    }

    /// Stores the 16-bit field at byte `FIELD` in entry `index`.
    #[inline(always)]
    pub fn store_u16<const FIELD: u32>(&self, index: u32, value: u16, order: Store) {
        // SAFETY: `entry` is in bounds and aligned.
        unsafe { self.memory.store_u16(self.entry::<FIELD, 2>(index), value.to_le(), order) };
    }

    /// Loads the 32-bit field at byte `FIELD` in entry `index`.
    #[inline(always)]
    pub fn load_u32<const FIELD: u32>(&self, index: u32, order: Load) -> u32 {
        // SAFETY: `entry` is in bounds and aligned.
        u32::from_le(unsafe { self.memory.load_u32(self.entry::<FIELD, 4>(index), order) })
    }

    /// Stores the 32-bit field at byte `FIELD` in entry `index`.
    #[inline(always)]
    pub fn store_u32<const FIELD: u32>(&self, index: u32, value: u32, order: Store) {
        // SAFETY: `entry` is in bounds and aligned.
        unsafe { self.memory.store_u32(self.entry::<FIELD, 4>(index), value.to_le(), order) };
    }

    /// Loads the 16-bit field at byte `FIELD` in the header.
    #[inline(always)]
    pub fn load_header<const FIELD: u32>(&self, order: Load) -> u16 {
        // SAFETY: `head` is in bounds and aligned.
        u16::from_le(unsafe { self.memory.load_u16(Self::head::<FIELD>(), order) })
    }

    /// Stores the 16-bit field at byte `FIELD` in the header.
    #[inline(always)]
    pub fn store_header<const FIELD: u32>(&self, value: u16, order: Store) {
        // SAFETY: `head` is in bounds and aligned.
        unsafe { self.memory.store_u16(Self::head::<FIELD>(), value.to_le(), order) };
    }

    /// Loads the 16-bit field at byte `FIELD` in the tail.
    #[inline(always)]
    pub fn load_tail<const FIELD: u32>(&self, order: Load) -> u16 {
        // SAFETY: `tail` is in bounds and aligned.
        u16::from_le(unsafe { self.memory.load_u16(self.tail::<FIELD>(), order) })
    }

    /// Stores the 16-bit field at byte `FIELD` in the tail.
    #[inline(always)]
    pub fn store_tail<const FIELD: u32>(&self, value: u16, order: Store) {
        // SAFETY: `tail` is in bounds and aligned.
        unsafe { self.memory.store_u16(self.tail::<FIELD>(), value.to_le(), order) };
    }

    /// Issues a full barrier; see [`WordAccess::fence`].
    #[inline(always)]
    pub fn fence(&self) {
        self.memory.fence();
    }
}

/// The size of an entry, the total size of header and tail, and the alignment of the table, packed into one register.
#[derive(Clone, Copy)]
struct Shape(u32);

impl Shape {
    const fn new(stride: u32, ends: u32, align: u32) -> Self {
        assert!(stride < 1 << 16 && ends < 1 << 8 && align < 1 << 8);
        Self(stride << 16 | ends << 8 | align)
    }

    const fn align(self) -> u32 {
        self.0 & 0xff
    }

    /// Returns the size in bytes of a table with `count` entries, including header and tail.
    #[inline]
    fn len(self, count: u32) -> Option<u32> {
        count.checked_mul(self.0 >> 16)?.checked_add(self.0 >> 8 & 0xff)
    }
}

/// Checks that a table of `count` entries fits at `offset`, and returns its memory. One function serves all tables to
/// save flash.
#[inline(never)]
fn entries<M: SharedMemory>(memory: &M, offset: u32, count: u32, shape: Shape) -> Option<M::Words> {
    let memory = memory.part(offset, shape.len(count)?)?;
    (count.is_power_of_two() && memory.is_aligned_to(shape.align())).then(|| memory.words())
}

/// Returns the reason a table or record cannot be placed at `offset`.
fn misplaced<M: SharedMemory>(memory: &M, offset: u32, len: u32, align: u32) -> MemoryError {
    match memory.part(offset, len) {
        Some(_) => MemoryError::Misaligned { offset, align },
        None => MemoryError::OutOfBounds { offset, len, size: memory.len() },
    }
}

/// `SIZE` bytes of 32-bit fields. Values are little-endian in memory, and in native byte order in arguments and return
/// values.
#[derive(Clone, Debug)]
pub struct Record<M: SharedMemory, const SIZE: u32> {
    memory: M::Words,
}

impl<M: SharedMemory, const SIZE: u32> Record<M, SIZE> {
    /// Makes a record at `offset` in `memory`.
    ///
    /// # Errors
    /// Returns an error if the record is not in bounds, or if the offset is not a multiple of 4.
    pub fn new(memory: &M, offset: u32) -> Result<Self, MemoryError> {
        Self::at(memory, offset).ok_or_else(|| misplaced(memory, offset, SIZE, 4))
    }

    /// Like [`new`](Self::new), but does not report why it failed.
    #[inline(always)]
    pub(crate) fn at(memory: &M, offset: u32) -> Option<Self> {
        const { assert!(SIZE.is_multiple_of(4)) }
        Some(Self { memory: entries(memory, offset, 1, Shape::new(SIZE, 0, 4))? })
    }

    #[inline(always)]
    fn field<const FIELD: u32>() -> usize {
        const { assert!(FIELD + 4 <= SIZE && FIELD.is_multiple_of(4)) }
        FIELD as usize
    }

    /// Loads the field at byte `FIELD`.
    #[inline(always)]
    pub fn load<const FIELD: u32>(&self, order: Load) -> u32 {
        // SAFETY: `field` is in bounds and aligned.
        u32::from_le(unsafe { self.memory.load_u32(Self::field::<FIELD>(), order) })
    }

    /// Loads the 4-byte field number `index`, taken modulo the number of fields, which must be a power of two.
    #[inline(always)]
    pub fn load_field(&self, index: u32, order: Load) -> u32 {
        const { assert!(SIZE.is_power_of_two() && SIZE >= 4) }
        // SAFETY: modulo the record's size, the offset is in bounds and aligned.
        u32::from_le(unsafe { self.memory.load_u32((index * 4 % SIZE) as usize, order) })
    }

    /// Stores the field at byte `FIELD`.
    #[inline(always)]
    pub fn store<const FIELD: u32>(&self, value: u32, order: Store) {
        // SAFETY: `field` is in bounds and aligned.
        unsafe { self.memory.store_u32(Self::field::<FIELD>(), value.to_le(), order) };
    }

    /// Issues a full barrier; see [`WordAccess::fence`].
    pub fn fence(&self) {
        self.memory.fence();
    }
}
