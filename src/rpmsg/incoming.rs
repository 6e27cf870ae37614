// SPDX-License-Identifier: Apache-2.0
//! The receiving end of a link: a queue of filled buffers, which belong to the peer or are lent to it.

use super::policy::{DescriptorMap, DescriptorPolicy};
use super::{BufferPool, Fault};
use crate::mem::{BufferArray, SharedMemory};
use crate::virtqueue::{Device, Driver, Flags, Layout, LayoutError, Ring};
use crate::wire::rpmsg::Header;
use crate::wire::vring::DescriptorFlags;

/// A filled buffer. Its place was checked when it arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RxBuffer {
    /// The buffer's descriptor.
    pub id: u16,
    /// Bytes of the buffer after the header.
    pub capacity: u16,
}

/// The receiving end of a link, on either side of a virtqueue.
pub trait Incoming {
    /// Pops the next filled buffer. If it returns none, the peer has been asked to notify of the next one.
    ///
    /// # Errors
    /// Returns the rule that the peer broke.
    fn pop(&mut self) -> Result<Option<RxBuffer>, Fault>;

    /// Copies bytes out of a popped buffer, from `offset` within the first `length` bytes after its header. Returns
    /// false and does nothing if these bytes end too early.
    fn read(&self, id: u16, length: u16, offset: u16, to: &mut [u8]) -> bool;

    /// Reads the header of a popped buffer.
    fn header(&self, id: u16) -> Header;

    /// Returns the offset of a popped buffer in the memory with which the link was made.
    fn offset(&self, id: u16) -> u32;

    /// Releases a popped buffer to the peer. Returns true if the peer must be notified.
    fn release(&mut self, id: u16) -> bool;

    /// Returns the number of buffers, which is the maximum that can be popped before one is released.
    fn size(&self) -> u16;

    /// Returns the number of buffers popped so far; wraps.
    fn received(&self) -> u32;

    /// Repeats the requests to the peer, in case they were overwritten.
    fn rearm(&mut self);

    /// Returns whether the queue is still the one for which this end was made. Only a device can tell.
    fn is_intact(&self) -> bool {
        true
    }
}

/// Reads the header in a slot.
#[inline(always)]
fn header<M: SharedMemory>(buffers: &BufferArray<M>, slot: u16) -> Header {
    Header::from_words(buffers.header::<0, 4, 12>(slot))
}

/// Receives as the virtqueue's device, from the peer's buffers, which form one row.
#[derive(Debug)]
pub struct DeviceIncoming<M: SharedMemory, const N: usize, S: DescriptorPolicy> {
    queue: Device<M, N, S::Suppression>,
    buffers: BufferArray<M>,
    pool: BufferPool,
    map: S::Map<N>,
}

impl<M: SharedMemory, const N: usize, S: DescriptorPolicy> DeviceIncoming<M, N, S> {
    /// Makes the receiving end over a prepared queue and the peer's buffers, which are `pool`.
    ///
    /// # Errors
    /// Returns an error if the queue does not fit the memory or has more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: BufferPool) -> Result<Self, LayoutError> {
        let buffers = pool.buffers(memory, layout.size)?;
        let mut queue = Device::new(memory, layout, S::SUPPRESSION)?;
        // Overrides the request with which the peer has prepared the ring.
        queue.enable_notification();
        Ok(Self { queue, buffers, pool, map: S::Map::NEW })
    }

    /// Makes the receiving end from parts that were checked before.
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
            // CAST: the smaller of the two fits.
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
        // This side has written nothing. A driver that describes each buffer anew still expects the size of the buffer.
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

/// Receives as the virtqueue's driver, into this side's own buffers, which the peer fills: descriptor `n` is buffer `n`.
#[derive(Debug)]
pub struct DriverIncoming<M: SharedMemory, const N: usize> {
    queue: Driver<M, N, Flags>,
    buffers: BufferArray<M>,
    pool: BufferPool,
}

impl<M: SharedMemory, const N: usize> DriverIncoming<M, N> {
    /// Makes the receiving end over a prepared queue. Posts all buffers of `pool` without notifying, and asks the peer
    /// to notify.
    ///
    /// # Errors
    /// Returns an error if the queue does not fit the memory or has more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: BufferPool) -> Result<Self, LayoutError> {
        let buffers = pool.buffers(memory, layout.size)?;
        let mut queue = Driver::new(memory, layout, Flags)?;
        while let Some(token) = queue.alloc() {
            queue.describe(&token, pool.address(token.id()), pool.size, DescriptorFlags::WRITE);
            queue.add_avail(token);
        }
        // Requested once for good, because the request is a flag.
        queue.enable_notification();
        Ok(Self { queue, buffers, pool })
    }
}

impl<M: SharedMemory, const N: usize> Incoming for DriverIncoming<M, N> {
    #[inline]
    fn pop(&mut self) -> Result<Option<RxBuffer>, Fault> {
        let Some(token) = self.queue.pop_used()? else { return Ok(None) };
        // The length in the used ring is only the peer's claim; the header is checked against the buffer.
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
        // The descriptor's contents have not changed.
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
