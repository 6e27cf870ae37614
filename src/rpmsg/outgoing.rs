//! Where messages leave: a queue with buffers to fill, of this side's own or lent by the peer.

use super::profile::{Notes, Style};
use super::{Fault, Pool};
use crate::mem::{SharedMemory, Slots};
use crate::virtqueue::{Device, Driver, Flags, Layout, Ring, SetupError};
use crate::wire::rpmsg::Header;
use crate::wire::vring::DescriptorFlags;

/// The sending end of a link, whichever side of a virtqueue that is.
pub trait Outgoing {
    /// Makes it ready where it lies, before anything else.
    fn start(&mut self) {}

    /// Bytes of a buffer, header included.
    fn buffer_size(&self) -> u32;

    /// Takes a buffer to fill; `None` where all are with the peer.
    ///
    /// # Errors
    /// What the peer broke.
    fn take(&mut self) -> Result<Option<u16>, Fault>;

    /// Gives a taken buffer up, unsent.
    fn put_back(&mut self, id: u16);

    /// Writes `bytes` at `offset` of a taken buffer; false, and nothing done, where they do not fit.
    fn write(&self, id: u16, offset: u32, bytes: &[u8]) -> bool;

    /// Writes the header of a taken buffer.
    fn set_header(&self, id: u16, header: Header);

    /// Where a taken buffer begins in the memory that the link was made with.
    fn place(&self, id: u16) -> u32;

    /// Sends a taken buffer. The peer sees in the header how much of it is a message: to a device the whole buffer goes, as
    /// C does it, and Linux asks for no less than the message.
    fn send(&mut self, id: u16);

    /// Whether the peer must be notified of what was sent since the last call.
    fn must_notify(&mut self) -> bool;

    /// Asks to be notified of freed buffers; false where there are some already.
    fn ask_for_notifications(&mut self) -> bool;

    /// Asks not to be notified of freed buffers.
    fn refuse_notifications(&mut self);

    /// Whether this side's index in the queue is still what it wrote; otherwise the peer has set the queue up anew, or
    /// somebody has overwritten it.
    fn is_intact(&self) -> bool {
        true
    }
}

/// Sending as a virtqueue's driver: descriptor `n` is buffer `n`.
#[derive(Debug)]
pub struct DriverOutgoing<M: SharedMemory, const N: usize, S: Style> {
    queue: Driver<M, N, S::Suppression>,
    buffers: Slots<M>,
    pool: Pool,
}

impl<M: SharedMemory, const N: usize, S: Style> DriverOutgoing<M, N, S> {
    /// The sending end over a prepared queue, with a buffer of `pool` for each descriptor.
    ///
    /// # Errors
    /// What does not fit the memory, or more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: Pool) -> Result<Self, SetupError> {
        let buffers = pool.slots(memory, layout.size)?;
        Ok(Self { queue: Driver::new(memory, layout, S::SUPPRESSION)?, buffers, pool })
    }

    /// The same over what was found good already.
    #[inline(always)]
    pub(crate) fn over(ring: Ring<M>, buffers: Slots<M>, pool: Pool) -> Self {
        Self { queue: Driver::over(ring, S::SUPPRESSION), buffers, pool }
    }
}

impl<M: SharedMemory, const N: usize, S: Style> Outgoing for DriverOutgoing<M, N, S> {
    fn start(&mut self) {
        self.queue.free_all();
    }

    fn is_intact(&self) -> bool {
        self.queue.is_intact()
    }

    fn buffer_size(&self) -> u32 {
        self.pool.size
    }

    #[inline]
    fn take(&mut self) -> Result<Option<u16>, Fault> {
        // The free list first, where it is free to choose. What has come back is collected one by one: the queue reads the
        // peer's index once for all that it covers.
        if !S::RECYCLE_FIRST
            && let Some(id) = self.queue.take()
        {
            return Ok(Some(id));
        }
        match self.queue.collect()? {
            Some(used) => Ok(Some(used.id)),
            None if S::RECYCLE_FIRST => Ok(self.queue.take()),
            None => Ok(None),
        }
    }

