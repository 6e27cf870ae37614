// SPDX-License-Identifier: Apache-2.0
//! The initial state of each part of a queue in memory. A side initializes its own parts before the other side uses the
//! queue.

use super::Suppress;
use super::descriptor::{Descriptors, describe};
use super::ring::{Available, Used};
use crate::mem::{MemoryError, SharedMemory, Store, Table};
use crate::wire::vring::{DescriptorFlags, available, used};

/// A part of a queue that has not been initialized.
#[derive(Debug)]
pub(crate) struct Unprepared<T>(T);

/// An available ring, to be initialized by the driver.
pub(crate) type AvailableRing<M> = Unprepared<Available<M>>;
/// A used ring, to be initialized by the device.
pub(crate) type UsedRing<M> = Unprepared<Used<M>>;
/// A descriptor table, to be initialized by the driver.
pub(crate) type DescriptorTable<M> = Unprepared<Descriptors<M>>;

impl<M: SharedMemory, const STRIDE: u32, const HEADER: u32, const TAIL: u32>
    Unprepared<Table<M, STRIDE, HEADER, TAIL>>
{
    /// Returns the part with `size` entries at `offset`. Returns `None` if it is out of bounds or misaligned.
    #[inline(always)]
    pub fn at(memory: &M, offset: u32, size: u16) -> Option<Self> {
        Table::at(memory, offset, size.into()).map(Self)
    }

    fn new(memory: &M, offset: u32, size: u16) -> Result<Self, MemoryError> {
        Table::new(memory, offset, size.into()).map(Self)
    }
}

impl<M: SharedMemory> AvailableRing<M> {
    /// Writes the initial state: no buffer is available, and no notification is requested.
    pub fn prepare(self, suppression: impl Suppress) {
        // With suppression by event index, the flags must be 0 (virtio 1.3, section 2.7.7.1).
        let flags = if suppression.by_events() { 0 } else { available::NO_INTERRUPT };
        self.0.store_header::<{ available::FLAGS }>(flags, Store::Relaxed);
        self.0.store_header::<{ available::INDEX }>(0, Store::Relaxed);
        self.0.store_tail::<{ available::USED_EVENT }>(u16::MAX, Store::Relaxed);
    }
}

impl<M: SharedMemory> UsedRing<M> {
    /// Writes the initial state: no buffer is used, and notifications are requested.
    pub fn prepare(self) {
        self.0.store_header::<{ used::FLAGS }>(0, Store::Relaxed);
        self.0.store_header::<{ used::INDEX }>(0, Store::Relaxed);
        self.0.store_tail::<{ used::AVAILABLE_EVENT }>(0, Store::Relaxed);
    }
}

impl<M: SharedMemory> DescriptorTable<M> {
    /// Writes all descriptors. The buffer of descriptor `n` is the `length` bytes at `address + n * length`.
    pub fn prepare(self, size: u16, mut address: u64, length: u32) {
        for id in 0..size {
            describe(&self.0, id.into(), address, length, DescriptorFlags::empty());
            address = address.wrapping_add(length.into());
        }
    }
}

/// Initializes the available ring of `size` entries at `offset`: no buffer is available, and no notification is
/// requested.
///
/// # Errors
/// Returns a [`MemoryError`] if the ring is out of bounds or misaligned.
pub fn prepare_available<M: SharedMemory>(
    memory: &M,
    offset: u32,
    size: u16,
    suppression: impl Suppress,
) -> Result<(), MemoryError> {
    AvailableRing::new(memory, offset, size).map(|ring| ring.prepare(suppression))
}

/// Initializes the used ring of `size` entries at `offset`: no buffer is used, and notifications are requested.
///
/// # Errors
/// Returns a [`MemoryError`] if the ring is out of bounds or misaligned.
pub fn prepare_used<M: SharedMemory>(memory: &M, offset: u32, size: u16) -> Result<(), MemoryError> {
    UsedRing::new(memory, offset, size).map(UsedRing::prepare)
}

/// Writes all descriptors of a queue with `size` contiguous buffers of `length` bytes each, starting at `address`. The
/// driver then makes these descriptors [available](super::Driver::add_avail) repeatedly without rewriting them.
///
/// # Errors
/// Returns a [`MemoryError`] if the table is out of bounds or misaligned.
pub fn prepare_descriptors<M: SharedMemory>(
    memory: &M,
    offset: u32,
    size: u16,
    address: u64,
    length: u32,
) -> Result<(), MemoryError> {
    DescriptorTable::new(memory, offset, size).map(|table| table.prepare(size, address, length))
}
