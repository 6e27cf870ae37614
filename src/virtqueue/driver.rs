// SPDX-License-Identifier: Apache-2.0
//! The driver side: owns the descriptors and the available ring, makes buffers available and pops used ones.

use super::descriptor::{describe, describe_chained};
use super::{Fault, Layout, LayoutError, Ring, Suppress, Suppression};
use crate::mem::{Load, SharedMemory, Store};
use crate::wire::vring::{DescriptorFlags, available, need_event_of_one, used};

/// An allocated descriptor. Before the next [`pop_used`](Driver::pop_used), the caller must make the descriptor
/// [available](Driver::add_avail), [hold](Driver::hold) it or [free](Driver::free) it. Otherwise `pop_used` treats the
/// descriptor as held by the device.
///
/// A token must be used only with the queue that returned it. The token does not record its queue, so this is not
/// checked. Code that passes tokens on to its callers should use [chains](super::chain), because chain tokens identify
/// their queue.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a descriptor that is neither made available, held nor freed is lost until the queue is set up anew"]
pub struct DescriptorToken(u16);

impl DescriptorToken {
    /// Returns the descriptor id.
    #[must_use]
    #[inline(always)]
    pub const fn id(&self) -> u16 {
        self.0
    }
}

// The values of the states can be encoded in the compare instructions of Thumb and AArch64.
/// State of a descriptor that this side holds.
const HELD: u16 = 0xe000;
/// State of a descriptor that the device holds. A descriptor enters this state as soon as it is allocated.
const WITH_DEVICE: u16 = 0xf000;
/// End of the free list.
const END: u16 = 0xd000;

/// The driver side of a queue with at most `N` descriptors.
///
/// A descriptor is first free, then [allocated](Self::alloc), then [available](Self::add_avail) to the device. After it
/// has been [popped](Self::pop_used) from the used ring, it is allocated again.
#[derive(Debug)]
pub struct Driver<M: SharedMemory, const N: usize, S = Suppression> {
    ring: Ring<M>,
    suppression: S,
    /// The state of each descriptor: the index of the next free descriptor, `END`, `HELD` or `WITH_DEVICE`.
    next: [u16; N],
    /// The first free descriptor, or `END`.
    first_free: u16,
    /// The device's used index at the last read.
    seen: u16,
    /// Number of buffers made available so far. The low 16 bits are this side's available index.
    avail_count: u32,
    /// Number of used buffers popped so far. The low 16 bits are the next used index to read.
    used_count: u32,
}

impl<M: SharedMemory, const N: usize, S: Suppress> Driver<M, N, S> {
    /// Makes the driver side of a queue in [prepared](super::prepare_available) memory. All descriptors are free, and
    /// no notification is requested. This does not access the memory.
    ///
    /// # Errors
    /// Returns a [`LayoutError`] if a part of the queue is out of bounds, or if the queue has more than `N`
    /// descriptors.
    pub fn new(memory: &M, layout: Layout, suppression: S) -> Result<Self, LayoutError> {
        let mut driver = Self::over(Ring::new(memory, layout, N)?, suppression);
        driver.free_all();
        Ok(driver)
    }

    /// Makes the driver side from a ring that has already been checked. No descriptor is free until
    /// [`free_all`](Self::free_all).
    #[inline(always)]
    pub(crate) fn over(ring: Ring<M>, suppression: S) -> Self {
        const { assert!(N <= 0x8000, "a ring has 32768 descriptors at most") }
        Self { ring, suppression, next: [0; N], first_free: END, seen: 0, avail_count: 0, used_count: 0 }
    }

    /// Frees all descriptors. Descriptor 0 is allocated first.
    pub(crate) fn free_all(&mut self) {
        self.first_free = END;
        for id in (0..self.ring.size).rev() {
            self.free(DescriptorToken(id));
        }
    }

    /// Returns the size of the queue in descriptors.
    #[must_use]
    pub fn size(&self) -> u16 {
        self.ring.size
    }

    /// Returns true if the available index in memory is still the value that this side wrote. Otherwise a peer has
    /// overwritten the index, and the device may miss buffers.
    #[must_use]
    pub fn is_intact(&self) -> bool {
        // CAST: ring indices have 16 bits, here and below.
        self.ring.available.load_header::<{ available::INDEX }>(Load::Relaxed) == self.avail_count as u16
    }

    /// Returns the number of buffers made available so far. The count wraps.
    #[must_use]
    pub fn avail_count(&self) -> u32 {
        self.avail_count
    }

    /// Returns the number of used buffers popped so far. The count wraps.
    #[must_use]
    pub fn used_count(&self) -> u32 {
        self.used_count
    }

    /// Allocates a descriptor. The caller then fills its buffer and passes the token to [`add_avail`](Self::add_avail).
    #[inline]
    pub fn alloc(&mut self) -> Option<DescriptorToken> {
        let id = self.first_free;
        let state = self.next.get_mut(usize::from(id))?;
        self.first_free = core::mem::replace(state, WITH_DEVICE);
        Some(DescriptorToken(id))
    }

    /// Frees a descriptor that has not been made available.
    #[inline]
    pub fn free(&mut self, token: DescriptorToken) {
        let id = token.0;
        if let Some(state) = self.next.get_mut(usize::from(id)) {
            *state = core::mem::replace(&mut self.first_free, id);
        }
    }

