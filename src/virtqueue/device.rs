//! The device side: owns the used ring, pops available buffers and returns them as used.

use super::{Fault, Layout, LayoutError, Ring, Suppress, Suppression};
use crate::mem::{Load, SharedMemory, Store};
use crate::wire::vring::{DescriptorFlags, available, descriptor, need_event_of_one, used};

/// A buffer that the driver made available.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffer {
    /// Its descriptor.
    pub id: u16,
    /// Where the driver says it is; not checked here.
    pub address: u64,
    /// How long the driver says it is, in bytes; not checked here.
    pub length: u32,
    /// Whether the device may write it (WRITE); otherwise it may only read it.
    pub writable: bool,
}

/// Who holds a descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Holder {
    /// Nobody: there is no such descriptor.
    Nobody,
    /// The driver, as far as this side has read.
    Driver,
    /// This side.
    Device,
}

/// The device side of a queue of at most `N` descriptors.
#[derive(Debug)]
pub struct Device<M: SharedMemory, const N: usize, S = Suppression> {
    ring: Ring<M>,
    suppression: S,
    /// For each descriptor.
    holders: [Holder; N],
    /// What stands in memory of when the driver is to notify: the event's index, or the flags.
    armed: u16,
    /// The driver's available index when last read.
    seen: u16,
    /// Buffers popped so far; the low 16 bits are the next available index to read.
    avail_count: u32,
    /// Buffers added to the used ring so far; the low 16 bits are this side's used index.
    used_count: u32,
}

impl<M: SharedMemory, const N: usize, S: Suppress> Device<M, N, S> {
    /// The device side of a queue whose memory is [prepared](super::prepare_used): nothing held, and the driver asked to
    /// notify. Touches no memory.
    ///
    /// # Errors
    /// Parts outside the memory, or more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, suppression: S) -> Result<Self, LayoutError> {
        Ok(Self::over(Ring::new(memory, layout, N)?, suppression))
    }

    /// The same where the parts were found good already.
    #[inline(always)]
    pub(crate) fn over(ring: Ring<M>, suppression: S) -> Self {
        const { assert!(N <= 0x8000, "a ring has 32768 descriptors at most") }
        let mut holders = [Holder::Nobody; N];
        holders.iter_mut().take(ring.size.into()).for_each(|holder| *holder = Holder::Driver);
        Self { ring, suppression, holders, armed: 0, seen: 0, avail_count: 0, used_count: 0 }
    }

    /// How many descriptors there are.
    #[must_use]
    pub fn size(&self) -> u16 {
        self.ring.size
    }

    /// Buffers popped from the available ring so far; wraps.
    #[must_use]
    pub fn avail_count(&self) -> u32 {
        self.avail_count
    }

    /// Buffers added to the used ring so far; wraps.
    #[must_use]
    pub fn used_count(&self) -> u32 {
        self.used_count
    }

    /// Whether the used ring's index is still what this side wrote; otherwise the driver has set the queue up anew.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        // CAST: a ring's index has 16 bits, here and below.
        self.ring.used.load_header::<{ used::INDEX }>(Load::Relaxed) == self.used_count as u16
    }

    /// Pops the next descriptor that the driver made available. The caller returns it by [`add_used`](Self::add_used) at any later
    /// time, in any order.
    ///
    /// # Errors
    /// What the driver broke.
    #[inline]
    pub fn pop_avail(&mut self) -> Result<Option<u16>, Fault> {
        self.next(false)
    }

    /// As [`pop_avail`](Self::pop_avail); where there is none, the driver has been asked to notify of the next.
    ///
    /// # Errors
    /// What the driver broke.
    #[inline]
    pub fn pop_avail_or_enable(&mut self) -> Result<Option<u16>, Fault> {
        self.next(true)
    }

    #[inline(always)]
    fn next(&mut self, arm: bool) -> Result<Option<u16>, Fault> {
        let before = self.avail_count;
        let taken = before as u16;
        if taken == self.seen {
            // Before the look, or what comes after it would come in silence. Only once for each place in the ring: any look
            // after the barrier will do.
            if arm && !self.is_armed() {
                self.arm();
            }
            // Acquire: the driver's entries and descriptors up to this index, and the buffers' contents.
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

    /// Undoes the last [`pop_avail`](Self::pop_avail), of descriptor `id`: the next one pops it again.
    pub(crate) fn untake(&mut self, id: u16) {
        if let Some(holder) = self.holders.get_mut(usize::from(id)) {
            *holder = Holder::Driver;
            self.avail_count = self.avail_count.wrapping_sub(1);
        }
    }

    /// Whether this side holds a descriptor.
    #[must_use]
    pub fn holds(&self, id: u16) -> bool {
        self.holders.get(usize::from(id)) == Some(&Holder::Device)
    }

    /// Reads a popped descriptor.
    ///
    /// # Errors
    /// A descriptor of another kind than rpmsg has.
    #[inline]
    pub fn buffer(&self, id: u16) -> Result<Buffer, Fault> {
        let index = u32::from(id);
        let descriptors = &self.ring.descriptors;
        let flags = descriptors.load_u16::<{ descriptor::FLAGS }>(index, Load::Relaxed);
        let flags = DescriptorFlags::from_bits_retain(flags);
        if flags.intersects(DescriptorFlags::NEXT.union(DescriptorFlags::INDIRECT)) {
            return Err(Fault::NotOneBuffer { id, flags: flags.bits() });
        }
        let low = descriptors.load_u32::<{ descriptor::ADDRESS_LOW }>(index, Load::Relaxed);
        let high = descriptors.load_u32::<{ descriptor::ADDRESS_HIGH }>(index, Load::Relaxed);
        let length = descriptors.load_u32::<{ descriptor::LENGTH }>(index, Load::Relaxed);
        Ok(Buffer {
            id,
            address: u64::from(high) << 32 | u64::from(low),
            length,
            writable: flags.contains(DescriptorFlags::WRITE),
        })
    }

    /// Returns a popped descriptor, into whose buffer `length` bytes were written, to the driver. True where the driver must be
    /// notified of it. Does nothing with one that this side does not hold.
    ///
    /// What was stored to the buffer before is visible to a driver that finds it.
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
        // Publishes the entry and the buffer's contents, and that this side has done with reading it.
        self.ring.used.store_header::<{ used::INDEX }>(self.used_count as u16, Store::Release);
        // As `Driver::add_avail`.
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

    /// Asks the driver to notify when it has made one more buffer available. True where nothing is there to pop yet, so that
    /// the caller may sleep; otherwise it must pop first.
    pub fn enable_notification(&mut self) -> bool {
        self.arm();
        self.ring.available.load_header::<{ available::INDEX }>(Load::Relaxed) == self.avail_count as u16
    }

    /// Writes again when the driver is to notify, which somebody may have overwritten.
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
        // As `Driver::add_avail`: event := n; fence; read index.
        self.ring.used.fence();
    }

    /// Asks the driver not to notify. It may still do so once, as it may have looked before.
    pub fn disable_notification(&mut self) {
        let events = self.suppression.by_events();
        // An index that the driver passes only after 65535 more buffers.
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
