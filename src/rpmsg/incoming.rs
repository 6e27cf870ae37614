//! Where messages arrive: a queue with filled buffers, the peer's or lent to it.

use super::profile::{Notes, Style};
use super::{Fault, Pool};
use crate::mem::{SharedMemory, Slots};
use crate::virtqueue::{Device, Driver, Flags, Layout, Ring, SetupError};
use crate::wire::rpmsg::Header;
use crate::wire::vring::DescriptorFlags;

/// A filled buffer. Its place and length were checked when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its descriptor.
    pub id: u16,
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

    /// Copies bytes out of a taken buffer, from `offset` on; false, and nothing done, where it has not as many.
    fn read(&self, id: u16, offset: u32, to: &mut [u8]) -> bool;

    /// The header of a taken buffer.
    fn header(&self, id: u16) -> Header;

    /// Where a taken buffer begins in the memory that the link was made with.
    fn place(&self, id: u16) -> u32;

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
    buffers: Slots<M>,
    pool: Pool,
    notes: S::Notes<N>,
}

impl<M: SharedMemory, const N: usize, S: Style> DeviceIncoming<M, N, S> {
    /// The receiving end over a prepared queue and the peer's buffers, which are `pool`.
    ///
    /// # Errors
    /// What does not fit the memory, or more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: Pool) -> Result<Self, SetupError> {
        let buffers = pool.slots(memory, layout.size)?;
        Ok(Self { queue: Device::new(memory, layout, S::SUPPRESSION)?, buffers, pool, notes: S::Notes::NEW })
    }

    /// The same over what was found good already.
    #[inline(always)]
    pub(crate) fn over(ring: Ring<M>, buffers: Slots<M>, pool: Pool) -> Self {
        Self { queue: Device::over(ring, S::SUPPRESSION), buffers, pool, notes: S::Notes::NEW }
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
            return Ok(taken.map(|id| Arrived { id, length: self.buffers.size() }));
        }
        let Some(buffer) = self.queue.take()? else { return Ok(None) };
        self.notes.set(buffer.id, self.pool.find(&buffer, self.queue.size())?);
        Ok(Some(Arrived { id: buffer.id, length: buffer.length }))
    }

    #[inline]
    fn header(&self, id: u16) -> Header {
        Header::from_words(self.buffers.head(self.notes.slot(id)))
    }

    #[inline]
    fn read(&self, id: u16, offset: u32, to: &mut [u8]) -> bool {
        self.buffers.read(self.notes.slot(id), offset, to)
    }

    fn place(&self, id: u16) -> u32 {
        self.pool.start.saturating_add(self.buffers.start(self.notes.slot(id)))
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
    buffers: Slots<M>,
    pool: Pool,
}

impl<M: SharedMemory, const N: usize> DriverIncoming<M, N> {
    /// The receiving end over a prepared queue; posts all buffers of `pool`, without a notification.
    ///
    /// # Errors
    /// What does not fit the memory, or more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: Pool) -> Result<Self, SetupError> {
        let buffers = pool.slots(memory, layout.size)?;
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
        Ok(Some(Arrived { id: used.id, length: self.buffers.size() }))
    }

    fn header(&self, id: u16) -> Header {
        Header::from_words(self.buffers.head(id))
    }

    fn read(&self, id: u16, offset: u32, to: &mut [u8]) -> bool {
        self.buffers.read(id, offset, to)
    }

    fn place(&self, id: u16) -> u32 {
        self.pool.start.saturating_add(self.buffers.start(id))
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
