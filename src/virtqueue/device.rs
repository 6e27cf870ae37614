// SPDX-License-Identifier: Apache-2.0
//! The device side: owns the used ring, pops available buffers and returns them as used.

use super::descriptor::{Descriptor, address};
use super::{Fault, Layout, LayoutError, Ring, Suppress, Suppression};
use crate::mem::{Load, SharedMemory, Store};
use crate::wire::vring::{DescriptorFlags, available, descriptor, need_event_of_one, used};

/// A buffer that the driver has made available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// The descriptor id of the buffer.
    pub id: u16,
    /// The address of the buffer, as written by the driver. The caller must check it.
    pub address: u64,
    /// The length of the buffer in bytes, as written by the driver. The caller must check it.
    pub length: u32,
    /// True if the device may write to the buffer. False if it may only read the buffer.
    pub writable: bool,
}

/// The current owner of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// No owner: the queue has no such descriptor.
    Nobody,
    /// The driver. It may have made the descriptor available in ring entries that this side has not read yet.
    Driver,
    /// This side.
    Device,
}

/// The device side of a queue with at most `N` descriptors.
#[derive(Debug)]
pub struct Device<M: SharedMemory, const N: usize, S = Suppression> {
    ring: Ring<M>,
    suppression: S,
    /// The current owner of each descriptor.
    holders: [Holder; N],
    /// The last notification request stored in shared memory: an event index or flags.
    armed: u16,
    /// The driver's available index at the last read.
    seen: u16,
    /// Number of buffers popped so far. The low 16 bits are the next available index to read.
    avail_count: u32,
    /// Number of buffers returned so far. The low 16 bits are this side's used index.
    used_count: u32,
}

impl<M: SharedMemory, const N: usize, S: Suppress> Device<M, N, S> {
    /// Makes the device side of a queue in [prepared](super::prepare_used) memory. The device holds no descriptors, and
    /// the driver is asked for notifications. This does not access the memory.
    ///
    /// # Errors
    /// Returns a [`LayoutError`] if a part of the queue is out of bounds, or if the queue has more than `N`
    /// descriptors.
    pub fn new(memory: &M, layout: Layout, suppression: S) -> Result<Self, LayoutError> {
        Ok(Self::over(Ring::new(memory, layout, N)?, suppression))
    }

    /// Makes the device side from a ring that has already been checked.
    #[inline(always)]
    pub(crate) fn over(ring: Ring<M>, suppression: S) -> Self {
        const { assert!(N <= 0x8000, "a ring has 32768 descriptors at most") }
        let mut holders = [Holder::Nobody; N];
        holders.iter_mut().take(ring.size.into()).for_each(|holder| *holder = Holder::Driver);
        Self { ring, suppression, holders, armed: 0, seen: 0, avail_count: 0, used_count: 0 }
    }

    /// Returns the size of the queue in descriptors.
    #[must_use]
    pub fn size(&self) -> u16 {
        self.ring.size
    }

    /// Returns the number of buffers popped so far. The count wraps.
    #[must_use]
    pub fn avail_count(&self) -> u32 {
        self.avail_count
    }

    /// Returns the number of buffers returned so far. The count wraps.
    #[must_use]
    pub fn used_count(&self) -> u32 {
        self.used_count
    }

