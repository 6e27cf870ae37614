// SPDX-License-Identifier: Apache-2.0
//! The receiving end of a link: a queue of filled buffers. The buffers belong to the peer or are lent to it.

use super::policy::{DescriptorMap, DescriptorPolicy};
use super::{BufferPool, Fault};
use crate::mem::{BufferArray, SharedMemory};
use crate::virtqueue::{Device, Driver, Flags, Layout, LayoutError, Ring};
use crate::wire::rpmsg::Header;
use crate::wire::vring::DescriptorFlags;

/// A filled buffer. Its bounds have been checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RxBuffer {
    /// The buffer's descriptor.
    pub id: u16,
    /// Size of the buffer in bytes, excluding the header.
    pub capacity: u16,
}

/// The receiving end of a link, as the queue's device or its driver.
pub trait Incoming {
    /// Pops the next filled buffer. If the result is `None`, the call has requested a notification for the next buffer.
    ///
    /// # Errors
    /// Returns a [`Fault`] if the peer broke the protocol.
    fn pop(&mut self) -> Result<Option<RxBuffer>, Fault>;

    /// Copies bytes from a popped buffer's payload into `to`, starting at `offset`. Only the first `length` bytes of
    /// the payload can be read. Returns false and copies nothing if the read would go beyond these bytes.
    fn read(&self, id: u16, length: u16, offset: u16, to: &mut [u8]) -> bool;

    /// Reads the header of a popped buffer.
    fn header(&self, id: u16) -> Header;

    /// Returns the offset of a popped buffer in the link's memory.
    fn offset(&self, id: u16) -> u32;

    /// Returns a popped buffer to the peer. Returns true if the peer must be notified.
    fn release(&mut self, id: u16) -> bool;

    /// Returns the number of buffers. This is also the maximum number of buffers that can be held at once.
    fn size(&self) -> u16;

    /// Returns the number of buffers popped so far. The counter wraps.
    fn received(&self) -> u32;

    /// Repeats the notification requests, in case another peer has overwritten them.
    fn rearm(&mut self);

    /// Returns whether the queue is still the one that this end was created for. Only a device can detect a change.
    fn is_intact(&self) -> bool {
        true
    }
}

/// Reads the header of the buffer in `slot`.
#[inline(always)]
fn header<M: SharedMemory>(buffers: &BufferArray<M>, slot: u16) -> Header {
    Header::from_words(buffers.header::<0, 4, 12>(slot))
}

/// Receives as the queue's device. The buffers belong to the peer and are contiguous.
#[derive(Debug)]
pub struct DeviceIncoming<M: SharedMemory, const N: usize, S: DescriptorPolicy> {
    queue: Device<M, N, S::Suppression>,
    buffers: BufferArray<M>,
    pool: BufferPool,
    map: S::Map<N>,
}

impl<M: SharedMemory, const N: usize, S: DescriptorPolicy> DeviceIncoming<M, N, S> {
    /// Creates the receiving end for a prepared queue. The peer's buffers are in `pool`.
    ///
    /// # Errors
    /// Returns an error if the queue does not fit in the memory or has more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: BufferPool) -> Result<Self, LayoutError> {
        let buffers = pool.buffers(memory, layout.size)?;
        let mut queue = Device::new(memory, layout, S::SUPPRESSION)?;
        // Overrides the initial request, which the peer wrote when it prepared the ring.
        queue.enable_notification();
        Ok(Self { queue, buffers, pool, map: S::Map::NEW })
    }

    /// Creates the receiving end from parts that have already been checked.
    #[inline(always)]
    pub(crate) fn over(ring: Ring<M>, buffers: BufferArray<M>, pool: BufferPool) -> Self {
        Self { queue: Device::over(ring, S::SUPPRESSION), buffers, pool, map: S::Map::NEW }
    }
}

impl<M: SharedMemory, const N: usize, S: DescriptorPolicy> Incoming for DeviceIncoming<M, N, S> {
    fn is_intact(&self) -> bool {
        self.queue.is_intact()
    }

