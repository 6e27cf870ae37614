//! Where messages arrive: a queue with filled buffers, the peer's or lent to it.

use super::profile::Style;
use super::{Fault, Pool};
use crate::mem::{Bytes, MemoryError, SharedMemory};
use crate::virtqueue::{Device, Driver, Flags, Layout, Ring, SetupError};
use crate::wire::rpmsg::Header;
use crate::wire::vring::DescriptorFlags;

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

    /// The header of a taken buffer that begins at `offset`; `None` where it is too short for one.
    fn header(&self, offset: u32) -> Option<Header>;

    /// Where `offset`, counted as [`Arrived::offset`], is in the memory that the link was made with.
    fn place(&self, offset: u32) -> u32;

    /// Gives a taken buffer back to the peer.
    fn give_back(&mut self, id: u16);

    /// How many buffers there are: the most that can be taken before one is given back.
    fn size(&self) -> u16;

    /// Whether the peer must be notified of what was given back since the last call.
    fn must_notify(&mut self) -> bool;

    /// Asks to be notified of new messages; false where there are some already.
    fn ask_for_notifications(&mut self) -> bool;

    /// Whether the queue is still the one that this end was made for; only a device can tell.
    fn is_intact(&self) -> bool {
        true
    }
}

/// Receiving as a virtqueue's device, from buffers that lie in one piece.
#[derive(Debug)]
pub struct DeviceIncoming<M: SharedMemory, const N: usize, S: Style> {
    queue: Device<M, N, S::Suppression>,
    buffers: Bytes<M>,
    pool: Pool,
}

impl<M: SharedMemory, const N: usize, S: Style> DeviceIncoming<M, N, S> {
    /// The receiving end over a prepared queue and the peer's buffers, which are `pool`.
    ///
    /// # Errors
    /// What does not fit the memory, or more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: Pool) -> Result<Self, SetupError> {
        let buffers = pool.bytes(memory, layout.size)?;
        Ok(Self { queue: Device::new(memory, layout, S::SUPPRESSION)?, buffers, pool })
    }

    /// The same over what was found good already.
    #[inline(always)]
    pub(crate) fn over(ring: Ring<M>, buffers: Bytes<M>, pool: Pool) -> Self {
        Self { queue: Device::over(ring, S::SUPPRESSION), buffers, pool }
    }
}

impl<M: SharedMemory, const N: usize, S: Style> Incoming for DeviceIncoming<M, N, S> {
    fn is_intact(&self) -> bool {
        self.queue.is_intact()
    }

    #[inline]
    fn take(&mut self) -> Result<Option<Arrived>, Fault> {
        if S::FIXED {
            let taken = self.queue.take_id()?;
            return Ok(taken.map(|id| Arrived { id, offset: self.pool.offset(id), length: self.pool.size }));
        }
        let Some(buffer) = self.queue.take()? else { return Ok(None) };
        let offset = self.pool.find(&buffer, self.buffers.len())?;
        Ok(Some(Arrived { id: buffer.id, offset, length: buffer.length }))
    }

    #[inline]
    fn header(&self, offset: u32) -> Option<Header> {
        self.buffers.load_words(offset).map(Header::from_words)
    }

    #[inline]
    fn read(&self, offset: u32, to: &mut [u8]) -> Result<(), MemoryError> {
        self.buffers.read(offset, to)
    }

    fn place(&self, offset: u32) -> u32 {
        self.pool.start.saturating_add(offset)
    }

    #[inline]
    fn give_back(&mut self, id: u16) {
        // Nothing was written; C OpenAMP names the buffer's size all the same.
        self.queue.give_back(id, if S::FIXED { 0 } else { self.pool.size });
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

/// Receiving as a virtqueue's driver, in this side's own buffers, which the peer fills: descriptor `n` is buffer `n`.
#[derive(Debug)]
pub struct DriverIncoming<M: SharedMemory, const N: usize> {
    queue: Driver<M, N, Flags>,
    buffers: Bytes<M>,
    pool: Pool,
}

impl<M: SharedMemory, const N: usize> DriverIncoming<M, N> {
    /// The receiving end over a prepared queue; posts all buffers of `pool`, without a notification.
    ///
    /// # Errors
    /// What does not fit the memory, or more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: Pool) -> Result<Self, SetupError> {
        let buffers = pool.bytes(memory, layout.size)?;
        let mut incoming = Self { queue: Driver::new(memory, layout, Flags)?, buffers, pool };
        while let Some(id) = incoming.queue.take() {
            incoming.queue.offer(id, pool.address(id), pool.size, DescriptorFlags::WRITE);
        }
        Ok(incoming)
    }
}

impl<M: SharedMemory, const N: usize> Incoming for DriverIncoming<M, N> {
    fn take(&mut self) -> Result<Option<Arrived>, Fault> {
        // How much the peer says it wrote is no more than its word; the header is bounded by the buffer.
        let Some(used) = self.queue.collect()? else { return Ok(None) };
        Ok(Some(Arrived { id: used.id, offset: self.pool.offset(used.id), length: self.pool.size }))
    }

    fn header(&self, offset: u32) -> Option<Header> {
        self.buffers.load_words(offset).map(Header::from_words)
    }

    fn read(&self, offset: u32, to: &mut [u8]) -> Result<(), MemoryError> {
        self.buffers.read(offset, to)
    }

    fn place(&self, offset: u32) -> u32 {
        self.pool.start.saturating_add(offset)
    }

    fn give_back(&mut self, id: u16) {
        // Its descriptor says what it did.
        self.queue.offer_again(id);
    }

    fn size(&self) -> u16 {
        self.queue.size()
    }

    fn must_notify(&mut self) -> bool {
        self.queue.must_notify()
    }

    fn ask_for_notifications(&mut self) -> bool {
        self.queue.ask_for_notifications()
    }
}
