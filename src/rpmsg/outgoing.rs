// SPDX-License-Identifier: Apache-2.0
//! The sending end of a link: a queue of buffers to fill, which belong to this side or are lent by the peer.

use super::policy::{DescriptorMap, DescriptorPolicy};
use super::{BufferPool, Fault};
use crate::mem::{BufferArray, SharedMemory, Source};
use crate::virtqueue::{DescriptorToken, Device, Driver, Flags, Layout, LayoutError, Ring};
use crate::wire::rpmsg::Header;
use crate::wire::vring::DescriptorFlags;

/// The sending end of a link, whichever side of a virtqueue that is.
pub trait Outgoing {
    /// An allocated buffer that has yet to be sent, held or freed.
    type Token;

    /// Makes it ready where it lies, before anything else.
    fn start(&mut self) {}

    /// The longest payload, in bytes.
    fn capacity(&self) -> u16;

    /// Allocates a buffer to fill; `None` where all are with the peer.
    ///
    /// # Errors
    /// The rule that the peer broke.
    fn alloc(&mut self) -> Result<Option<Self::Token>, Fault>;

    /// Allocates a buffer and writes the header and the payload into it. Returns none, and allocates nothing, if there is no
    /// buffer or the payload does not fit. [`resume_alloc`](Self::resume_alloc) says whether the peer broke a rule.
    fn alloc_and_fill(&mut self, header: Header, payload: Source<'_>) -> Option<Self::Token>;

    /// Continues the last [`alloc`](Self::alloc) or [`alloc_and_fill`](Self::alloc_and_fill) behind its look at the ring. Returns
    /// none if that found no buffer.
    ///
    /// # Errors
    /// The rule that the peer broke in a popped buffer. The next `alloc` finds a broken ring.
    fn resume_alloc(&mut self) -> Result<Option<Self::Token>, Fault> {
        Ok(None)
    }

    /// Frees an allocated buffer, unsent.
    fn free(&mut self, token: Self::Token);

    /// Holds an allocated buffer for later; its number reclaims it.
    fn hold(&mut self, token: Self::Token) -> u16;

    /// Returns the buffer that was held as `id`; none where this side has no such one.
    fn reclaim(&mut self, id: u16) -> Option<Self::Token>;

    /// Writes `bytes` at `offset` of a held buffer's payload; false, and nothing done, where they do not fit.
    fn write(&self, id: u16, offset: u16, bytes: &[u8]) -> bool;

    /// Offset of a held buffer in the memory that the link was made with.
    fn offset(&self, id: u16) -> u32;

    /// Writes the header and the payload of an allocated buffer; false, and nothing done, where they do not fit.
    fn fill(&self, token: &Self::Token, header: Header, payload: Source<'_>) -> bool;

    /// Writes the header of an allocated buffer.
    fn set_header(&self, token: &Self::Token, header: Header);

    /// Sends an allocated buffer; true where the peer must be notified. The peer sees in the header how much of it is a message: to
    /// a device the whole buffer goes, and a driver asks for no less than the message.
    fn send(&mut self, token: Self::Token) -> bool;

    /// Returns the number of buffers sent; wraps.
    fn sent(&self) -> u32;

    /// Asks to be notified of freed buffers; false where there are some already.
    fn enable_notification(&mut self) -> bool;

    /// Asks not to be notified of freed buffers.
    fn disable_notification(&mut self);

    /// Returns whether this side's index in the queue still is what it wrote. If not, the peer has set the queue up anew, or another
    /// peer has overwritten it.
    fn is_intact(&self) -> bool {
        true
    }
}

/// Sending as a virtqueue's driver: descriptor `n` is buffer `n`.
#[derive(Debug)]
pub struct DriverOutgoing<M: SharedMemory, const N: usize, S: DescriptorPolicy> {
    queue: Driver<M, N, S::Suppression>,
    buffers: BufferArray<M>,
    pool: BufferPool,
}

impl<M: SharedMemory, const N: usize, S: DescriptorPolicy> DriverOutgoing<M, N, S> {
    /// The sending end over a prepared queue, with a buffer of `pool` for each descriptor.
    ///
    /// # Errors
    /// What does not fit the memory, or more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: BufferPool) -> Result<Self, LayoutError> {
        let buffers = pool.buffers(memory, layout.size)?;
        Ok(Self { queue: Driver::new(memory, layout, S::SUPPRESSION)?, buffers, pool })
    }

    /// The same over what was found good already.
    #[inline(always)]
    pub(crate) fn over(ring: Ring<M>, buffers: BufferArray<M>, pool: BufferPool) -> Self {
        Self { queue: Driver::over(ring, S::SUPPRESSION), buffers, pool }
    }

    /// Beside the buffers, which may be borrowed meanwhile.
    #[cfg_attr(for_size, inline(never))]
    #[cfg_attr(not(for_size), inline(always))]
    fn alloc_from(
        queue: &mut Driver<M, N, S::Suppression>,
        pool: &BufferPool,
    ) -> Result<Option<DescriptorToken>, Fault> {
        // The free list first, if the policy leaves the choice. Used buffers are popped one by one: the queue reads the peer's
        // index once for all of them.
        if !S::REUSE_USED_FIRST
            && let Some(token) = queue.alloc()
        {
            return Ok(Some(token));
        }
        match queue.pop_used()? {
            None if S::REUSE_USED_FIRST => Ok(Self::alloc_new(queue, pool)),
            token => Ok(token),
        }
    }

    /// A buffer that has never been sent, or was given up, where what comes back is sent first: what its descriptor says holds
    /// from then on.
    fn alloc_new(queue: &mut Driver<M, N, S::Suppression>, pool: &BufferPool) -> Option<DescriptorToken> {
        let token = queue.alloc()?;
        queue.describe(&token, pool.address(token.id()), pool.size, DescriptorFlags::empty());
        Some(token)
    }
}

impl<M: SharedMemory, const N: usize, S: DescriptorPolicy> Outgoing for DriverOutgoing<M, N, S> {
    type Token = DescriptorToken;

