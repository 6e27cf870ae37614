// SPDX-License-Identifier: Apache-2.0
//! The initial state of a queue's parts in memory. The writer of a part sets it before the other side uses the queue.

use super::Suppress;
use super::descriptor::{Descriptors, describe};
use super::ring::{Available, Used};
use crate::mem::{MemoryError, SharedMemory, Store, Table};
use crate::wire::vring::{DescriptorFlags, available, used};

/// A part of a queue whose initial state has not been set yet.
#[derive(Debug)]
pub(crate) struct Unprepared<T>(T);

/// An available ring, for its driver to prepare.
pub(crate) type AvailableRing<M> = Unprepared<Available<M>>;
/// A used ring, for its device to prepare.
pub(crate) type UsedRing<M> = Unprepared<Used<M>>;
/// A descriptor table, for its driver to prepare.
pub(crate) type DescriptorTable<M> = Unprepared<Descriptors<M>>;

impl<M: SharedMemory, const STRIDE: u32, const HEADER: u32, const TAIL: u32>
    Unprepared<Table<M, STRIDE, HEADER, TAIL>>
{
    /// Returns the part of `size` entries at `offset`, or `None` if it is not inside the memory or not aligned.
    #[inline(always)]
    pub fn at(memory: &M, offset: u32, size: u16) -> Option<Self> {
        Table::at(memory, offset, size.into()).map(Self)
    }

    fn new(memory: &M, offset: u32, size: u16) -> Result<Self, MemoryError> {
        Table::new(memory, offset, size.into()).map(Self)
    }
}

impl<M: SharedMemory> AvailableRing<M> {
    /// Writes the initial state: nothing is available, and no notification is wanted.
    pub fn prepare(self, suppression: impl Suppress) {
        // With event suppression the flags stay 0 (virtio 1.3, 2.7.7.1).
        let flags = if suppression.by_events() { 0 } else { available::NO_INTERRUPT };
        self.0.store_header::<{ available::FLAGS }>(flags, Store::Relaxed);
        self.0.store_header::<{ available::INDEX }>(0, Store::Relaxed);
        self.0.store_tail::<{ available::USED_EVENT }>(u16::MAX, Store::Relaxed);
    }
}

impl<M: SharedMemory> UsedRing<M> {
    /// Writes the initial state: nothing is used, and notifications are wanted.
    pub fn prepare(self) {
        self.0.store_header::<{ used::FLAGS }>(0, Store::Relaxed);
        self.0.store_header::<{ used::INDEX }>(0, Store::Relaxed);
        self.0.store_tail::<{ used::AVAILABLE_EVENT }>(0, Store::Relaxed);
    }
}

impl<M: SharedMemory> DescriptorTable<M> {
    /// Writes each descriptor `n`, whose buffer is the `length` bytes at `address + n * length`.
    pub fn prepare(self, size: u16, mut address: u64, length: u32) {
        for id in 0..size {
            describe(&self.0, id.into(), address, length, DescriptorFlags::empty());
            address = address.wrapping_add(length.into());
        }
    }
}

/// Writes the initial state of the available ring of `size` entries at byte `offset`: nothing is available, and no notification
/// is wanted.
///
/// # Errors
/// Returns a [`MemoryError`] if the ring is not inside the memory or not aligned.
pub fn prepare_available<M: SharedMemory>(
    memory: &M,
    offset: u32,
    size: u16,
    suppression: impl Suppress,
) -> Result<(), MemoryError> {
    AvailableRing::new(memory, offset, size).map(|ring| ring.prepare(suppression))
}

/// Writes the initial state of the used ring of `size` entries at byte `offset`: nothing is used, and notifications are wanted.
///
/// # Errors
/// Returns a [`MemoryError`] if the ring is not inside the memory or not aligned.
pub fn prepare_used<M: SharedMemory>(memory: &M, offset: u32, size: u16) -> Result<(), MemoryError> {
    UsedRing::new(memory, offset, size).map(UsedRing::prepare)
}

/// Writes the descriptors of a queue of `size`, whose buffers of `length` bytes follow each other from `address` on.
/// The driver makes them [available](super::Driver::add_avail) again and again, and never writes a descriptor.
///
/// # Errors
/// Returns a [`MemoryError`] if the table is not inside the memory or not aligned.
pub fn prepare_descriptors<M: SharedMemory>(
    memory: &M,
    offset: u32,
    size: u16,
    address: u64,
    length: u32,
) -> Result<(), MemoryError> {
    DescriptorTable::new(memory, offset, size).map(|table| table.prepare(size, address, length))
}
