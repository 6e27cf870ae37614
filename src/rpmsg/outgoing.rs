// SPDX-License-Identifier: Apache-2.0
//! The sending end of a link: a queue of buffers to fill. The buffers belong to this side or are lent by the peer.

use super::policy::{DescriptorMap, DescriptorPolicy};
use super::{BufferPool, Fault};
use crate::mem::{BufferArray, SharedMemory, Source};
use crate::virtqueue::{DescriptorToken, Device, Driver, Flags, Layout, LayoutError, Ring};
use crate::wire::rpmsg::Header;
use crate::wire::vring::DescriptorFlags;

/// The sending end of a link, as the queue's driver or its device.
pub trait Outgoing {
    /// An allocated buffer that has not been sent, held or freed yet.
    type Token;

    /// Initialises this end in its final location. Must be called first.
    fn start(&mut self) {}

    /// Returns the maximum payload length in bytes.
    fn capacity(&self) -> u16;

    /// Allocates a buffer to fill. Returns `None` if the peer holds all buffers.
    ///
    /// # Errors
    /// Returns a [`Fault`] if the peer broke the protocol.
    fn alloc(&mut self) -> Result<Option<Self::Token>, Fault>;

    /// Allocates a buffer, and writes the header and the payload into it. Returns `None` and allocates nothing if no
    /// buffer is free, the payload does not fit, or the peer broke the protocol. [`resume_alloc`](Self::resume_alloc)
    /// then reports the fault.
    fn alloc_and_fill(&mut self, header: Header, payload: Source<'_>) -> Option<Self::Token>;

    /// Retries an [`alloc`](Self::alloc) or [`alloc_and_fill`](Self::alloc_and_fill) that returned no buffer, without
    /// popping from the ring again. Returns `None` if the failed call had not popped a buffer.
    ///
    /// # Errors
    /// Returns a [`Fault`] if the popped buffer is invalid. Faults in the ring itself are reported by the next `alloc`.
    fn resume_alloc(&mut self) -> Result<Option<Self::Token>, Fault> {
        Ok(None)
    }

    /// Returns the number of an allocated buffer's descriptor.
    fn descriptor(token: &Self::Token) -> u16;

    /// Frees an allocated buffer without sending it.
    fn free(&mut self, token: Self::Token);

    /// Holds an allocated buffer for later. Returns the id for [`reclaim`](Self::reclaim).
    fn hold(&mut self, token: Self::Token) -> u16;

    /// Returns the held buffer `id`, or `None` if this side does not hold it.
    fn reclaim(&mut self, id: u16) -> Option<Self::Token>;

    /// Writes `bytes` to a held buffer's payload, starting at `offset`. Returns false and writes nothing if the bytes
    /// do not fit.
    fn write(&self, id: u16, offset: u16, bytes: &[u8]) -> bool;

    /// Returns the offset of a held buffer in the link's memory.
    fn offset(&self, id: u16) -> u32;

    /// Writes the header and the payload of an allocated buffer. Returns false and writes nothing if the payload does
    /// not fit.
    fn fill(&self, token: &Self::Token, header: Header, payload: Source<'_>) -> bool;

    /// Writes the header of an allocated buffer.
    fn set_header(&self, token: &Self::Token, header: Header);

    /// Sends an allocated buffer. Returns true if the peer must be notified. The length in the ring is always the
    /// buffer size, because the peer reads the payload length from the header.
    fn send(&mut self, token: Self::Token) -> bool;

    /// Returns the number of buffers sent so far. The counter wraps.
    fn sent(&self) -> u32;

    /// Requests a notification for the next returned buffer. Returns false if a buffer is already free.
    fn enable_notification(&mut self) -> bool;

    /// Withdraws the request for notifications of returned buffers.
    fn disable_notification(&mut self);

    /// Returns whether this side's ring index is unchanged. If not, the peer has set up the queue again, or another
    /// peer has overwritten the index.
    fn is_intact(&self) -> bool {
        true
    }
}

/// Sends as the queue's driver. Descriptor `n` describes buffer `n`.
#[derive(Debug)]
pub struct DriverOutgoing<M: SharedMemory, const N: usize, S: DescriptorPolicy> {
    queue: Driver<M, N, S::Suppression>,
    buffers: BufferArray<M>,
    pool: BufferPool,
}

impl<M: SharedMemory, const N: usize, S: DescriptorPolicy> DriverOutgoing<M, N, S> {
    /// Creates the sending end for a prepared queue, with one buffer of `pool` for each descriptor.
    ///
    /// # Errors
    /// Returns an error if the queue does not fit in the memory or has more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: BufferPool) -> Result<Self, LayoutError> {
        let buffers = pool.buffers(memory, layout.size)?;
        Ok(Self { queue: Driver::new(memory, layout, S::SUPPRESSION)?, buffers, pool })
    }

    /// Creates the sending end from parts that have already been checked.
    #[inline(always)]
    pub(crate) fn over(ring: Ring<M>, buffers: BufferArray<M>, pool: BufferPool) -> Self {
        Self { queue: Driver::over(ring, S::SUPPRESSION), buffers, pool }
    }

    /// Allocates a descriptor. Borrows only the queue, because the caller may have borrowed the buffers.
    #[cfg_attr(for_size, inline(never))]
    #[cfg_attr(not(for_size), inline(always))]
    fn alloc_from(
        queue: &mut Driver<M, N, S::Suppression>,
        pool: &BufferPool,
    ) -> Result<Option<DescriptorToken>, Fault> {
        // Prefer the free list, unless the policy forbids it. `pop_used` returns one buffer per call, but the queue
        // reads the peer's index only once for all returned buffers.
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

    /// Allocates a buffer that has never been sent or that was cancelled, for a policy that prefers returned buffers.
    /// Writes the descriptor, which stays valid from then on.
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

    fn descriptor(token: &DescriptorToken) -> u16 {
        token.id()
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

/// Sends as the queue's device, in buffers that the peer has posted. The queue has at most `N` buffers.
#[derive(Debug)]
pub struct DeviceOutgoing<M: SharedMemory, const N: usize> {
    queue: Device<M, N, Flags>,
    buffers: BufferArray<M>,
    pool: BufferPool,
    /// The buffer slot of each held descriptor.
    map: [u16; N],
    /// Buffers that were allocated and then cancelled. These buffers are allocated before any others, because a buffer
    /// can be returned to the peer only with a message in it.
    unsent: [u16; N],
    unsent_count: usize,
    /// A popped descriptor that does not describe a usable buffer.
    stopped: Option<u16>,
}

impl<M: SharedMemory, const N: usize> DeviceOutgoing<M, N> {
    /// Creates the sending end for a queue that the peer has prepared. The queue's buffers are in `pool`.
    ///
    /// # Errors
    /// Returns an error if the queue does not fit in the memory or has more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: BufferPool) -> Result<Self, LayoutError> {
        let buffers = pool.buffers(memory, layout.size)?;
        let mut queue = Device::new(memory, layout, Flags)?;
        queue.disable_notification();
        Ok(Self { queue, buffers, pool, map: DescriptorMap::NEW, unsent: [0; N], unsent_count: 0, stopped: None })
    }

    /// Returns the slot of the buffer that descriptor `id` describes.
    #[inline(always)]
    fn slot_of(&self, id: u16) -> Result<u16, Fault> {
        let buffer = self.queue.buffer(id)?;
        let slot = self.pool.find(&buffer, self.queue.size())?;
        if !buffer.writable || buffer.length != self.pool.size {
            return Err(Fault::NotForUs { length: buffer.length, size: self.pool.size });
        }
        Ok(slot)
    }

    /// Accepts a popped descriptor if its buffer is usable. Otherwise, keeps it for
    /// [`resume_alloc`](Outgoing::resume_alloc), which reports the fault again.
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

    /// Returns whether the buffer was cancelled and not allocated again.
    fn is_unsent(&self, id: u16) -> bool {
        self.unsent.iter().take(self.unsent_count).any(|&unsent| unsent == id)
    }
}

impl<M: SharedMemory, const N: usize> Outgoing for DeviceOutgoing<M, N> {
    /// The buffer's descriptor. The queue tracks whether this side holds it.
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

    fn descriptor(id: &u16) -> u16 {
        *id
    }

    fn free(&mut self, id: u16) {
        // Never add a buffer twice, because it would then be sent twice.
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