    fn start(&mut self) {
        self.queue.free_all();
    }

    fn is_intact(&self) -> bool {
        self.queue.is_intact()
    }

    #[inline(always)]
    fn capacity(&self) -> u16 {
        self.buffers.capacity()
    }

    #[inline(always)]
    fn alloc(&mut self) -> Result<Option<DescriptorToken>, Fault> {
        Self::alloc_from(&mut self.queue, &self.pool)
    }

    #[inline(always)]
    fn alloc_and_fill(&mut self, header: Header, payload: Source<'_>) -> Option<DescriptorToken> {
        let fitting = self.buffers.fit(payload)?;
        let token = Self::alloc_from(&mut self.queue, &self.pool).ok().flatten()?;
        fitting.fill(token.id(), header.to_words());
        Some(token)
    }

    fn free(&mut self, token: DescriptorToken) {
        self.queue.free(token);
    }

    fn hold(&mut self, token: DescriptorToken) -> u16 {
        self.queue.hold(token)
    }

    fn reclaim(&mut self, id: u16) -> Option<DescriptorToken> {
        self.queue.reclaim(id)
    }

    fn write(&self, id: u16, offset: u16, bytes: &[u8]) -> bool {
        self.buffers.write(id, offset, bytes)
    }

    fn offset(&self, id: u16) -> u32 {
        self.pool.start.wrapping_add(self.buffers.start(id))
    }

    #[inline(always)]
    fn fill(&self, token: &DescriptorToken, header: Header, payload: Source<'_>) -> bool {
        self.buffers.fill(token.id(), header.to_words(), payload)
    }

    #[inline(always)]
    fn set_header(&self, token: &DescriptorToken, header: Header) {
        self.buffers.set_header(token.id(), header.to_words());
    }

    #[inline(always)]
    fn send(&mut self, token: DescriptorToken) -> bool {
        self.queue.add_avail(token)
    }

    fn sent(&self) -> u32 {
        self.queue.avail_count()
    }

    fn enable_notification(&mut self) -> bool {
        self.queue.enable_notification()
    }

    fn disable_notification(&mut self) {
        self.queue.disable_notification();
    }
}

/// Sending as a virtqueue's device: in the buffers that the peer has posted, at most `N`.
#[derive(Debug)]
pub struct DeviceOutgoing<M: SharedMemory, const N: usize> {
    queue: Device<M, N, Flags>,
    buffers: BufferArray<M>,
    pool: BufferPool,
    /// Buffer of each held descriptor; each has the length in `pool`.
    map: [u16; N],
    /// Buffers that were taken and given up, to be taken again: the peer gets back only what holds a message.
    unsent: [u16; N],
    unsent_count: usize,
    /// A popped descriptor that names no buffer to send in.
    stopped: Option<u16>,
}

impl<M: SharedMemory, const N: usize> DeviceOutgoing<M, N> {
    /// The sending end over a queue that the peer has prepared, and whose buffers are `pool`.
    ///
    /// # Errors
    /// What does not fit the memory, or more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: BufferPool) -> Result<Self, LayoutError> {
        let buffers = pool.buffers(memory, layout.size)?;
        let mut queue = Device::new(memory, layout, Flags)?;
        queue.disable_notification();
        Ok(Self { queue, buffers, pool, map: DescriptorMap::NEW, unsent: [0; N], unsent_count: 0, stopped: None })
    }