    /// Holds a descriptor for later use. Returns the id to pass to [`reclaim`](Self::reclaim).
    #[inline]
    pub fn hold(&mut self, token: DescriptorToken) -> u16 {
        if let Some(state) = self.next.get_mut(usize::from(token.0)) {
            *state = HELD;
        }
        token.0
    }

    /// Ends the [hold](Self::hold) on descriptor `id`, and returns it. Returns `None` if the descriptor is not held.
    #[inline]
    pub fn reclaim(&mut self, id: u16) -> Option<DescriptorToken> {
        match self.next.get_mut(usize::from(id)) {
            Some(state) if *state == HELD => *state = WITH_DEVICE,
            _ => return None,
        }
        Some(DescriptorToken(id))
    }

    /// Writes a descriptor for the buffer of `length` bytes at `address`.
    #[inline]
    pub fn describe(&self, token: &DescriptorToken, address: u64, length: u32, flags: DescriptorFlags) {
        describe(&self.ring.descriptors, token.0.into(), address, length, flags);
    }

    /// Writes a descriptor of a chain: address, length and next descriptor.
    pub(super) fn describe_chained(
        &self,
        token: &DescriptorToken,
        place: (u64, u32),
        flags: DescriptorFlags,
        next: Option<u16>,
    ) {
        describe_chained(&self.ring.descriptors, token.0.into(), place, flags, next);
    }

    /// Makes a descriptor and its buffer available to the device. Returns true if the device must be notified.
    ///
    /// All earlier stores to the buffer are visible to the device when it pops the descriptor.
    #[inline]
    pub fn add_avail(&mut self, token: DescriptorToken) -> bool {
        let old = self.avail_count;
        self.ring.available.store_u16::<{ available::ID }>(old, token.0, Store::Relaxed);
        self.avail_count = old.wrapping_add(1);
        // Release: publishes the entry, the descriptor and the buffer contents.
        self.ring.available.store_header::<{ available::INDEX }>(self.avail_count as u16, Store::Release);
        // Publish the index, then check the event. The device sets the event, then checks the index (see
        // `Device::pop_avail_or_enable`). With a full barrier on both sides, at least one side sees the other's store:
        //   driver: index := n;       fence; read event
        //   device: event := n - 1;   fence; read index
        self.ring.available.fence();
        match self.suppression.by_events() {
            true => {
                let event = self.ring.used.load_tail::<{ used::AVAILABLE_EVENT }>(Load::Relaxed);
                need_event_of_one(event, old as u16)
            }
            false => self.ring.used.load_header::<{ used::FLAGS }>(Load::Relaxed) & used::NO_NOTIFY == 0,
        }
    }

    /// Pops one descriptor that the device has used. The caller must make it [available](Self::add_avail) again,
    /// [hold](Self::hold) it or [free](Self::free) it.
    ///
    /// # Errors
    /// Returns a [`Fault`] if the device broke a ring rule.
    #[inline]
    pub fn pop_used(&mut self) -> Result<Option<DescriptorToken>, Fault> {
        let before = self.used_count;
        let collected = before as u16;
        if collected == self.seen {
            // Acquire: makes the device's entries and buffer contents up to this index visible.
            let index = self.ring.used.load_header::<{ used::INDEX }>(Load::Acquire);
            if collected == index {
                return Ok(None);
            }
            // The device can only use buffers that it holds. An index beyond that number means that the device has
            // restarted.
            self.seen = self.ring.advance(collected, index, (self.avail_count as u16).wrapping_sub(collected))?;
        }
        let id = self.ring.used.load_u32::<{ used::ID }>(before, Load::Relaxed);
        // This also checks that the descriptor exists, because only existing descriptors have a state.
        match self.next.get(id as usize) {
            Some(&WITH_DEVICE) => (),
            _ => return Err(self.ring.not_held(id)),
        }
        self.used_count = before.wrapping_add(1);
        // CAST: the id is less than `N`, which fits in 16 bits.
        Ok(Some(DescriptorToken(id as u16)))
    }

    /// Reads the length in the used entry that was [popped](Self::pop_used) last.
    pub(super) fn last_used_length(&self) -> u32 {
        self.ring.used.load_u32::<{ used::LENGTH }>(self.used_count.wrapping_sub(1), Load::Relaxed)
    }

    /// Asks the device for a notification when it has used the next buffer. Returns true if the ring is empty, in which
    /// case the caller may sleep. If the result is false, the caller must pop first.
    pub fn enable_notification(&mut self) -> bool {
        let collected = self.used_count as u16;
        match self.suppression.by_events() {
            true => self.set_event(collected),
            false => self.ring.available.store_header::<{ available::FLAGS }>(0, Store::Relaxed),
        }
        // Same steps as in `add_avail`, with the roles of the sides exchanged.
        self.ring.available.fence();
        self.ring.used.load_header::<{ used::INDEX }>(Load::Relaxed) == collected
    }

    /// Asks the device not to notify this side. One more notification may still arrive if the device has already read
    /// the earlier request.
    pub fn disable_notification(&mut self) {
        match self.suppression.by_events() {
            // The device does not pass this index until it has used 65535 more buffers.
            true => self.set_event((self.used_count as u16).wrapping_sub(1)),
            false => {
                self.ring.available.store_header::<{ available::FLAGS }>(available::NO_INTERRUPT, Store::Relaxed);
            }
        }
    }

    fn set_event(&self, event: u16) {
        self.ring.available.store_tail::<{ available::USED_EVENT }>(event, Store::Relaxed);
    }
}
