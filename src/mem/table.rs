//! Tables and records whose bounds are proven when they are made: after that no access can leave them.

use super::{Load, MemoryError, SharedMemory, Store};

/// `2^n` entries of `STRIDE` bytes in shared memory, between a head of `HEAD` bytes and a tail of `TAIL` bytes, with
/// fields of 16 and 32 bits: the shape of all three parts of a vring.
///
/// An index is taken modulo the number of entries, as rings do. A field's place is a constant that the compiler
/// checks. So the accesses need no check at run time, and have none.
///
/// Values are little-endian in memory, as virtio and rpmsg are here, and native outside.
#[derive(Clone, Debug)]
pub struct Table<M, const STRIDE: u32, const HEAD: u32 = 0, const TAIL: u32 = 0> {
    memory: M,
    /// Entries − 1.
    mask: u32,
}

impl<M: SharedMemory, const STRIDE: u32, const HEAD: u32, const TAIL: u32> Table<M, STRIDE, HEAD, TAIL> {
    /// What `STRIDE` and the table's start are multiples of.
    const ALIGN: u32 = if STRIDE.is_multiple_of(4) { 4 } else { 2 };

    /// The table with `count` entries whose head is at `offset` of `memory`.
    ///
    /// # Errors
    /// A count that is not a power of two, a table that is not all inside, or an offset that is not aligned for the
    /// entries' fields (4 bytes where `STRIDE` is a multiple of 4, else 2).
    #[inline(always)]
    pub fn new(memory: &M, offset: u32, count: u32) -> Result<Self, MemoryError> {
        Ok(Self { memory: entries(memory, offset, count, STRIDE, HEAD + TAIL, Self::ALIGN)?, mask: count - 1 })
    }

    /// How many entries there are.
    #[must_use]
    pub fn count(&self) -> u32 {
        self.mask + 1
    }

    /// Where `FIELD` of entry `index` is. In bounds: `index & mask` is below the count, and `FIELD + WIDTH` within
    /// `STRIDE`. Aligned: the table's start, `HEAD` and `STRIDE` are, and `FIELD` is checked here.
    #[inline(always)]
    fn entry<const FIELD: u32, const WIDTH: u32>(&self, index: u32) -> u32 {
        const { assert!(FIELD + WIDTH <= STRIDE && FIELD.is_multiple_of(WIDTH) && Self::ALIGN >= WIDTH) }
        const { assert!(HEAD.is_multiple_of(Self::ALIGN)) }
        HEAD + (index & self.mask) * STRIDE + FIELD
    }

    /// Where the 16-bit `FIELD` of the head is; in bounds and aligned, as for `entry`.
    #[inline(always)]
    fn head<const FIELD: u32>() -> u32 {
        const { assert!(FIELD + 2 <= HEAD && FIELD.is_multiple_of(2)) }
        FIELD
    }

    /// Where the 16-bit `FIELD` of the tail is; in bounds and aligned, as for `entry`.
    #[inline(always)]
    fn tail<const FIELD: u32>(&self) -> u32 {
        const { assert!(FIELD + 2 <= TAIL && FIELD.is_multiple_of(2)) }
        HEAD + (self.mask + 1) * STRIDE + FIELD
    }

    /// Loads the 16-bit field at byte `FIELD` of entry `index`.
    #[inline(always)]
    pub fn load_u16<const FIELD: u32>(&self, index: u32, order: Load) -> u16 {
        // SAFETY: `entry` is inside and aligned.
        u16::from_le(unsafe { self.memory.load_u16(self.entry::<FIELD, 2>(index), order) })
    }

    /// Stores the 16-bit field at byte `FIELD` of entry `index`.
    #[inline(always)]
    pub fn store_u16<const FIELD: u32>(&self, index: u32, value: u16, order: Store) {
        // SAFETY: `entry` is inside and aligned.
        unsafe { self.memory.store_u16(self.entry::<FIELD, 2>(index), value.to_le(), order) };
    }

    /// Loads the 32-bit field at byte `FIELD` of entry `index`.
    #[inline(always)]
    pub fn load_u32<const FIELD: u32>(&self, index: u32, order: Load) -> u32 {
        // SAFETY: `entry` is inside and aligned.
        u32::from_le(unsafe { self.memory.load_u32(self.entry::<FIELD, 4>(index), order) })
    }

    /// Stores the 32-bit field at byte `FIELD` of entry `index`.
    #[inline(always)]
    pub fn store_u32<const FIELD: u32>(&self, index: u32, value: u32, order: Store) {
        // SAFETY: `entry` is inside and aligned.
        unsafe { self.memory.store_u32(self.entry::<FIELD, 4>(index), value.to_le(), order) };
    }

