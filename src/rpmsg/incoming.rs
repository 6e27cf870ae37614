//! Where messages arrive: a queue with the peer's filled buffers.

use super::Fault;
use crate::mem::{Bytes, MemoryError, SharedMemory};
use crate::virtqueue::{Device, Layout, SetupError, Suppression};

/// A filled buffer. Its place and length were checked when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its descriptor.
    pub id: u16,
    /// Where it begins, counted as [`Incoming::read`] does.
    pub offset: u32,
    /// Its length in bytes, header included.
    pub length: u32,
}

/// The receiving end of a link, whichever side of a virtqueue that is.
pub trait Incoming {
    /// Takes the next filled buffer.
    ///
    /// # Errors
    /// What the peer broke.
    fn take(&mut self) -> Result<Option<Arrived>, Fault>;

    /// Copies bytes out of a taken buffer, from `offset` on, counted as [`Arrived::offset`].
    ///
    /// # Errors
    /// More bytes than there are.
    fn read(&self, offset: u32, to: &mut [u8]) -> Result<(), MemoryError>;

    /// Gives a taken buffer back to the peer.
    fn give_back(&mut self, id: u16);

    /// How many buffers there are: the most that can be taken before one is given back.
    fn size(&self) -> u16;

    /// Whether the peer must be notified of what was given back since the last call.
    fn must_notify(&mut self) -> bool;

    /// Asks to be notified of new messages; false where there are some already.
    fn ask_for_notifications(&mut self) -> bool;
}

/// Receiving as a virtqueue's device, from buffers that lie in one piece of the peer's memory.
#[derive(Debug)]
pub struct DeviceIncoming<M, const N: usize> {
    queue: Device<M, N>,
    buffers: Bytes<M>,
    /// The first buffer's address for the peer.
    start: u64,
}

impl<M: SharedMemory, const N: usize> DeviceIncoming<M, N> {
    /// Sets the queue up over the peer's buffers, which are the `len` bytes at byte `start` of `memory`, which is also
    /// how the peer addresses them.
    ///
    /// # Errors
    /// What does not fit the memory, or more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, start: u32, len: u32, suppression: Suppression) -> Result<Self, SetupError> {
        let buffers = Bytes::new(memory, start, len)?;
        let queue = Device::new(memory, layout, suppression)?;
        Ok(Self { queue, buffers, start: start.into() })
    }
}

impl<M: SharedMemory, const N: usize> Incoming for DeviceIncoming<M, N> {
    #[inline]
    fn take(&mut self) -> Result<Option<Arrived>, Fault> {
        let Some(buffer) = self.queue.take()? else { return Ok(None) };
        let size = u64::from(self.buffers.len());
        let offset = buffer.address.wrapping_sub(self.start);
        if offset > size || u64::from(buffer.length) > size - offset {
            let (address, length) = (buffer.address, buffer.length);
            return Err(Fault::Outside { address, length, start: self.start, end: self.start + size });
        }
        // CAST: just found to be within `size`, which is a u32.
        Ok(Some(Arrived { id: buffer.id, offset: offset as u32, length: buffer.length }))
    }

    #[inline]
    fn read(&self, offset: u32, to: &mut [u8]) -> Result<(), MemoryError> {
        self.buffers.read(offset, to)
    }

    #[inline]
    fn give_back(&mut self, id: u16) {
        self.queue.give_back(id, 0);
    }

    fn size(&self) -> u16 {
        self.queue.size()
    }

    #[inline]
    fn must_notify(&mut self) -> bool {
        self.queue.must_notify()
    }

    fn ask_for_notifications(&mut self) -> bool {
        self.queue.ask_for_notifications()
    }
}
