// SPDX-License-Identifier: Apache-2.0
//! The sending end of a link: a queue of buffers to fill, which belong to this side or are lent by the peer.

use super::policy::{DescriptorMap, DescriptorPolicy};
use super::{BufferPool, Fault};
use crate::mem::{BufferArray, SharedMemory, Source};
use crate::virtqueue::{DescriptorToken, Device, Driver, Flags, Layout, LayoutError, Ring};
use crate::wire::rpmsg::Header;
use crate::wire::vring::DescriptorFlags;

/// The sending end of a link, on either side of a virtqueue.
pub trait Outgoing {
    /// An allocated buffer that has yet to be sent, held or freed.
    type Token;

    /// Makes this end ready in its final place. Called before anything else.
    fn start(&mut self) {}

    /// Returns the length of the longest payload, in bytes.
    fn capacity(&self) -> u16;

    /// Allocates a buffer to fill. Returns `None` if the peer has all buffers.
    ///
    /// # Errors
    /// Returns the rule that the peer broke.
    fn alloc(&mut self) -> Result<Option<Self::Token>, Fault>;

    /// Allocates a buffer and writes the header and the payload into it. Returns `None` and allocates nothing if no
    /// buffer is free or the payload does not fit. [`resume_alloc`](Self::resume_alloc) reports whether the peer broke
    /// a rule.
    fn alloc_and_fill(&mut self, header: Header, payload: Source<'_>) -> Option<Self::Token>;

    /// Continues the last [`alloc`](Self::alloc) or [`alloc_and_fill`](Self::alloc_and_fill) after it has looked at the
    /// ring. Returns `None` if no buffer was found there.
    ///
    /// # Errors
    /// Returns the rule that the peer broke in a popped buffer. A broken ring is reported by the next `alloc`.
    fn resume_alloc(&mut self) -> Result<Option<Self::Token>, Fault> {
        Ok(None)
    }

    /// Frees an allocated buffer without sending it.
    fn free(&mut self, token: Self::Token);

    /// Holds an allocated buffer for later. Returns the number with which it is reclaimed.
    fn hold(&mut self, token: Self::Token) -> u16;

    /// Returns the buffer that was held as `id`, or `None` if this side holds no such buffer.
    fn reclaim(&mut self, id: u16) -> Option<Self::Token>;

    /// Writes `bytes` at `offset` of a held buffer's payload. Returns false and does nothing if they do not fit.
    fn write(&self, id: u16, offset: u16, bytes: &[u8]) -> bool;

    /// Returns the offset of a held buffer in the memory with which the link was made.
    fn offset(&self, id: u16) -> u32;

    /// Writes the header and the payload of an allocated buffer. Returns false and does nothing if they do not fit.
    fn fill(&self, token: &Self::Token, header: Header, payload: Source<'_>) -> bool;

    /// Writes the header of an allocated buffer.
    fn set_header(&self, token: &Self::Token, header: Header);

    /// Sends an allocated buffer. Returns true if the peer must be notified. The header tells the peer how much of the
    /// buffer is the message: a device gets the whole buffer, and a driver expects no less than the message.
    fn send(&mut self, token: Self::Token) -> bool;

    /// Returns the number of buffers sent; wraps.
    fn sent(&self) -> u32;

    /// Asks to be notified of freed buffers. Returns false if some are free already.
    fn enable_notification(&mut self) -> bool;

    /// Asks not to be notified of freed buffers.
    fn disable_notification(&mut self);

    /// Returns whether this side's index in the queue is still the value that it wrote. If not, the peer has set up the
    /// queue anew, or another peer has overwritten the index.
    fn is_intact(&self) -> bool {
        true
    }
}

/// Sends as the virtqueue's driver: descriptor `n` is buffer `n`.
#[derive(Debug)]
pub struct DriverOutgoing<M: SharedMemory, const N: usize, S: DescriptorPolicy> {
    queue: Driver<M, N, S::Suppression>,
    buffers: BufferArray<M>,
    pool: BufferPool,
}

impl<M: SharedMemory, const N: usize, S: DescriptorPolicy> DriverOutgoing<M, N, S> {
    /// Makes the sending end over a prepared queue, with a buffer of `pool` for each descriptor.
    ///
    /// # Errors
    /// Returns an error if the queue does not fit the memory or has more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: BufferPool) -> Result<Self, LayoutError> {
        let buffers = pool.buffers(memory, layout.size)?;
        Ok(Self { queue: Driver::new(memory, layout, S::SUPPRESSION)?, buffers, pool })
    }

    /// Makes the sending end from parts that were checked before.
    #[inline(always)]
    pub(crate) fn over(ring: Ring<M>, buffers: BufferArray<M>, pool: BufferPool) -> Self {
        Self { queue: Driver::over(ring, S::SUPPRESSION), buffers, pool }
    }

    /// Allocates a descriptor. Takes the queue without the buffers, which may be borrowed meanwhile.
    #[cfg_attr(for_size, inline(never))]
    #[cfg_attr(not(for_size), inline(always))]
    fn alloc_from(
        queue: &mut Driver<M, N, S::Suppression>,
        pool: &BufferPool,
    ) -> Result<Option<DescriptorToken>, Fault> {
        // If the policy leaves the choice, the free list comes first. Used buffers are popped one by one, but the queue
        // reads the peer's index once for all of them.
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

    /// Allocates a buffer that has never been sent, or that was given up, for a policy that reuses returned buffers
    /// first. Its descriptor is written here and stays valid from then on.
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

/// Sends as the virtqueue's device, in the buffers that the peer has posted, at most `N`.
#[derive(Debug)]
pub struct DeviceOutgoing<M: SharedMemory, const N: usize> {
    queue: Device<M, N, Flags>,
    buffers: BufferArray<M>,
    pool: BufferPool,
    /// The buffer of each held descriptor; each buffer has the length in `pool`.
    map: [u16; N],
    /// Buffers that were allocated and given up, to be allocated again: the peer gets back only buffers that hold a message.
    unsent: [u16; N],
    unsent_count: usize,
    /// A popped descriptor that refers to no buffer that this side can send in.
    stopped: Option<u16>,
}

impl<M: SharedMemory, const N: usize> DeviceOutgoing<M, N> {
    /// Makes the sending end over a queue that the peer has prepared and whose buffers are `pool`.
    ///
    /// # Errors
    /// Returns an error if the queue does not fit the memory or has more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: BufferPool) -> Result<Self, LayoutError> {
        let buffers = pool.buffers(memory, layout.size)?;
        let mut queue = Device::new(memory, layout, Flags)?;
        queue.disable_notification();
        Ok(Self { queue, buffers, pool, map: DescriptorMap::NEW, unsent: [0; N], unsent_count: 0, stopped: None })
    }

    /// Returns the buffer to which descriptor `id` refers.
    #[inline(always)]
    fn slot_of(&self, id: u16) -> Result<u16, Fault> {
        let buffer = self.queue.buffer(id)?;
        let slot = self.pool.find(&buffer, self.queue.size())?;
        if !buffer.writable || buffer.length != self.pool.size {
            return Err(Fault::NotForUs { length: buffer.length, size: self.pool.size });
        }
        Ok(slot)
    }

    /// Accepts a popped descriptor if this side can send in its buffer; otherwise stops at it.
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

    /// Returns whether a buffer was freed without being sent.
    fn is_unsent(&self, id: u16) -> bool {
        self.unsent.iter().take(self.unsent_count).any(|&unsent| unsent == id)
    }
}

impl<M: SharedMemory, const N: usize> Outgoing for DeviceOutgoing<M, N> {
    /// The buffer's descriptor; the queue knows whether this side holds it.
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
        // A buffer is added only once, because one that is there twice would be sent twice.
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
