//! Where messages leave: a queue with this side's buffers to fill.

use super::Fault;
use crate::mem::{Bytes, MemoryError, SharedMemory};
use crate::virtqueue::{Driver, Layout, SetupError, Suppression};
use crate::wire::vring::DescriptorFlags;

/// The sending end of a link, whichever side of a virtqueue that is.
pub trait Outgoing {
    /// Bytes of a buffer, header included.
    fn buffer_size(&self) -> u32;

    /// Takes a buffer to fill; `None` where all are with the peer.
    ///
    /// # Errors
    /// What the peer broke.
    fn take(&mut self) -> Result<Option<u16>, Fault>;

    /// Gives a taken buffer up, unsent.
    fn put_back(&mut self, id: u16);

    /// Writes `bytes` at `offset` of a taken buffer.
    ///
    /// # Errors
    /// Bytes that do not fit.
    fn write(&self, id: u16, offset: u32, bytes: &[u8]) -> Result<(), MemoryError>;

    /// Sends the first `length` bytes of a taken buffer.
    fn send(&mut self, id: u16, length: u32);

    /// Whether the peer must be notified of what was sent since the last call.
    fn must_notify(&mut self) -> bool;

    /// Asks to be notified of freed buffers; false where there are some already.
    fn ask_for_notifications(&mut self) -> bool;

    /// Asks not to be notified of freed buffers.
    fn refuse_notifications(&mut self);
}

/// Sending as a virtqueue's driver, from buffers in this side's own memory: descriptor `n` is buffer `n`.
#[derive(Debug)]
pub struct DriverOutgoing<M, const N: usize> {
    queue: Driver<M, N>,
    buffers: Bytes<M>,
    /// The first buffer's address for the peer.
    start: u64,
    buffer_size: u32,
}

impl<M: SharedMemory, const N: usize> DriverOutgoing<M, N> {
    /// Sets the queue up, with a buffer of `buffer_size` bytes for each descriptor, the first at byte `start` of
    /// `memory`, which is also how the peer addresses it.
    ///
    /// # Errors
    /// What does not fit the memory, or more descriptors than `N`.
    pub fn new(
        memory: &M,
        layout: Layout,
        start: u32,
        buffer_size: u32,
        suppression: Suppression,
    ) -> Result<Self, SetupError> {
        let out_of_bounds = MemoryError::OutOfBounds { offset: start, len: u32::MAX, size: memory.len() };
        let len = buffer_size.checked_mul(layout.size.into()).ok_or(out_of_bounds)?;
        let buffers = Bytes::new(memory, start, len)?;
        let queue = Driver::new(memory, layout, suppression)?;
        Ok(Self { queue, buffers, start: start.into(), buffer_size })
    }

    /// Where buffer `id` is among the buffers. No overflow: `new` has multiplied the largest.
    fn offset(&self, id: u16) -> u32 {
        u32::from(id) * self.buffer_size
    }
}

impl<M: SharedMemory, const N: usize> Outgoing for DriverOutgoing<M, N> {
    fn buffer_size(&self) -> u32 {
        self.buffer_size
    }

    #[inline]
    fn take(&mut self) -> Result<Option<u16>, Fault> {
        if let Some(id) = self.queue.take() {
            return Ok(Some(id));
        }
        // The free list first: the peer's index is then read once for a whole ring of messages.
        let Some(used) = self.queue.collect()? else { return Ok(None) };
        // What else has come back goes to the free list, at most a ring of it.
        for _ in 1..self.queue.size() {
            match self.queue.collect()? {
                Some(used) => self.queue.put_back(used.id),
                None => break,
            }
        }
        Ok(Some(used.id))
    }

    fn put_back(&mut self, id: u16) {
        self.queue.put_back(id);
    }

    #[inline]
    fn write(&self, id: u16, offset: u32, bytes: &[u8]) -> Result<(), MemoryError> {
        let room = self.buffer_size.saturating_sub(offset);
        if bytes.len() > room as usize {
            let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
            return Err(MemoryError::OutOfBounds { offset, len, size: self.buffer_size });
        }
        self.buffers.write(self.offset(id) + offset, bytes)
    }

    #[inline]
    fn send(&mut self, id: u16, length: u32) {
        let address = self.start + u64::from(self.offset(id));
        self.queue.offer(id, address, length, DescriptorFlags::empty());
    }

    #[inline]
    fn must_notify(&mut self) -> bool {
        self.queue.must_notify()
    }

    fn ask_for_notifications(&mut self) -> bool {
        self.queue.ask_for_notifications()
    }

    fn refuse_notifications(&mut self) {
        self.queue.refuse_notifications();
    }
}
