//! The driver side: owns the descriptors and the available ring, offers buffers and takes them back.

use super::{Fault, Layout, Ring, SetupError, Suppress, Suppression, describe};
use crate::mem::{Load, SharedMemory, Store};
use crate::wire::vring::{DescriptorFlags, available, need_event, used};

/// A buffer that the device gave back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Its descriptor.
    pub id: u16,
    /// How many bytes the device says it wrote; as untrusted as all the device says.
    pub length: u32,
}

/// The state of a descriptor that is neither free nor on its way.
const TAKEN: u16 = 0xfffe;
/// The state of a descriptor that the device holds.
const OFFERED: u16 = 0xffff;
/// The end of the free list.
const END: u16 = 0xfffd;

/// The driver side of a queue of at most `N` descriptors.
///
/// A descriptor is free, then [taken](Self::take), then [offered](Self::offer) to the device, and free again when it
/// was [collected](Self::collect) (or [put back](Self::put_back) unsent).
#[derive(Debug)]
pub struct Driver<M: SharedMemory, const N: usize, S = Suppression> {
    ring: Ring<M>,
    suppression: S,
    /// For each descriptor the next free one, or `END`, `TAKEN`, `OFFERED`.
    next: [u16; N],
    /// The first free descriptor, or `END`.
    free: u16,
    /// Own available index.
    offered: u16,
    /// Own available index when the device was last notified or seen not to want it.
    notified: u16,
    /// Up to which used index buffers were collected.
    collected: u16,
    /// The device's used index when last read.
    seen: u16,
}

