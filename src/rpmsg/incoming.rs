// SPDX-License-Identifier: Apache-2.0
//! The receiving end of a link: a queue of filled buffers, which belong to the peer or are lent to it.

use super::policy::{DescriptorMap, DescriptorPolicy};
use super::{BufferPool, Fault};
use crate::mem::{BufferArray, SharedMemory};
use crate::virtqueue::{Device, Driver, Flags, Layout, LayoutError, Ring};
use crate::wire::rpmsg::Header;
use crate::wire::vring::DescriptorFlags;

/// A filled buffer. Its place was checked when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RxBuffer {
    /// Its descriptor.
    pub id: u16,
    /// Bytes that it has behind the header.
    pub capacity: u16,
}

/// The receiving end of a link, whichever side of a virtqueue that is.
pub trait Incoming {
    /// Pops the next filled buffer; where there is none, the peer has been asked to notify of the next.
    ///
    /// # Errors
    /// What the peer broke.
    fn pop(&mut self) -> Result<Option<RxBuffer>, Fault>;

    /// Copies bytes out of a popped buffer, from `offset` of the first `length` behind its header; false, and nothing done,
    /// where those are not as many.
    fn read(&self, id: u16, length: u16, offset: u16, to: &mut [u8]) -> bool;

    /// Reads the header of a popped buffer.
    fn header(&self, id: u16) -> Header;

    /// Offset of a popped buffer in the memory that the link was made with.
    fn offset(&self, id: u16) -> u32;

    /// Releases a popped buffer to the peer; true where that must be notified.
    fn release(&mut self, id: u16) -> bool;

    /// Returns the number of buffers, which is the most that can be popped before one is released.
    fn size(&self) -> u16;

    /// Buffers popped so far; wraps.
    fn received(&self) -> u32;

    /// Writes again what the peer was asked for, which somebody may have overwritten.
    fn rearm(&mut self);

    /// Returns whether the queue is still the one that this end was made for; only a device can tell.
    fn is_intact(&self) -> bool {
        true
    }
}

/// The header in a slot.
#[inline(always)]
fn header<M: SharedMemory>(buffers: &BufferArray<M>, slot: u16) -> Header {
    Header::from_words(buffers.header::<0, 4, 12>(slot))
}

/// Receiving as a virtqueue's device, from buffers that lie in one piece.
#[derive(Debug)]
pub struct DeviceIncoming<M: SharedMemory, const N: usize, S: DescriptorPolicy> {
    queue: Device<M, N, S::Suppression>,
    buffers: BufferArray<M>,
    pool: BufferPool,
    map: S::Map<N>,
}

impl<M: SharedMemory, const N: usize, S: DescriptorPolicy> DeviceIncoming<M, N, S> {
    /// The receiving end over a prepared queue and the peer's buffers, which are `pool`.
    ///
    /// # Errors
    /// What does not fit the memory, or more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: BufferPool) -> Result<Self, LayoutError> {
        let buffers = pool.buffers(memory, layout.size)?;
        let mut queue = Device::new(memory, layout, S::SUPPRESSION)?;
        // Whatever the peer has prepared the ring with.
        queue.enable_notification();
        Ok(Self { queue, buffers, pool, map: S::Map::NEW })
    }

    /// The same over what was found good already.
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
        // Nothing was written. A driver that describes each buffer anew still expects the size of the buffer.
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

/// Receiving as a virtqueue's driver, in this side's own buffers, which the peer fills: descriptor `n` is buffer `n`.
#[derive(Debug)]
pub struct DriverIncoming<M: SharedMemory, const N: usize> {
    queue: Driver<M, N, Flags>,
    buffers: BufferArray<M>,
    pool: BufferPool,
}

impl<M: SharedMemory, const N: usize> DriverIncoming<M, N> {
    /// The receiving end over a prepared queue; posts all buffers of `pool`, without a notification, and asks for the peer's.
    ///
    /// # Errors
    /// What does not fit the memory, or more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: BufferPool) -> Result<Self, LayoutError> {
        let buffers = pool.buffers(memory, layout.size)?;
        let mut queue = Driver::new(memory, layout, Flags)?;
        while let Some(token) = queue.alloc() {
            queue.describe(&token, pool.address(token.id()), pool.size, DescriptorFlags::WRITE);
            queue.add_avail(token);
        }
        // For good, as it is by a flag.
        queue.enable_notification();
        Ok(Self { queue, buffers, pool })
    }
}

impl<M: SharedMemory, const N: usize> Incoming for DriverIncoming<M, N> {
    #[inline]
    fn pop(&mut self) -> Result<Option<RxBuffer>, Fault> {
        let Some(token) = self.queue.pop_used()? else { return Ok(None) };
        // The length in the used ring is the peer's word only; the header is checked against the buffer.
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
        // Its descriptor says what it did.
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
