// SPDX-License-Identifier: Apache-2.0
//! The device side: owns the used ring, pops available buffers and returns them as used.

use super::descriptor::{Descriptor, address};
use super::{Fault, Layout, LayoutError, Ring, Suppress, Suppression};
use crate::mem::{Load, SharedMemory, Store};
use crate::wire::vring::{DescriptorFlags, available, descriptor, need_event_of_one, used};

/// A buffer that the driver made available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// The number of the buffer's descriptor.
    pub id: u16,
    /// The buffer's address, as the driver wrote it. The caller must check it.
    pub address: u64,
    /// The buffer's length in bytes, as the driver wrote it. The caller must check it.
    pub length: u32,
    /// True if the device may write the buffer; false if it may only read it.
    pub writable: bool,
}

/// The holder of a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// Neither side: the queue has no such descriptor.
    Nobody,
    /// The driver, as far as this side has read the ring.
    Driver,
    /// This side.
    Device,
}

/// The device side of a queue of at most `N` descriptors.
#[derive(Debug)]
pub struct Device<M: SharedMemory, const N: usize, S = Suppression> {
    ring: Ring<M>,
    suppression: S,
    /// The holder of each descriptor.
    holders: [Holder; N],
    /// The value in memory that tells the driver when to notify: an event index or flags.
    armed: u16,
    /// The driver's available index, as it was last read.
    seen: u16,
    /// Buffers popped so far; the low 16 bits are the next available index to read.
    avail_count: u32,
    /// Buffers added to the used ring so far; the low 16 bits are this side's used index.
    used_count: u32,
}

impl<M: SharedMemory, const N: usize, S: Suppress> Device<M, N, S> {
    /// Makes the device side of a queue whose memory is [prepared](super::prepare_used). It holds no descriptor, and
    /// the driver is asked to notify. No memory is touched.
    ///
    /// # Errors
    /// [`LayoutError`] if a part is outside the memory, or the queue has more than `N` descriptors.
    pub fn new(memory: &M, layout: Layout, suppression: S) -> Result<Self, LayoutError> {
        Ok(Self::over(Ring::new(memory, layout, N)?, suppression))
    }

    /// Makes the device side from parts that were checked before.
    #[inline(always)]
    pub(crate) fn over(ring: Ring<M>, suppression: S) -> Self {
        const { assert!(N <= 0x8000, "a ring has 32768 descriptors at most") }
        let mut holders = [Holder::Nobody; N];
        holders.iter_mut().take(ring.size.into()).for_each(|holder| *holder = Holder::Driver);
        Self { ring, suppression, holders, armed: 0, seen: 0, avail_count: 0, used_count: 0 }
    }

    /// Returns the queue's size in descriptors.
    #[must_use]
    pub fn size(&self) -> u16 {
        self.ring.size
    }

    /// Returns the number of buffers popped so far; it wraps.
    #[must_use]
    pub fn avail_count(&self) -> u32 {
        self.avail_count
    }

    /// Returns the number of buffers returned so far; it wraps.
    #[must_use]
    pub fn used_count(&self) -> u32 {
        self.used_count
    }

    /// Returns true if the used ring's index is the one that this side wrote. If not, the driver has set the queue up again.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        // CAST: a ring's index has 16 bits, here and below.
        self.ring.used.load_header::<{ used::INDEX }>(Load::Relaxed) == self.used_count as u16
    }

    /// Pops the next descriptor that the driver made available. The caller returns it with [`add_used`](Self::add_used), at
    /// any later time and in any order.
    ///
    /// # Errors
    /// Returns the rule that the driver broke.
    #[inline]
    pub fn pop_avail(&mut self) -> Result<Option<u16>, Fault> {
        self.next(false)
    }

    /// Pops like [`pop_avail`](Self::pop_avail). If the ring is empty, the driver is asked to notify of the next descriptor.
    ///
    /// # Errors
    /// Returns the rule that the driver broke.
    #[inline]
    pub fn pop_avail_or_enable(&mut self) -> Result<Option<u16>, Fault> {
        self.next(true)
    }

    #[inline(always)]
    fn next(&mut self, arm: bool) -> Result<Option<u16>, Fault> {
        let before = self.avail_count;
        let taken = before as u16;
        if taken == self.seen {
            // This must come before the load; otherwise the driver would not notify of a buffer that it adds after the
            // load. Once per position in the ring is enough, because every later load follows the same barrier.
            if arm && !self.is_armed() {
                self.arm();
            }
            // Acquire: the driver's entries and descriptors up to this index, and the buffers' contents, are visible.
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

    /// Reads a popped descriptor as a single buffer.
    ///
    /// # Errors
    /// [`Fault::NotSingle`] if it is part of a chain or refers to an indirect table.
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

    /// Reads descriptor `id` of a chain.
    pub(super) fn descriptor(&self, id: u16) -> Descriptor {
        Descriptor::load(&self.ring.descriptors, id.into())
    }

    /// Returns a popped descriptor to the driver, with `length` bytes written to its buffer. Returns true if the driver must be
    /// notified. Does nothing if this side does not hold the descriptor.
    ///
    /// The driver that pops it sees everything that was stored to the buffer before.
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
        // Publishes the entry and the buffer's contents. This side's reads of the buffer also come before it.
        self.ring.used.store_header::<{ used::INDEX }>(self.used_count as u16, Store::Release);
        // The same steps as in `Driver::add_avail`.
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

    /// Asks the driver to notify when it makes one more buffer available. Returns true if there is nothing to pop, so that the
    /// caller may sleep. If it returns false, the caller must pop first.
    pub fn enable_notification(&mut self) -> bool {
        self.arm();
        self.ring.available.load_header::<{ available::INDEX }>(Load::Relaxed) == self.avail_count as u16
    }

    /// Repeats the last request to the driver, in case a peer has overwritten it.
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
        // The same steps as in `Driver::add_avail`: event := n; fence; read index.
        self.ring.used.fence();
    }

    /// Asks the driver not to notify. It may still notify once, if it read the request before this one.
    pub fn disable_notification(&mut self) {
        let events = self.suppression.by_events();
        // The driver passes this index only after 65535 more buffers.
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
