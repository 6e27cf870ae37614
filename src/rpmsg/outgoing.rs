//! Where messages leave: a queue with buffers to fill, of this side's own or lent by the peer.

use super::profile::{Notes, Style};
use super::{Fault, Pool};
use crate::mem::{SharedMemory, Slots};
use crate::virtqueue::{Device, Driver, Flags, Layout, Ring, SetupError, Taken};
use crate::wire::rpmsg::Header;
use crate::wire::vring::DescriptorFlags;

/// The sending end of a link, whichever side of a virtqueue that is.
pub trait Outgoing {
    /// A buffer that was taken and has yet to be sent, kept or put back.
    type Taken;

    /// Makes it ready where it lies, before anything else.
    fn start(&mut self) {}

    /// The longest payload, in bytes.
    fn room(&self) -> u16;

    /// Takes a buffer to fill; `None` where all are with the peer.
    ///
    /// # Errors
    /// What the peer broke; again, as long as it is broken.
    fn take(&mut self) -> Result<Option<Self::Taken>, Fault>;

    /// Takes a buffer and writes the header and the payload into it. Where there is none, and where the payload does not fit,
    /// nothing was taken. Who asks [again](Self::take) then is told what the peer broke.
    fn fill_at_hand(&mut self, header: Header, payload: &[u8]) -> Option<Self::Taken>;

    /// Gives a taken buffer up, unsent.
    fn put_back(&mut self, taken: Self::Taken);

    /// Keeps a taken buffer for later, when its number gets it back.
    fn keep(&mut self, taken: Self::Taken) -> u16;

    /// The buffer that was kept as `id`; none where this side has no such one.
    fn resume(&mut self, id: u16) -> Option<Self::Taken>;

    /// Writes `bytes` at `offset` of a kept buffer's payload; false, and nothing done, where they do not fit.
    fn write(&self, id: u16, offset: u16, bytes: &[u8]) -> bool;

    /// Where a kept buffer begins in the memory that the link was made with.
    fn place(&self, id: u16) -> u32;

    /// Writes the header and the payload of a taken buffer; false, and nothing done, where they do not fit.
    fn fill(&self, taken: &Self::Taken, header: Header, payload: &[u8]) -> bool;

    /// Writes the header of a taken buffer.
    fn set_header(&self, taken: &Self::Taken, header: Header);

    /// Sends a taken buffer; true where the peer must be notified. The peer sees in the header how much of it is a message: to
    /// a device the whole buffer goes, as C does it, and Linux asks for no less than the message.
    fn send(&mut self, taken: Self::Taken) -> bool;

    /// How many were sent; wraps.
    fn sent(&self) -> u32;

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

    /// Beside the buffers, which may be borrowed meanwhile.
    #[cfg_attr(for_size, inline(never))]
    #[cfg_attr(not(for_size), inline(always))]
    fn take_from(queue: &mut Driver<M, N, S::Suppression>, pool: &Pool) -> Result<Option<Taken>, Fault> {
        // The free list first, where it is free to choose. What has come back is collected one by one: the queue reads the
        // peer's index once for all that it covers.
        if !S::RECYCLE_FIRST
            && let Some(taken) = queue.take()
        {
            return Ok(Some(taken));
        }
        match queue.collect()? {
            None if S::RECYCLE_FIRST => Ok(Self::take_new(queue, pool)),
            taken => Ok(taken),
        }
    }

    /// A buffer that has never been sent, or was given up, where what comes back is sent first: what its descriptor says holds
    /// from then on.
    fn take_new(queue: &mut Driver<M, N, S::Suppression>, pool: &Pool) -> Option<Taken> {
        let taken = queue.take()?;
        queue.describe(&taken, pool.address(taken.id()), pool.size, DescriptorFlags::empty());
        Some(taken)
    }
}

impl<M: SharedMemory, const N: usize, S: Style> Outgoing for DriverOutgoing<M, N, S> {
    type Taken = Taken;

    fn start(&mut self) {
        self.queue.free_all();
    }

    fn is_intact(&self) -> bool {
        self.queue.is_intact()
    }

    #[inline(always)]
    fn room(&self) -> u16 {
        self.buffers.room()
    }

    #[inline(always)]
    fn take(&mut self) -> Result<Option<Taken>, Fault> {
        Self::take_from(&mut self.queue, &self.pool)
    }

    #[inline(always)]
    fn fill_at_hand(&mut self, header: Header, payload: &[u8]) -> Option<Taken> {
        let fitting = self.buffers.fit(payload)?;
        let taken = Self::take_from(&mut self.queue, &self.pool).ok().flatten()?;
        fitting.fill(taken.id(), header.to_words());
        Some(taken)
    }