    /// Returns the buffer that descriptor `id` names.
    #[inline(always)]
    fn slot_of(&self, id: u16) -> Result<u16, Fault> {
        let buffer = self.queue.buffer(id)?;
        let slot = self.pool.find(&buffer, self.queue.size())?;
        if !buffer.writable || buffer.length != self.pool.size {
            return Err(Fault::NotForUs { length: buffer.length, size: self.pool.size });
        }
        Ok(slot)
    }

    /// Accepts a popped descriptor that names a buffer to send in, or stops at it.
    #[inline(always)]
    fn accept(&mut self, id: u16) -> Result<Option<u16>, Fault> {
        match self.slot_of(id) {
            Ok(slot) => {
                self.map.set(id, slot);
                Ok(Some(id))
            }
            Err(fault) => {
                self.stopped = Some(id);
                Err(fault)
            }
        }
    }

    /// Returns whether a buffer was freed unsent.
    fn is_unsent(&self, id: u16) -> bool {
        self.unsent.iter().take(self.unsent_count).any(|&unsent| unsent == id)
    }
}

impl<M: SharedMemory, const N: usize> Outgoing for DeviceOutgoing<M, N> {
    /// Its descriptor, which the queue knows whether this side holds.
    type Token = u16;

    fn is_intact(&self) -> bool {
        self.queue.is_intact()
    }

    fn capacity(&self) -> u16 {
        self.buffers.capacity()
    }

    #[cfg_attr(for_size, inline(never))]
    #[cfg_attr(not(for_size), inline(always))]
    fn alloc(&mut self) -> Result<Option<u16>, Fault> {
        if let Some(&id) = self.unsent_count.checked_sub(1).and_then(|last| self.unsent.get(last)) {
            self.unsent_count = self.unsent_count.saturating_sub(1);
            return Ok(Some(id));
        }
        match self.queue.pop_avail()? {
            Some(id) => self.accept(id),
            None => Ok(None),
        }
    }

    fn resume_alloc(&mut self) -> Result<Option<u16>, Fault> {
        match self.stopped.take() {
            Some(id) => self.accept(id),
            None => Ok(None),
        }
    }

    #[inline(always)]
    fn alloc_and_fill(&mut self, header: Header, payload: Source<'_>) -> Option<u16> {
        if payload.len() > self.capacity().into() {
            return None;
        }
        let id = self.alloc().ok().flatten()?;
        let _ = self.fill(&id, header, payload);
        Some(id)
    }

    fn free(&mut self, id: u16) {
        // Once only: a buffer that is there already would go out twice.
        let twice = self.is_unsent(id);
        if let Some(slot) = self.unsent.get_mut(self.unsent_count).filter(|_| !twice) {
            *slot = id;
            self.unsent_count = self.unsent_count.saturating_add(1);
        }
    }

    fn hold(&mut self, id: u16) -> u16 {
        id
    }

    fn reclaim(&mut self, id: u16) -> Option<u16> {
        (self.queue.holds(id) && !self.is_unsent(id)).then_some(id)
    }

    fn write(&self, id: u16, offset: u16, bytes: &[u8]) -> bool {
        self.buffers.write(self.map.slot(id), offset, bytes)
    }

    fn offset(&self, id: u16) -> u32 {
        self.pool.start.wrapping_add(self.buffers.start(self.map.slot(id)))
    }

    #[inline]
    fn fill(&self, id: &u16, header: Header, payload: Source<'_>) -> bool {
        self.buffers.fill(self.map.slot(*id), header.to_words(), payload)
    }

    #[inline]
    fn set_header(&self, id: &u16, header: Header) {
        self.buffers.set_header(self.map.slot(*id), header.to_words());
    }

    #[inline]
    fn send(&mut self, id: u16) -> bool {
        self.queue.add_used(id, self.pool.size)
    }

    fn sent(&self) -> u32 {
        self.queue.used_count()
    }

    fn enable_notification(&mut self) -> bool {
        self.queue.enable_notification()
    }

    fn disable_notification(&mut self) {
        self.queue.disable_notification();
    }
}
