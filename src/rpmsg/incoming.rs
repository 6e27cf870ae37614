//! Where messages arrive: a queue with filled buffers, the peer's or lent to it.

use super::profile::{Notes, Style};
use super::{Fault, Pool};
use crate::mem::{SharedMemory, Slots};
use crate::virtqueue::{Device, Driver, Flags, Layout, Ring, SetupError};
use crate::wire::rpmsg::Header;
use crate::wire::vring::DescriptorFlags;

/// A filled buffer. Its place was checked when it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrived {
    /// Its descriptor.
    pub id: u16,
    /// Bytes that it has behind the header.
    pub room: u16,
}

/// The receiving end of a link, whichever side of a virtqueue that is.
pub trait Incoming {
    /// Takes the next filled buffer; where there is none, the peer has been asked to notify of the next.
    ///
    /// # Errors
    /// What the peer broke.
    fn take(&mut self) -> Result<Option<Arrived>, Fault>;

    /// Copies bytes out of a taken buffer, from `offset` of the first `length` behind its header; false, and nothing done,
    /// where those are not as many.
    fn read(&self, id: u16, length: u16, offset: u16, to: &mut [u8]) -> bool;

    /// The header of a taken buffer.
    fn header(&self, id: u16) -> Header;

    /// Where a taken buffer begins in the memory that the link was made with.
    fn place(&self, id: u16) -> u32;

    /// Gives a taken buffer back to the peer; true where that must be notified.
    fn give_back(&mut self, id: u16) -> bool;

    /// How many buffers there are: the most that can be taken before one is given back.
    fn size(&self) -> u16;

    /// How many were taken; wraps.
    fn taken(&self) -> u32;

    /// Writes again what the peer was asked for, which somebody may have overwritten.
    fn ask_again(&mut self);

    /// Whether the queue is still the one that this end was made for; only a device can tell.
    fn is_intact(&self) -> bool {
        true
    }
}

/// The header in a slot.
#[inline(always)]
fn header<M: SharedMemory>(buffers: &Slots<M>, slot: u16) -> Header {
    Header::from_words(buffers.head::<0, 4, 12>(slot))
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
        let mut queue = Device::new(memory, layout, S::SUPPRESSION)?;
        // Whatever the peer has prepared the ring with.
        queue.ask_for_notifications();
        Ok(Self { queue, buffers, pool, notes: S::Notes::NEW })
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

    #[inline(always)]
    fn take(&mut self) -> Result<Option<Arrived>, Fault> {
        let Some(id) = self.queue.take_or_ask()? else { return Ok(None) };
        if S::FIXED {
            return Ok(Some(Arrived { id, room: self.buffers.room() }));
        }
        let buffer = self.queue.described(id)?;
        self.notes.set(id, self.pool.find(&buffer, self.queue.size())?);
        match buffer.length.checked_sub(Header::SIZE) {
            // CAST: the smaller of the two fits.
            Some(room) => Ok(Some(Arrived { id, room: room.min(self.buffers.room().into()) as u16 })),
            None => Err(Fault::Length { length: 0, buffer: buffer.length }),
        }
    }

    #[inline(always)]
    fn header(&self, id: u16) -> Header {
        header(&self.buffers, self.notes.slot(id))
    }

    #[inline(always)]
    fn read(&self, id: u16, length: u16, offset: u16, to: &mut [u8]) -> bool {
        self.buffers.read(self.notes.slot(id), length, offset, to)
    }

    fn place(&self, id: u16) -> u32 {
        self.pool.start.wrapping_add(self.buffers.start(self.notes.slot(id)))
    }

    #[inline(always)]
    fn give_back(&mut self, id: u16) -> bool {
        // Nothing was written; C OpenAMP names the buffer's size all the same.
        self.queue.give_back(id, if S::FIXED { 0 } else { self.pool.size })
    }

    fn size(&self) -> u16 {
        self.queue.size()
    }

    fn taken(&self) -> u32 {
        self.queue.taken()
    }

    fn ask_again(&mut self) {
        self.queue.ask_again();
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
    /// The receiving end over a prepared queue; posts all buffers of `pool`, without a notification, and asks for the peer's.
    ///
    /// # Errors
    /// What does not fit the memory, or more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: Pool) -> Result<Self, SetupError> {
        let buffers = pool.slots(memory, layout.size)?;
        let mut queue = Driver::new(memory, layout, Flags)?;
        while let Some(taken) = queue.take() {
            queue.describe(&taken, pool.address(taken.id()), pool.size, DescriptorFlags::WRITE);
            queue.offer(taken);
        }
        // For good, as it is by a flag.
        queue.ask_for_notifications();
        Ok(Self { queue, buffers, pool })
    }
}

impl<M: SharedMemory, const N: usize> Incoming for DriverIncoming<M, N> {
    #[inline]
    fn take(&mut self) -> Result<Option<Arrived>, Fault> {
        let Some(taken) = self.queue.collect()? else { return Ok(None) };
        // How much the peer says it wrote is no more than its word; the header is bounded by the buffer.
        Ok(Some(Arrived { id: self.queue.keep(taken), room: self.buffers.room() }))
    }

    #[inline]
    fn header(&self, id: u16) -> Header {
        header(&self.buffers, id)
    }

    #[inline]
    fn read(&self, id: u16, length: u16, offset: u16, to: &mut [u8]) -> bool {
        self.buffers.read(id, length, offset, to)
    }

    fn place(&self, id: u16) -> u32 {
        self.pool.start.wrapping_add(self.buffers.start(id))
    }

    #[inline]
    fn give_back(&mut self, id: u16) -> bool {
        // Its descriptor says what it did.
        self.queue.resume(id).is_some_and(|taken| self.queue.offer(taken))
    }

    fn size(&self) -> u16 {
        self.queue.size()
    }

    fn taken(&self) -> u32 {
        self.queue.collected()
    }

    fn ask_again(&mut self) {
        self.queue.ask_for_notifications();
    }
}
