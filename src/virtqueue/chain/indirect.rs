// SPDX-License-Identifier: Apache-2.0
//! The driver's indirect tables, one per descriptor. The caller supplies the memory.

use super::super::LayoutError;
use super::super::descriptor::{Descriptors, describe_chained};
use super::Element;
use crate::mem::{MemoryError, SharedMemory, Table};
use crate::wire::vring::{DescriptorFlags, descriptor};

/// Memory for the indirect tables of one queue. Table `n` belongs to descriptor `n`, so it is free whenever the
/// descriptor is free.
#[derive(Clone, Debug)]
pub struct IndirectTables<M: SharedMemory> {
    entries: Descriptors<M>,
    /// The address of the first entry, as written to descriptors.
    address: u64,
    count: u16,
    /// Number of entries in each table.
    length: u16,
}

impl<M: SharedMemory> IndirectTables<M> {
    /// Returns the size in bytes of the tables of a queue with `size` descriptors and `length` entries per table.
    #[must_use]
    pub const fn bytes(size: u16, length: u16) -> u32 {
        (size as u32).wrapping_mul(length as u32).saturating_mul(descriptor::SIZE)
    }

    /// Makes tables of `length` entries each, a power of two, for a queue of `size` descriptors. The tables start at
    /// `offset` in `memory`, and the device accesses them at `address`.
    ///
    /// # Errors
    /// Returns a [`LayoutError`] if the tables are out of bounds or not 4-byte aligned, or if `length` is not a power
    /// of two.
    pub fn new(memory: &M, offset: u32, address: u64, size: u16, length: u16) -> Result<Self, LayoutError> {
        if !length.is_power_of_two() {
            return Err(MemoryError::NotPowerOfTwo { count: length.into() }.into());
        }
        let entries = Table::new(memory, offset, u32::from(size).wrapping_mul(length.into()))?;
        Ok(Self { entries, address, count: size, length })
    }

    /// Returns the number of tables.
    pub(super) const fn count(&self) -> u16 {
        self.count
    }

    /// Returns the number of entries in each table.
    pub(super) const fn length(&self) -> u16 {
        self.length
    }

    /// Writes entry `index` in the table of descriptor `id`. `next` is the entry at which the chain continues, if any.
    pub(super) fn write(&self, id: u16, index: u16, element: Element, flags: DescriptorFlags, next: Option<u16>) {
        let entry = self.first(id).wrapping_add(index.into());
        describe_chained(&self.entries, entry, (element.address, element.length), flags, next);
    }

    /// Returns the address of the table of descriptor `id`.
    pub(super) fn address(&self, id: u16) -> u64 {
        self.address.wrapping_add(u64::from(self.first(id)).wrapping_mul(descriptor::SIZE.into()))
    }

    fn first(&self, id: u16) -> u32 {
        u32::from(id).wrapping_mul(self.length.into())
    }
}