impl<M: SharedMemory, const N: usize, S: Suppress> Driver<M, N, S> {
    /// The driver side of a queue whose memory is [prepared](super::prepare_available): all descriptors free, nothing
    /// offered, and no notifications asked for. Touches no memory.
    ///
    /// # Errors
    /// Parts outside the memory, or more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, suppression: S) -> Result<Self, SetupError> {
        let mut driver = Self::over(Ring::new(memory, layout, N)?, suppression);
        driver.free_all();
        Ok(driver)
    }

    /// The same where the parts were found good already, but without a free descriptor before [`free_all`](Self::free_all).
    #[inline(always)]
    pub(crate) fn over(ring: Ring<M>, suppression: S) -> Self {
        Self { ring, suppression, next: [0; N], free: END, offered: 0, notified: 0, collected: 0, seen: 0 }
    }

    /// Makes all descriptors free, the first one the first to be taken.
    pub(crate) fn free_all(&mut self) {
        self.free = END;
        for id in (0..self.ring.size).rev() {
            self.release(id);
        }
    }

    /// How many descriptors there are.
    #[must_use]
    pub fn size(&self) -> u16 {
        self.ring.size
    }

    /// Whether the available ring's index is still what this side wrote; otherwise somebody has overwritten it, and the
    /// device may wait for what it was offered long ago.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        self.ring.available.load_head::<{ available::INDEX }>(Load::Relaxed) == self.offered
    }

    /// Takes a free descriptor, for the caller to fill its buffer and then [`offer`](Self::offer) it.
    #[inline]
    pub fn take(&mut self) -> Option<u16> {
        let id = self.free;
        let slot = self.next.get_mut(usize::from(id))?;
        self.free = *slot;
        *slot = TAKEN;
        Some(id)
    }

    /// Makes a taken descriptor free again, unsent. Does nothing for one that is not taken.
    pub fn put_back(&mut self, id: u16) {
        if self.is(id, TAKEN) {
            self.release(id);
        }
    }

    /// Offers the `length` bytes at `address` to the device under a taken descriptor. Does nothing for one that is
    /// not taken.
    ///
    /// What was stored to the buffer before is visible to a device that finds it.
    #[inline]
    pub fn offer(&mut self, id: u16, address: u64, length: u32, flags: DescriptorFlags) {
        if self.is(id, TAKEN) {
            describe(&self.ring.descriptors, id, address, length, flags);
            self.offer_again(id);
        }
    }

    /// Offers what a taken descriptor says already. Does nothing for one that is not taken.
    #[inline]
    pub fn offer_again(&mut self, id: u16) {
        match self.next.get_mut(usize::from(id)) {
            Some(state) if *state == TAKEN => *state = OFFERED,
            _ => return,
        }
        self.ring.available.store_u16::<{ available::ID }>(self.offered.into(), id, Store::Relaxed);
        self.offered = self.offered.wrapping_add(1);
        // Publishes the entry, the descriptor and the buffer's contents.
        self.ring.available.store_head::<{ available::INDEX }>(self.offered, Store::Release);
    }

    /// Collects one buffer that the device has used: its descriptor is taken again, for the caller to
    /// [offer](Self::offer) anew or [put back](Self::put_back).
    ///
    /// # Errors
    /// What the device broke.
    #[inline]
    pub fn collect(&mut self) -> Result<Option<Used>, Fault> {
        if self.collected == self.seen {
            // Acquire: the device's entries up to this index, and what it wrote to the buffers.
            let index = self.ring.used.load_head::<{ used::INDEX }>(Load::Acquire);
            // No further than what the device holds: a device that began anew runs past that.
            self.seen = self.ring.advance(self.collected, index, self.offered.wrapping_sub(self.collected))?;
            if self.collected == index {
                return Ok(None);
            }
        }
        let index = u32::from(self.collected);
        let id = self.ring.descriptor(self.ring.used.load_u32::<{ used::ID }>(index, Load::Relaxed))?;
        let length = self.ring.used.load_u32::<{ used::LENGTH }>(index, Load::Relaxed);
        match self.next.get_mut(usize::from(id)) {
            Some(slot) if *slot == OFFERED => *slot = TAKEN,
            _ => return Err(Fault::NotHeld { id }),
        }
        self.collected = self.collected.wrapping_add(1);
        Ok(Some(Used { id, length }))
    }

    /// Whether the device must be notified of what was offered since the last call.
    #[inline]
    pub fn must_notify(&mut self) -> bool {
        // Publish, then check; the device does the reverse (see `Device::ask_for_notifications`). With a full
        // barrier on both sides at least one of them sees the other's store:
        //   driver: index := n;       fence; read event
        //   device: event := n - 1;   fence; read index
        self.ring.available.fence();
        let old = core::mem::replace(&mut self.notified, self.offered);
        match self.suppression.by_events() {
            true => {
                let event = self.ring.used.load_tail::<{ used::AVAILABLE_EVENT }>(Load::Relaxed);
                need_event(event, self.offered, old)
            }
            false => {
                let flags = self.ring.used.load_head::<{ used::FLAGS }>(Load::Relaxed);
                old != self.offered && flags & used::NO_NOTIFY == 0
            }
        }
    }

    /// Asks the device to notify when it has used one more buffer. True where nothing is there to collect yet, so that
    /// the caller may sleep; otherwise it must collect first.
    pub fn ask_for_notifications(&mut self) -> bool {
        match self.suppression.by_events() {
            true => self.set_event(self.collected),
            false => self.ring.available.store_head::<{ available::FLAGS }>(0, Store::Relaxed),
        }
        // See `must_notify`, with the sides exchanged.
        self.ring.available.fence();
        self.ring.used.load_head::<{ used::INDEX }>(Load::Relaxed) == self.collected
    }

    /// Asks the device not to notify. It may still do so once, as it may have looked before.
    pub fn refuse_notifications(&mut self) {
        match self.suppression.by_events() {
            // An index that the device passes only after 65535 more buffers.
            true => self.set_event(self.collected.wrapping_sub(1)),
            false => {
                self.ring.available.store_head::<{ available::FLAGS }>(available::NO_INTERRUPT, Store::Relaxed);
            }
        }
    }

    fn set_event(&self, event: u16) {
        self.ring.available.store_tail::<{ available::USED_EVENT }>(event, Store::Relaxed);
    }

    #[inline]
    fn is(&self, id: u16, state: u16) -> bool {
        self.next.get(usize::from(id)) == Some(&state)
    }

    #[inline]
    fn release(&mut self, id: u16) {
        if let Some(slot) = self.next.get_mut(usize::from(id)) {
            *slot = core::mem::replace(&mut self.free, id);
        }
    }
}