    /// Loads the 16-bit field at byte `FIELD` of the head.
    #[inline(always)]
    pub fn load_head<const FIELD: u32>(&self, order: Load) -> u16 {
        // SAFETY: `head` is inside and aligned.
        u16::from_le(unsafe { self.memory.load_u16(Self::head::<FIELD>(), order) })
    }

    /// Stores the 16-bit field at byte `FIELD` of the head.
    #[inline(always)]
    pub fn store_head<const FIELD: u32>(&self, value: u16, order: Store) {
        // SAFETY: `head` is inside and aligned.
        unsafe { self.memory.store_u16(Self::head::<FIELD>(), value.to_le(), order) };
    }

    /// Loads the 16-bit field at byte `FIELD` of the tail.
    #[inline(always)]
    pub fn load_tail<const FIELD: u32>(&self, order: Load) -> u16 {
        // SAFETY: `tail` is inside and aligned.
        u16::from_le(unsafe { self.memory.load_u16(self.tail::<FIELD>(), order) })
    }

    /// Stores the 16-bit field at byte `FIELD` of the tail.
    #[inline(always)]
    pub fn store_tail<const FIELD: u32>(&self, value: u16, order: Store) {
        // SAFETY: `tail` is inside and aligned.
        unsafe { self.memory.store_u16(self.tail::<FIELD>(), value.to_le(), order) };
    }

    /// A full barrier; see [`SharedMemory::fence`].
    #[inline(always)]
    pub fn fence(&self) {
        self.memory.fence();
    }
}

/// `count` entries of `stride` bytes with `ends` bytes around them. Once for all tables, whose sizes are constants.
#[inline(never)]
fn entries<M: SharedMemory>(
    memory: &M,
    offset: u32,
    count: u32,
    stride: u32,
    ends: u32,
    align: u32,
) -> Result<M, MemoryError> {
    if !count.is_power_of_two() {
        return Err(MemoryError::NotPowerOfTwo);
    }
    match count.checked_mul(stride).and_then(|len| len.checked_add(ends)) {
        Some(len) => aligned(memory, offset, len, align),
        None => Err(MemoryError::OutOfBounds),
    }
}

/// The `len` bytes at `offset`, if they lie at a multiple of `align`.
fn aligned<M: SharedMemory>(memory: &M, offset: u32, len: u32, align: u32) -> Result<M, MemoryError> {
    let memory = memory.part(offset, len)?;
    if memory.is_aligned_to(align) { Ok(memory) } else { Err(MemoryError::Misaligned) }
}

/// `SIZE` bytes of 32-bit fields in shared memory, little-endian there and native outside.
#[derive(Clone, Debug)]
pub struct Record<M, const SIZE: u32> {
    memory: M,
}

impl<M: SharedMemory, const SIZE: u32> Record<M, SIZE> {
    /// The record at `offset` of `memory`.
    ///
    /// # Errors
    /// A record that is not all inside, or an offset that is not a multiple of 4.
    pub fn new(memory: &M, offset: u32) -> Result<Self, MemoryError> {
        Ok(Self { memory: aligned(memory, offset, SIZE, 4)? })
    }

    #[inline(always)]
    fn field<const FIELD: u32>() -> u32 {
        const { assert!(FIELD + 4 <= SIZE && FIELD.is_multiple_of(4)) }
        FIELD
    }

    /// Loads the field at byte `FIELD`.
    #[inline(always)]
    pub fn load<const FIELD: u32>(&self, order: Load) -> u32 {
        // SAFETY: `field` is inside and aligned.
        u32::from_le(unsafe { self.memory.load_u32(Self::field::<FIELD>(), order) })
    }

    /// Loads field `index`, counted from 0 in fields of 4 bytes and modulo the record's, which are a power of two.
    #[inline(always)]
    pub fn load_field(&self, index: u32, order: Load) -> u32 {
        const { assert!(SIZE.is_power_of_two() && SIZE >= 4) }
        // SAFETY: modulo the record's size inside, and aligned.
        u32::from_le(unsafe { self.memory.load_u32(index * 4 % SIZE, order) })
    }

    /// Stores the field at byte `FIELD`.
    #[inline(always)]
    pub fn store<const FIELD: u32>(&self, value: u32, order: Store) {
        // SAFETY: `field` is inside and aligned.
        unsafe { self.memory.store_u32(Self::field::<FIELD>(), value.to_le(), order) };
    }

    /// A full barrier; see [`SharedMemory::fence`].
    pub fn fence(&self) {
        self.memory.fence();
    }
}