    #[inline(always)]
    fn pop(&mut self) -> Result<Option<RxBuffer>, Fault> {
        let Some(id) = self.queue.pop_avail_or_enable()? else { return Ok(None) };
        if S::FIXED {
            return Ok(Some(RxBuffer { id, capacity: self.buffers.capacity() }));
        }
        let buffer = self.queue.buffer(id)?;
        self.map.set(id, self.pool.find(&buffer, self.queue.size())?);
        match buffer.length.checked_sub(Header::SIZE) {
            // CAST: the minimum fits in 16 bits.
            Some(capacity) => Ok(Some(RxBuffer { id, capacity: capacity.min(self.buffers.capacity().into()) as u16 })),
            None => Err(Fault::Length { length: 0, buffer: buffer.length }),
        }
    }

    #[inline(always)]
    fn header(&self, id: u16) -> Header {
        header(&self.buffers, self.map.slot(id))
    }

    #[inline(always)]
    fn read(&self, id: u16, length: u16, offset: u16, to: &mut [u8]) -> bool {
        self.buffers.read(self.map.slot(id), length, offset, to)
    }

    fn offset(&self, id: u16) -> u32 {
        self.pool.start.wrapping_add(self.buffers.start(self.map.slot(id)))
    }

    #[inline(always)]
    fn release(&mut self, id: u16) -> bool {
        // Nothing has been written to the buffer. A driver that rewrites its descriptors for each buffer still expects
        // the buffer size as the used length.
        self.queue.add_used(id, if S::FIXED { 0 } else { self.pool.size })
    }

    fn size(&self) -> u16 {
        self.queue.size()
    }

    fn received(&self) -> u32 {
        self.queue.avail_count()
    }

    fn rearm(&mut self) {
        self.queue.rearm();
    }
}

/// Receives as the queue's driver. The buffers belong to this side, and descriptor `n` describes buffer `n`.
#[derive(Debug)]
pub struct DriverIncoming<M: SharedMemory, const N: usize> {
    queue: Driver<M, N, Flags>,
    buffers: BufferArray<M>,
    pool: BufferPool,
}

impl<M: SharedMemory, const N: usize> DriverIncoming<M, N> {
    /// Creates the receiving end for a prepared queue. Posts all buffers of `pool` without a notification, and requests
    /// notifications from the peer.
    ///
    /// # Errors
    /// Returns an error if the queue does not fit in the memory or has more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: BufferPool) -> Result<Self, LayoutError> {
        let buffers = pool.buffers(memory, layout.size)?;
        let mut queue = Driver::new(memory, layout, Flags)?;
        while let Some(token) = queue.alloc() {
            queue.describe(&token, pool.address(token.id()), pool.size, DescriptorFlags::WRITE);
            queue.add_avail(token);
        }
        // The request is a flag, which stays set, so one request is enough.
        queue.enable_notification();
        Ok(Self { queue, buffers, pool })
    }
}

impl<M: SharedMemory, const N: usize> Incoming for DriverIncoming<M, N> {
    #[inline]
    fn pop(&mut self) -> Result<Option<RxBuffer>, Fault> {
        let Some(token) = self.queue.pop_used()? else { return Ok(None) };
        // The length in the used ring is not trusted. The caller checks the header's length against the buffer.
        Ok(Some(RxBuffer { id: self.queue.hold(token), capacity: self.buffers.capacity() }))
    }

    #[inline]
    fn header(&self, id: u16) -> Header {
        header(&self.buffers, id)
    }

    #[inline]
    fn read(&self, id: u16, length: u16, offset: u16, to: &mut [u8]) -> bool {
        self.buffers.read(id, length, offset, to)
    }

    fn offset(&self, id: u16) -> u32 {
        self.pool.start.wrapping_add(self.buffers.start(id))
    }

    #[inline]
    fn release(&mut self, id: u16) -> bool {
        // The contents of the descriptor are still valid.
        self.queue.reclaim(id).is_some_and(|token| self.queue.add_avail(token))
    }

    fn size(&self) -> u16 {
        self.queue.size()
    }

    fn received(&self) -> u32 {
        self.queue.used_count()
    }

    fn rearm(&mut self) {
        self.queue.enable_notification();
    }
}
