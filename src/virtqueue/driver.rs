//! The driver side: owns the descriptors and the available ring, offers buffers and takes them back.

use super::{Fault, Layout, Ring, SetupError, Suppress, Suppression, describe};
use crate::mem::{Load, SharedMemory, Store};
use crate::wire::vring::{DescriptorFlags, available, need_event_of_one, used};

/// A descriptor that this side has taken and has yet to [offer](Driver::offer), to [keep](Driver::keep) for later, or to
/// [put back](Driver::put_back): on the queue that it is from, and before the next [`collect`](Driver::collect), which takes it for one
/// that the device holds.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a descriptor that is neither offered, kept nor put back is lost until the queue is set up anew"]
pub struct Taken(u16);

impl Taken {
    /// Its number.
    #[must_use]
    #[inline(always)]
    pub const fn id(&self) -> u16 {
        self.0
    }
}

/// The state of a descriptor that this side keeps.
const KEPT: u16 = 0xfffe;
/// The state of a descriptor that the device holds, or is about to: a [`Taken`] one has it already.
const OFFERED: u16 = 0xffff;
/// The end of the free list.
const END: u16 = 0xfffd;

/// The driver side of a queue of at most `N` descriptors.
///
/// A descriptor is free, then [taken](Self::take), then [offered](Self::offer) to the device, and taken again when it
/// was [collected](Self::collect).
#[derive(Debug)]
pub struct Driver<M: SharedMemory, const N: usize, S = Suppression> {
    ring: Ring<M>,
    suppression: S,
    /// For each descriptor the next free one, or `END`, `KEPT`, `OFFERED`.
    next: [u16; N],
    /// The first free descriptor, or `END`.
    free: u16,
    /// The device's used index when last read.
    seen: u16,
    /// How many were offered; in 16 bits the own available index.
    offered: u32,
    /// How many were collected; in 16 bits up to which used index.
    collected: u32,
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
        const { assert!(N <= 0x8000, "a ring has 32768 descriptors at most") }
        Self { ring, suppression, next: [0; N], free: END, seen: 0, offered: 0, collected: 0 }
    }

    /// Makes all descriptors free, the first one the first to be taken.
    pub(crate) fn free_all(&mut self) {
        self.free = END;
        for id in (0..self.ring.size).rev() {
            self.put_back(Taken(id));
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
        // CAST: a ring's index has 16 bits, here and below.
        self.ring.available.load_head::<{ available::INDEX }>(Load::Relaxed) == self.offered as u16
    }

    /// How many were offered so far; wraps.
    #[must_use]
    pub fn offered(&self) -> u32 {
        self.offered
    }

    /// How many were collected so far; wraps.
    #[must_use]
    pub fn collected(&self) -> u32 {
        self.collected
    }

    /// Takes a free descriptor, for the caller to fill its buffer and then [`offer`](Self::offer) it.
    #[inline]
    pub fn take(&mut self) -> Option<Taken> {
        let id = self.free;
        let state = self.next.get_mut(usize::from(id))?;
        self.free = core::mem::replace(state, OFFERED);
        Some(Taken(id))
    }

    /// Makes a descriptor free again, unsent.
    #[inline]
    pub fn put_back(&mut self, taken: Taken) {
        let id = taken.0;
        if let Some(state) = self.next.get_mut(usize::from(id)) {
            *state = core::mem::replace(&mut self.free, id);
        }
    }

    /// Keeps a descriptor for later, when its number [gets it back](Self::resume).
    #[inline]
    pub fn keep(&mut self, taken: Taken) -> u16 {
        if let Some(state) = self.next.get_mut(usize::from(taken.0)) {
            *state = KEPT;
        }
        taken.0
    }

    /// The descriptor that was [kept](Self::keep) as `id`; none where it was not, or is not any more.
    #[inline]
    pub fn resume(&mut self, id: u16) -> Option<Taken> {
        match self.next.get_mut(usize::from(id)) {
            Some(state) if *state == KEPT => *state = OFFERED,
            _ => return None,
        }
        Some(Taken(id))
    }

    /// Writes into a descriptor that it is the `length` bytes at `address`.
    #[inline]
    pub fn describe(&self, taken: &Taken, address: u64, length: u32, flags: DescriptorFlags) {
        describe(&self.ring.descriptors, taken.0, address, length, flags);
    }

    /// Offers to the device what a descriptor says. True where the device must be notified of it.
    ///
    /// What was stored to the buffer before is visible to a device that finds it.
    #[inline]
    pub fn offer(&mut self, taken: Taken) -> bool {
        let old = self.offered;
        self.ring.available.store_u16::<{ available::ID }>(old, taken.0, Store::Relaxed);
        self.offered = old.wrapping_add(1);
        // Publishes the entry, the descriptor and the buffer's contents.
        self.ring.available.store_head::<{ available::INDEX }>(self.offered as u16, Store::Release);
        // Publish, then check; the device does the reverse (see `Device::take_or_ask`). With a full barrier on both sides at
        // least one of them sees the other's store:
        //   driver: index := n;       fence; read event
        //   device: event := n - 1;   fence; read index
        self.ring.available.fence();
        match self.suppression.by_events() {
            true => {
                let event = self.ring.used.load_tail::<{ used::AVAILABLE_EVENT }>(Load::Relaxed);
                need_event_of_one(event, old as u16)
            }
            false => self.ring.used.load_head::<{ used::FLAGS }>(Load::Relaxed) & used::NO_NOTIFY == 0,
        }
    }

    /// Takes back one descriptor that the device has used, for the caller to [offer](Self::offer) anew, to
    /// [keep](Self::keep) or to [put back](Self::put_back).
    ///
    /// # Errors
    /// What the device broke.
    #[inline]
    pub fn collect(&mut self) -> Result<Option<Taken>, Fault> {
        let before = self.collected;
        let collected = before as u16;
        if collected == self.seen {
            // Acquire: the device's entries up to this index, and what it wrote to the buffers.
            let index = self.ring.used.load_head::<{ used::INDEX }>(Load::Acquire);
            if collected == index {
                return Ok(None);
            }
            // No further than what the device holds: a device that began anew runs past that.
            self.seen = self.ring.advance(collected, index, (self.offered as u16).wrapping_sub(collected))?;
        }
        let id = self.ring.used.load_u32::<{ used::ID }>(before, Load::Relaxed);
        // A descriptor that does not exist has no state, or never this one.
        match self.next.get(id as usize) {
            Some(&OFFERED) => (),
            _ => return Err(self.ring.not_held(id)),
        }
        self.collected = before.wrapping_add(1);
        // CAST: below `N`, which 16 bits hold.
        Ok(Some(Taken(id as u16)))
    }

    /// Asks the device to notify when it has used one more buffer. True where nothing is there to collect yet, so that
    /// the caller may sleep; otherwise it must collect first.
    pub fn ask_for_notifications(&mut self) -> bool {
        let collected = self.collected as u16;
        match self.suppression.by_events() {
            true => self.set_event(collected),
            false => self.ring.available.store_head::<{ available::FLAGS }>(0, Store::Relaxed),
        }
        // See `offer`, with the sides exchanged.
        self.ring.available.fence();
        self.ring.used.load_head::<{ used::INDEX }>(Load::Relaxed) == collected
    }

    /// Asks the device not to notify. It may still do so once, as it may have looked before.
    pub fn refuse_notifications(&mut self) {
        match self.suppression.by_events() {
            // An index that the device passes only after 65535 more buffers.
            true => self.set_event((self.collected as u16).wrapping_sub(1)),
            false => {
                self.ring.available.store_head::<{ available::FLAGS }>(available::NO_INTERRUPT, Store::Relaxed);
            }
        }
    }

    fn set_event(&self, event: u16) {
        self.ring.available.store_tail::<{ available::USED_EVENT }>(event, Store::Relaxed);
    }
}