    /// Returns true if the used index in memory is still the value that this side wrote. Otherwise the driver has
    /// reinitialized the queue.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        // CAST: ring indices have 16 bits, here and below.
        self.ring.used.load_header::<{ used::INDEX }>(Load::Relaxed) == self.used_count as u16
    }

    /// Pops the next available descriptor. The caller must return it later with [`add_used`](Self::add_used).
    /// Descriptors can be returned in any order.
    ///
    /// # Errors
    /// Returns a [`Fault`] if the driver broke a ring rule.
    #[inline]
    pub fn pop_avail(&mut self) -> Result<Option<u16>, Fault> {
        self.next(false)
    }

    /// Like [`pop_avail`](Self::pop_avail), but asks the driver for a notification if the ring is empty.
    ///
    /// # Errors
    /// Returns a [`Fault`] if the driver broke a ring rule.
    #[inline]
    pub fn pop_avail_or_enable(&mut self) -> Result<Option<u16>, Fault> {
        self.next(true)
    }

    #[inline(always)]
    fn next(&mut self, arm: bool) -> Result<Option<u16>, Fault> {
        let before = self.avail_count;
        let taken = before as u16;
        if taken == self.seen {
            // Request the notification before loading the index; otherwise the driver would not notify this side of a
            // buffer that it adds after the load. One request per ring position is enough, because every later load
            // comes after the same barrier.
            if arm && !self.is_armed() {
                self.arm();
            }
            // Acquire: makes the entries, the descriptors and the buffer contents up to this index visible.
            let index = self.ring.available.load_header::<{ available::INDEX }>(Load::Acquire);
            if taken == index {
                return Ok(None);
            }
            self.seen = self.ring.advance(taken, index, self.ring.size)?;
        }
        let id = self.ring.available.load_u16::<{ available::ID }>(before, Load::Relaxed);
        match self.holders.get_mut(usize::from(id)) {
            Some(holder) if *holder == Holder::Driver => *holder = Holder::Device,
            _ => return Err(self.ring.not_held_apart(id.into())),
        }
        self.avail_count = before.wrapping_add(1);
        Ok(Some(id))
    }

    /// Returns true if this side holds descriptor `id`.
    #[must_use]
    pub fn holds(&self, id: u16) -> bool {
        self.holders.get(usize::from(id)) == Some(&Holder::Device)
    }

    /// Reads a popped descriptor, which must describe a single buffer.
    ///
    /// # Errors
    /// Returns [`Fault::NotSingle`] if the descriptor is part of a chain or refers to an indirect table.
    #[inline]
    pub fn buffer(&self, id: u16) -> Result<Buffer, Fault> {
        let index = u32::from(id);
        let descriptors = &self.ring.descriptors;
        let flags = descriptors.load_u16::<{ descriptor::FLAGS }>(index, Load::Relaxed);
        let flags = DescriptorFlags::from_bits_retain(flags);
        if flags.intersects(DescriptorFlags::NEXT.union(DescriptorFlags::INDIRECT)) {
            return Err(Fault::NotSingle { id, flags: flags.bits() });
        }
        let address = address(descriptors, index);
        let length = descriptors.load_u32::<{ descriptor::LENGTH }>(index, Load::Relaxed);
        Ok(Buffer { id, address, length, writable: flags.contains(DescriptorFlags::WRITE) })
    }

    /// Reads descriptor `id`, which is part of a chain.
    pub(super) fn descriptor(&self, id: u16) -> Descriptor {
        Descriptor::load(&self.ring.descriptors, id.into())
    }

    /// Returns a popped descriptor to the driver. `length` is the number of bytes written to its buffer. Returns true
    /// if the driver must be notified. Does nothing if this side does not hold the descriptor.
    ///
    /// All earlier stores to the buffer are visible to the driver when it pops the descriptor.
    #[inline]
    pub fn add_used(&mut self, id: u16, length: u32) -> bool {
        match self.holders.get_mut(usize::from(id)) {
            Some(holder) if *holder == Holder::Device => *holder = Holder::Driver,
            _ => return false,
        }
        let old = self.used_count;
        self.ring.used.store_u32::<{ used::ID }>(old, id.into(), Store::Relaxed);
        self.ring.used.store_u32::<{ used::LENGTH }>(old, length, Store::Relaxed);
        self.used_count = old.wrapping_add(1);
        // Release: publishes the entry and the buffer contents, and orders this side's reads of the buffer before the
        // store.
        self.ring.used.store_header::<{ used::INDEX }>(self.used_count as u16, Store::Release);
        // Same steps as in `Driver::add_avail`.
        self.ring.used.fence();
        match self.suppression.by_events() {
            true => {
                let event = self.ring.available.load_tail::<{ available::USED_EVENT }>(Load::Relaxed);
                need_event_of_one(event, old as u16)
            }
            false => {
                self.ring.available.load_header::<{ available::FLAGS }>(Load::Relaxed) & available::NO_INTERRUPT == 0
            }
        }
    }

    /// Asks the driver for a notification when the next buffer becomes available. Returns true if the ring is empty, in
    /// which case the caller may sleep. If the result is false, the caller must pop first.
    pub fn enable_notification(&mut self) -> bool {
        self.arm();
        self.ring.available.load_header::<{ available::INDEX }>(Load::Relaxed) == self.avail_count as u16
    }

    /// Writes the last notification request again, in case a peer has overwritten it.
    pub fn rearm(&mut self) {
        self.set_armed(self.armed);
    }

    #[inline(always)]
    fn is_armed(&self) -> bool {
        self.armed == if self.suppression.by_events() { self.avail_count as u16 } else { 0 }
    }

    #[inline(always)]
    fn arm(&mut self) {
        self.set_armed(if self.suppression.by_events() { self.avail_count as u16 } else { 0 });
        // Same steps as in `Driver::add_avail`: event := n; fence; read index.
        self.ring.used.fence();
    }

    /// Asks the driver not to notify this side. One more notification may still arrive if the driver has already read
    /// the earlier request.
    pub fn disable_notification(&mut self) {
        let events = self.suppression.by_events();
        // The driver does not pass this index until it has added 65535 more buffers.
        self.set_armed(if events { (self.avail_count as u16).wrapping_sub(1) } else { used::NO_NOTIFY });
    }

    #[inline(always)]
    fn set_armed(&mut self, armed: u16) {
        self.armed = armed;
        match self.suppression.by_events() {
            true => self.ring.used.store_tail::<{ used::AVAILABLE_EVENT }>(armed, Store::Relaxed),
            false => self.ring.used.store_header::<{ used::FLAGS }>(armed, Store::Relaxed),
        }
    }
}