    fn put_back(&mut self, id: u16) {
        self.queue.put_back(id);
    }

    #[inline]
    fn write(&self, id: u16, offset: u32, bytes: &[u8]) -> bool {
        self.buffers.write(id, offset, bytes)
    }

    #[inline]
    fn set_header(&self, id: u16, header: Header) {
        self.buffers.set_head(id, header.to_words());
    }

    fn place(&self, id: u16) -> u32 {
        self.pool.start.saturating_add(self.buffers.start(id))
    }

    #[inline]
    fn send(&mut self, id: u16) {
        match S::FIXED {
            true => self.queue.offer_again(id),
            false => self.queue.offer(id, self.pool.address(id), self.pool.size, DescriptorFlags::empty()),
        }
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

/// Sending as a virtqueue's device: in the buffers that the peer has posted, at most `N`.
#[derive(Debug)]
pub struct DeviceOutgoing<M: SharedMemory, const N: usize> {
    queue: Device<M, N, Flags>,
    buffers: Slots<M>,
    pool: Pool,
    /// Which buffer each held descriptor names; each is as long as `pool` says.
    notes: [u16; N],
    /// Buffers that were taken and given up, to be taken again: the peer gets back only what holds a message.
    unsent: [u16; N],
    unsent_count: usize,
}

impl<M: SharedMemory, const N: usize> DeviceOutgoing<M, N> {
    /// The sending end over a queue that the peer has prepared, and whose buffers are `pool`.
    ///
    /// # Errors
    /// What does not fit the memory, or more descriptors than `N`.
    pub fn new(memory: &M, layout: Layout, pool: Pool) -> Result<Self, SetupError> {
        let buffers = pool.slots(memory, layout.size)?;
        let mut queue = Device::new(memory, layout, Flags)?;
        queue.refuse_notifications();
        Ok(Self { queue, buffers, pool, notes: Notes::NEW, unsent: [0; N], unsent_count: 0 })
    }
}

impl<M: SharedMemory, const N: usize> Outgoing for DeviceOutgoing<M, N> {
    fn is_intact(&self) -> bool {
        self.queue.is_intact()
    }

    fn buffer_size(&self) -> u32 {
        self.pool.size
    }

    fn take(&mut self) -> Result<Option<u16>, Fault> {
        if let Some(&id) = self.unsent_count.checked_sub(1).and_then(|last| self.unsent.get(last)) {
            self.unsent_count -= 1;
            return Ok(Some(id));
        }
        let Some(buffer) = self.queue.take()? else { return Ok(None) };
        let slot = self.pool.find(&buffer, self.queue.size())?;
        if !buffer.writable || buffer.length != self.pool.size {
            return Err(Fault::NotForUs { length: buffer.length, size: self.pool.size });
        }
        self.notes.set(buffer.id, slot);
        Ok(Some(buffer.id))
    }

    fn put_back(&mut self, id: u16) {
        // Once only: a buffer that is there already would go out twice.
        let twice = self.unsent.iter().take(self.unsent_count).any(|&unsent| unsent == id);
        if let Some(slot) = self.unsent.get_mut(self.unsent_count).filter(|_| !twice) {
            *slot = id;
            self.unsent_count += 1;
        }
    }

    fn write(&self, id: u16, offset: u32, bytes: &[u8]) -> bool {
        self.buffers.write(self.notes.slot(id), offset, bytes)
    }

    fn set_header(&self, id: u16, header: Header) {
        self.buffers.set_head(self.notes.slot(id), header.to_words());
    }

    fn place(&self, id: u16) -> u32 {
        self.pool.start.saturating_add(self.buffers.start(self.notes.slot(id)))
    }

    fn send(&mut self, id: u16) {
        self.queue.give_back(id, self.pool.size);
    }

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
