// SPDX-License-Identifier: Apache-2.0
//! A view of a queue: a split ring with its indices, and the buffers that its entries refer to.

use super::view::{View, behind};
use super::{Field, Finding, Message, Problem};
use crate::wire::vring::{available, descriptor, used};

/// The ring that delivers messages to the receiver.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// The available ring, because the sender is the driver.
    Available,
    /// The used ring, because the sender is the device. The device fills buffers that the driver has posted.
    Used,
}

/// The buffers of a queue.
#[derive(Clone, Copy, Debug)]
pub(super) enum Buffers {
    /// Contiguous buffers of equal size. Buffer `n` belongs to descriptor `n`, and the first buffer is at `start`. All
    /// buffers are in bounds.
    Equal { start: u32, size: u32 },
    /// Buffers at the addresses in the descriptors. The offset of a buffer is its address minus `base`.
    Described { base: u64 },
}

/// The parts of a queue.
#[derive(Clone, Copy, Debug)]
pub(super) struct Parts {
    /// Number of descriptors, a power of two.
    pub size: u16,
    pub descriptors: u32,
    pub available: u32,
    pub used: u32,
    /// True if notifications are suppressed by event indices instead of flags.
    pub by_events: bool,
}

/// A consistent snapshot of the indices and flags of a queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Indices {
    /// Number of descriptors in the queue.
    pub size: u16,
    /// Number of buffers made available so far. It wraps.
    pub available: u16,
    /// Number of buffers returned so far. It wraps.
    pub used: u16,
    /// The driver's flags.
    pub available_flags: u16,
    /// The device's flags.
    pub used_flags: u16,
    /// The driver requests a notification when the used index passes this value.
    pub used_event: u16,
    /// The device requests a notification when the available index passes this value.
    pub available_event: u16,
    by_events: bool,
    carrier: Carrier,
}

impl Indices {
    /// Returns the number of buffers that the device holds. [`Queue::indices`] has checked that this number does not
    /// exceed the size of the queue.
    #[must_use]
    pub const fn with_device(&self) -> u16 {
        self.available.wrapping_sub(self.used)
    }

    /// Returns the number of buffers that the driver holds.
    #[must_use]
    pub const fn with_driver(&self) -> u16 {
        self.size.wrapping_sub(self.with_device())
    }

    /// Returns the number of messages that have been sent but not released by the receiver.
    #[must_use]
    pub const fn in_flight(&self) -> u16 {
        match self.carrier {
            Carrier::Available => self.with_device(),
            Carrier::Used => self.with_driver(),
        }
    }

    /// Returns the number of buffers that the sender can fill.
    #[must_use]
    pub const fn free(&self) -> u16 {
        self.size.wrapping_sub(self.in_flight())
    }

    /// Returns true if the device is waiting for a buffer. The driver then rings the doorbell for the next available
    /// buffer.
    #[must_use]
    pub const fn device_waits(&self) -> bool {
        if self.by_events { self.available_event == self.available } else { self.used_flags & used::NO_NOTIFY == 0 }
    }

    /// Returns true if the driver is waiting for a buffer. The device then rings the doorbell for the next used buffer.
    #[must_use]
    pub const fn driver_waits(&self) -> bool {
        if self.by_events { self.used_event == self.used } else { self.available_flags & available::NO_INTERRUPT == 0 }
    }

    /// Returns true if the sender is waiting for a free buffer.
    #[must_use]
    pub const fn sender_waits(&self) -> bool {
        match self.carrier {
            Carrier::Available => self.driver_waits(),
            Carrier::Used => self.device_waits(),
        }
    }

    /// Returns true if the receiver is waiting for a message.
    #[must_use]
    pub const fn receiver_waits(&self) -> bool {
        match self.carrier {
            Carrier::Available => self.device_waits(),
            Carrier::Used => self.driver_waits(),
        }
    }
}

/// The maximum number of attempts to read indices that keep changing.
const LOOKS: u32 = 16;

/// A queue of a virtio device, or the queue for one direction of rpmsg messages.
#[derive(Clone, Copy, Debug)]
pub struct Queue<'m> {
    view: View<'m>,
    parts: Parts,
    carrier: Carrier,
    buffers: Buffers,
}

impl<'m> Queue<'m> {
    pub(super) const fn new(view: View<'m>, parts: Parts, carrier: Carrier, buffers: Buffers) -> Self {
        Self { view, parts, carrier, buffers }
    }

    /// Returns the number of descriptors, a power of two.
    #[must_use]
    pub const fn size(&self) -> u16 {
        self.parts.size
    }

    /// Returns the ring that delivers messages.
    #[must_use]
    pub const fn carrier(&self) -> Carrier {
        self.carrier
    }

    /// Returns the offset of the field after the entries of a ring.
    fn tail(&self, ring: u32, header: u32, entry: u32) -> u32 {
        behind(ring, entry.saturating_mul(self.parts.size.into()).saturating_add(header))
    }