    fn put_back(&mut self, taken: Taken) {
        self.queue.put_back(taken);
    }

    fn keep(&mut self, taken: Taken) -> u16 {
        self.queue.keep(taken)
    }

    fn resume(&mut self, id: u16) -> Option<Taken> {
        self.queue.resume(id)
    }

    fn write(&self, id: u16, offset: u16, bytes: &[u8]) -> bool {
        self.buffers.write(id, offset, bytes)
    }

    fn place(&self, id: u16) -> u32 {
        self.pool.start.wrapping_add(self.buffers.start(id))
    }

    #[inline(always)]
    fn fill(&self, taken: &Taken, header: Header, payload: &[u8]) -> bool {
        self.buffers.fill(taken.id(), header.to_words(), payload)
    }

    #[inline(always)]
    fn set_header(&self, taken: &Taken, header: Header) {
        self.buffers.set_head(taken.id(), header.to_words());
    }

    #[inline(always)]
    fn send(&mut self, taken: Taken) -> bool {
        self.queue.offer(taken)
    }

    fn sent(&self) -> u32 {
        self.queue.offered()
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

    /// Which buffer descriptor `id` names.
    #[inline(always)]
    fn slot_of(&self, id: u16) -> Result<u16, Fault> {
        let buffer = self.queue.described(id)?;
        let slot = self.pool.find(&buffer, self.queue.size())?;
        if !buffer.writable || buffer.length != self.pool.size {
            return Err(Fault::NotForUs { length: buffer.length, size: self.pool.size });
        }
        Ok(slot)
    }

    /// Whether a buffer was given up.
    fn is_unsent(&self, id: u16) -> bool {
        self.unsent.iter().take(self.unsent_count).any(|&unsent| unsent == id)
    }
}

impl<M: SharedMemory, const N: usize> Outgoing for DeviceOutgoing<M, N> {
    /// Its descriptor, which the queue knows whether this side holds.
    type Taken = u16;

    fn is_intact(&self) -> bool {
        self.queue.is_intact()
    }

    fn room(&self) -> u16 {
        self.buffers.room()
    }

    #[cfg_attr(for_size, inline(never))]
    #[cfg_attr(not(for_size), inline(always))]
    fn take(&mut self) -> Result<Option<u16>, Fault> {
        if let Some(&id) = self.unsent_count.checked_sub(1).and_then(|last| self.unsent.get(last)) {
            self.unsent_count -= 1;
            return Ok(Some(id));
        }
        let Some(id) = self.queue.take()? else { return Ok(None) };
        match self.slot_of(id) {
            Ok(slot) => {
                self.notes.set(id, slot);
                Ok(Some(id))
            }
            Err(fault) => {
                self.queue.untake(id);
                Err(fault)
            }
        }
    }

    #[inline(always)]
    fn fill_at_hand(&mut self, header: Header, payload: &[u8]) -> Option<u16> {
        if payload.len() > self.room().into() {
            return None;
        }
        let id = self.take().ok().flatten()?;
        let _ = self.fill(&id, header, payload);
        Some(id)
    }

    fn put_back(&mut self, id: u16) {
        // Once only: a buffer that is there already would go out twice.
        let twice = self.is_unsent(id);
        if let Some(slot) = self.unsent.get_mut(self.unsent_count).filter(|_| !twice) {
            *slot = id;
            self.unsent_count += 1;
        }
    }

    fn keep(&mut self, id: u16) -> u16 {
        id
    }

    fn resume(&mut self, id: u16) -> Option<u16> {
        (self.queue.holds(id) && !self.is_unsent(id)).then_some(id)
    }

    fn write(&self, id: u16, offset: u16, bytes: &[u8]) -> bool {
        self.buffers.write(self.notes.slot(id), offset, bytes)
    }

    fn place(&self, id: u16) -> u32 {
        self.pool.start.wrapping_add(self.buffers.start(self.notes.slot(id)))
    }

    #[inline]
    fn fill(&self, id: &u16, header: Header, payload: &[u8]) -> bool {
        self.buffers.fill(self.notes.slot(*id), header.to_words(), payload)
    }

    #[inline]
    fn set_header(&self, id: &u16, header: Header) {
        self.buffers.set_head(self.notes.slot(*id), header.to_words());
    }

    #[inline]
    fn send(&mut self, id: u16) -> bool {
        self.queue.give_back(id, self.pool.size)
    }

    fn sent(&self) -> u32 {
        self.queue.given_back()
    }

    fn ask_for_notifications(&mut self) -> bool {
        self.queue.ask_for_notifications()
    }

    fn refuse_notifications(&mut self) {
        self.queue.refuse_notifications();
    }
}
