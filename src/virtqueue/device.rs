//! The device side: owns the used ring, takes offered buffers and gives them back.

use super::{Fault, Layout, Ring, SetupError, Suppress, Suppression};
use crate::mem::{Load, SharedMemory, Store};
use crate::wire::vring::{DescriptorFlags, available, descriptor, need_event, used};

/// A buffer that the driver offered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Offered {
    /// Its descriptor.
    pub id: u16,
    /// Where the driver says it is; not checked here.
    pub address: u64,
    /// How long the driver says it is, in bytes; not checked here.
    pub length: u32,
    /// Whether the device may write it (WRITE); otherwise it may only read it.
    pub writable: bool,
}

/// The device side of a queue of at most `N` descriptors.
#[derive(Debug)]
pub struct Device<M: SharedMemory, const N: usize, S = Suppression> {
    ring: Ring<M>,
    suppression: S,
    /// For each descriptor whether this side holds it.
    held: [bool; N],
    /// Up to which available index buffers were taken.
    taken: u16,
    /// The driver's available index when last read.
    seen: u16,
    /// Own used index.
    used: u16,
    /// Own used index when the driver was last notified or seen not to want it.
    notified: u16,
}

impl<M: SharedMemory, const N: usize, S: Suppress> Device<M, N, S> {
    /// The device side of a queue whose memory is [prepared](super::prepare_used): nothing held, and the driver asked to
    /// notify. Touches no memory.
    ///
    /// # Errors
    /// Parts outside the memory, or more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, suppression: S) -> Result<Self, SetupError> {
        Ok(Self::over(Ring::new(memory, layout, N)?, suppression))
    }

    /// The same where the parts were found good already.
    #[inline(always)]
    pub(crate) fn over(ring: Ring<M>, suppression: S) -> Self {
        Self { ring, suppression, held: [false; N], taken: 0, seen: 0, used: 0, notified: 0 }
    }

    /// How many descriptors there are.
    #[must_use]
    pub fn size(&self) -> u16 {
        self.ring.size
    }

    /// Whether the used ring's index is still what this side wrote; otherwise the driver has set the queue up anew.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.ring.used.load_head::<{ used::INDEX }>(Load::Relaxed) == self.used
    }

    /// Takes the next buffer that the driver offered, for the caller to [give back](Self::give_back) at any later
    /// time, in any order.
    ///
    /// # Errors
    /// What the driver broke.
    #[inline]
    pub fn take(&mut self) -> Result<Option<Offered>, Fault> {
        match self.take_id()? {
            Some(id) => self.described(id).map(Some),
            None => Ok(None),
        }
    }

    /// As [`take`](Self::take), where it is known what each descriptor says: none is looked at.
    ///
    /// # Errors
    /// What the driver broke.
    #[inline]
    pub fn take_id(&mut self) -> Result<Option<u16>, Fault> {
        if self.taken == self.seen {
            // Acquire: the driver's entries and descriptors up to this index, and the buffers' contents.
            let index = self.ring.available.load_head::<{ available::INDEX }>(Load::Acquire);
            self.seen = self.ring.advance(self.taken, index, self.ring.size)?;
            if self.taken == index {
                return Ok(None);
            }
        }
        let entry = self.ring.available.load_u16::<{ available::ID }>(self.taken.into(), Load::Relaxed);
        let id = self.ring.descriptor(entry.into())?;
        match self.held.get_mut(usize::from(id)) {
            Some(held) if !*held => *held = true,
            _ => return Err(Fault::NotHeld { id }),
        }
        self.taken = self.taken.wrapping_add(1);
        Ok(Some(id))
    }

    /// What descriptor `id` says.
    #[inline]
    fn described(&self, id: u16) -> Result<Offered, Fault> {
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
        Ok(Offered {
            id,
            address: u64::from(high) << 32 | u64::from(low),
            length,
            writable: flags.contains(DescriptorFlags::WRITE),
        })
    }

    /// Gives a held buffer back, of which `length` bytes were written. Does nothing for one that is not held.
    ///
    /// What was stored to the buffer before is visible to a driver that finds it.
    #[inline]
    pub fn give_back(&mut self, id: u16, length: u32) {
        match self.held.get_mut(usize::from(id)) {
            Some(held) if *held => *held = false,
            _ => return,
        }
        let index = u32::from(self.used);
        self.ring.used.store_u32::<{ used::ID }>(index, id.into(), Store::Relaxed);
        self.ring.used.store_u32::<{ used::LENGTH }>(index, length, Store::Relaxed);
        self.used = self.used.wrapping_add(1);
        // Publishes the entry and the buffer's contents, and that this side has done with reading it.
        self.ring.used.store_head::<{ used::INDEX }>(self.used, Store::Release);
    }

    /// Whether the driver must be notified of what was given back since the last call.
    #[inline]
    pub fn must_notify(&mut self) -> bool {
        // As `Driver::must_notify`.
        self.ring.used.fence();
        let old = core::mem::replace(&mut self.notified, self.used);
        match self.suppression.by_events() {
            true => {
                let event = self.ring.available.load_tail::<{ available::USED_EVENT }>(Load::Relaxed);
                need_event(event, self.used, old)
            }
            false => {
                let flags = self.ring.available.load_head::<{ available::FLAGS }>(Load::Relaxed);
                old != self.used && flags & available::NO_INTERRUPT == 0
            }
        }
    }

    /// Asks the driver to notify when it has offered one more buffer. True where nothing is there to take yet, so that
    /// the caller may sleep; otherwise it must take first.
    pub fn ask_for_notifications(&mut self) -> bool {
        match self.suppression.by_events() {
            true => {
                self.ring.used.store_tail::<{ used::AVAILABLE_EVENT }>(self.taken, Store::Relaxed);
            }
            false => self.ring.used.store_head::<{ used::FLAGS }>(0, Store::Relaxed),
        }
        // As `Driver::must_notify`: event := n; fence; read index.
        self.ring.used.fence();
        self.ring.available.load_head::<{ available::INDEX }>(Load::Relaxed) == self.taken
    }

    /// Asks the driver not to notify. It may still do so once, as it may have looked before.
    pub fn refuse_notifications(&mut self) {
        match self.suppression.by_events() {
            // An index that the driver passes only after 65535 more buffers.
            true => {
                let event = self.taken.wrapping_sub(1);
                self.ring.used.store_tail::<{ used::AVAILABLE_EVENT }>(event, Store::Relaxed);
            }
            false => {
                self.ring.used.store_head::<{ used::FLAGS }>(used::NO_NOTIFY, Store::Relaxed);
            }
        }
    }
}