    /// Reads the indices and flags.
    ///
    /// # Errors
    /// Returns an error if the indices imply more buffers than the queue has, or if they changed during every attempt
    /// to read them.
    pub fn indices(&self) -> Result<Indices, Finding> {
        let Parts { size, available, used, by_events, .. } = self.parts;
        let driver = |at| self.view.half(Field::AvailableRing, at);
        let device = |at| self.view.half(Field::UsedRing, at);
        let (available_at, used_at) = (behind(available, available::INDEX), behind(used, used::INDEX));
        let mut used_index = device(used_at)?;
        for _ in 0..LOOKS {
            let available_index = driver(available_at)?;
            let (before, now) = (used_index, device(used_at)?);
            used_index = now;
            if before != now {
                continue;
            }
            let found = available_index.wrapping_sub(used_index);
            if found > size {
                let problem = Problem::Range {
                    found: available_index.into(),
                    least: used_index.into(),
                    most: used_index.wrapping_add(size).into(),
                };
                return Err(Finding { field: Field::AvailableIndex, at: available_at, problem });
            }
            return Ok(Indices {
                size,
                available: available_index,
                used: used_index,
                available_flags: driver(behind(available, available::FLAGS))?,
                used_flags: device(behind(used, used::FLAGS))?,
                used_event: driver(self.tail(available, available::HEADER, available::ENTRY))?,
                available_event: device(self.tail(used, used::HEADER, used::ENTRY))?,
                by_events,
                carrier: self.carrier,
            });
        }
        Err(Finding { field: Field::AvailableIndex, at: available_at, problem: Problem::Moving { looks: LOOKS } })
    }

    /// Returns the messages in flight, oldest first. The number of messages is determined by this call. Each message is
    /// read when the iterator reaches it.
    ///
    /// The number of messages is always exact. The iterator assumes that the newest messages are in flight. If the
    /// receiver returns buffers out of order, some messages that the iterator yields may already have been returned.
    ///
    /// # Errors
    /// Returns the same errors as [`indices`](Self::indices).
    pub fn in_flight(&self) -> Result<InFlight<'m>, Finding> {
        let indices = self.indices()?;
        let end = match self.carrier {
            Carrier::Available => indices.available,
            Carrier::Used => indices.used,
        };
        Ok(InFlight { queue: *self, next: end.wrapping_sub(indices.in_flight()), left: indices.in_flight() })
    }

    /// Reads the message at `position` in the ring that delivers messages. Positions count up like the ring's index,
    /// and are taken modulo the size of the queue. A reader that follows the index sees every message.
    ///
    /// # Errors
    /// Returns an error if the entry does not refer to a valid descriptor, if the buffer is out of bounds, or if the
    /// message is longer than its buffer.
    pub fn message(&self, position: u16) -> Result<Message<'m>, Finding> {
        let slot = u32::from(position) & u32::from(self.parts.size).wrapping_sub(1);
        let (field, at, found) = match self.carrier {
            Carrier::Available => {
                let entry = available::ENTRY.saturating_mul(slot).saturating_add(available::HEADER);
                let at = behind(behind(self.parts.available, entry), available::ID);
                (Field::AvailableEntry, at, self.view.half(Field::AvailableEntry, at)?.into())
            }
            Carrier::Used => {
                let entry = used::ENTRY.saturating_mul(slot).saturating_add(used::HEADER);
                let at = behind(behind(self.parts.used, entry), used::ID);
                (Field::UsedEntry, at, self.view.word(Field::UsedEntry, at)?)
            }
        };
        match u16::try_from(found) {
            Ok(id) if id < self.parts.size => {
                let (start, size) = self.buffer(id)?;
                Message::read_header(self.view, position, id, start, size)
            }
            _ => {
                let most = u32::from(self.parts.size).saturating_sub(1);
                Err(Finding { field, at, problem: Problem::Range { found, least: 0, most } })
            }
        }
    }

    /// Returns the offset and size of the buffer of descriptor `id`. The buffer is in bounds.
    fn buffer(&self, id: u16) -> Result<(u32, u32), Finding> {
        let base = match self.buffers {
            // The buffer is in bounds because the constructor has checked all buffers.
            Buffers::Equal { start, size } => return Ok((behind(start, size.saturating_mul(id.into())), size)),
            Buffers::Described { base } => base,
        };
        let table = behind(self.parts.descriptors, descriptor::SIZE.saturating_mul(id.into()));
        let word = |field| self.view.word(Field::DescriptorTable, behind(table, field));
        let (low, high) = (word(descriptor::ADDRESS_LOW)?, word(descriptor::ADDRESS_HIGH)?);
        let length = word(descriptor::LENGTH)?;
        let address = u64::from(high) << 32 | u64::from(low);
        let last = self.view.size().checked_sub(length);
        match (address.checked_sub(base).and_then(|offset| u32::try_from(offset).ok()), last) {
            (Some(offset), Some(last)) if offset <= last => Ok((offset, length)),
            _ => {
                let problem = Problem::Address { address, len: length, base };
                Err(Finding { field: Field::DescriptorAddress, at: behind(table, descriptor::ADDRESS_LOW), problem })
            }
        }
    }

    /// Checks the indices and the messages in flight, and reports the first finding. `left` is decremented for each
    /// message, and the check stops when `left` reaches 0.
    pub(super) fn findings(&self, left: &mut u32, report: impl FnOnce(Finding)) {
        let mut look = || {
            for message in self.in_flight()? {
                *left = left.saturating_sub(1);
                if *left == 0 {
                    break;
                }
                message?;
            }
            Ok(())
        };
        if let Err(finding) = look() {
            report(finding);
        }
    }
}

/// An iterator over the messages in flight in a queue, oldest first.
#[derive(Clone, Debug)]
pub struct InFlight<'m> {
    queue: Queue<'m>,
    next: u16,
    /// Number of messages left, at most the number of descriptors.
    left: u16,
}

impl<'m> Iterator for InFlight<'m> {
    type Item = Result<Message<'m>, Finding>;

    fn next(&mut self) -> Option<Self::Item> {
        self.left = self.left.checked_sub(1)?;
        let position = self.next;
        self.next = position.wrapping_add(1);
        Some(self.queue.message(position))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        (self.left.into(), Some(self.left.into()))
    }
}

impl ExactSizeIterator for InFlight<'_> {}
