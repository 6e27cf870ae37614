// SPDX-License-Identifier: Apache-2.0
//! The driver side of chains: adds buffers of several elements, and pops their completions.

use super::super::{DescriptorToken, Driver, Layout, LayoutError, Suppress, Suppression};
use super::{AddError, ChainFault, Element, IndirectTables, QueueId};
use crate::mem::SharedMemory;
use crate::wire::vring::{DescriptorFlags, descriptor};

/// Identifies an added chain. Its [`Completion`] carries the same token. Tokens of different queues are always
/// different. Within a queue, a token repeats after 65536 chains with the same first descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ChainToken {
    queue: QueueId,
    head: u16,
    round: u16,
}

impl ChainToken {
    /// Returns the id of the chain's first descriptor, which is less than the size of the queue.
    #[must_use]
    pub const fn head(&self) -> u16 {
        self.head
    }
}

/// The result of adding a chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "the device may have to be notified"]
pub struct Added {
    /// The token that the completion will carry.
    pub token: ChainToken,
    /// True if the device must be notified.
    pub notify: bool,
}

/// A chain that the device has used. The driver owns its elements again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Completion {
    /// The token returned by [`ChainDriver::add`].
    pub token: ChainToken,
    /// The number of bytes that the device claims to have written, starting at the first writable element. It never
    /// exceeds the number of writable bytes in the chain.
    pub written: u32,
}

/// The state of one descriptor.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// The next descriptor in the chain.
    next: Option<u16>,
    /// The number of earlier chains that started at this descriptor. The count wraps.
    round: u16,
    /// The number of writable bytes in the chain that starts at this descriptor.
    writable: u32,
    /// True while the device holds a chain that starts at this descriptor.
    pending: bool,
}

/// The driver side of a queue with at most `N` descriptors, for chains.
#[derive(Debug)]
pub struct ChainDriver<M: SharedMemory, const N: usize, S = Suppression> {
    ring: Driver<M, N, S>,
    tables: Option<IndirectTables<M>>,
    id: QueueId,
    entries: [Entry; N],
    /// The number of free descriptors.
    free: u16,
    fault: Option<ChainFault>,
}

impl<M: SharedMemory, const N: usize, S: Suppress> ChainDriver<M, N, S> {
    /// Makes the driver side of a queue in [prepared](crate::virtqueue::prepare_available) memory. Pass `tables` only
    /// if INDIRECT_DESC has been negotiated. A chain of several elements then takes only one descriptor if it fits in a
    /// table.
    ///
    /// # Errors
    /// Returns a [`LayoutError`] if a ring is out of bounds, or if the queue has more than `N` descriptors or more
    /// descriptors than there are tables.
    pub fn new(
        memory: &M,
        layout: Layout,
        suppression: S,
        tables: Option<IndirectTables<M>>,
        id: QueueId,
    ) -> Result<Self, LayoutError> {
        let ring = Driver::new(memory, layout, suppression)?;
        if let Some(tables) = tables.as_ref().filter(|tables| tables.count() < layout.size) {
            return Err(LayoutError::TooLarge { size: layout.size, capacity: tables.count().into() });
        }
        let entries = [Entry { next: None, round: 0, writable: 0, pending: false }; N];
        Ok(Self { free: ring.size(), ring, tables, id, entries, fault: None })
    }

    /// Returns the size of the queue, which is also the maximum length of a chain.
    #[must_use]
    pub fn size(&self) -> u16 {
        self.ring.size()
    }

    /// Returns the number of free descriptors.
    #[must_use]
    pub const fn free(&self) -> u16 {
        self.free
    }

    /// Returns true while the device holds the chain identified by `token`. Returns false for tokens of other queues.
    #[must_use]
    pub fn is_pending(&self, token: ChainToken) -> bool {
        let entry = self.entries.get(usize::from(token.head));
        token.queue == self.id && entry.is_some_and(|entry| entry.pending && entry.round == token.round)
    }

    /// Returns the fault if the device has broken a rule. The queue must then be set up again.
    #[must_use]
    pub const fn fault(&self) -> Option<ChainFault> {
        self.fault
    }

    /// Makes a chain available to the device, which reads the `readable` elements and writes the `writable` ones. The
    /// device owns all elements until the completion.
    ///
    /// # Errors
    /// Returns an [`AddError`] if the chain cannot be added.
    pub fn add(&mut self, readable: &[Element], writable: &[Element]) -> Result<Added, AddError> {
        if self.fault.is_some() {
            return Err(AddError::Broken);
        }
        let (count, writable_bytes) = measure(self.size(), readable, writable)?;
        let in_table = count > 1 && self.tables.as_ref().is_some_and(|tables| count <= tables.length());
        let needed = if in_table { 1 } else { count };
        if needed > self.free {
            return Err(AddError::NoDescriptors);
        }
        let elements = elements(readable, writable);
        let head = if in_table { self.write_table(elements, count) } else { self.write_chain(elements) };
        let head = head.ok_or(AddError::NoDescriptors)?;
        let id = head.id();
        let mut round = 0;
        if let Some(entry) = self.entries.get_mut(usize::from(id)) {
            round = entry.round;
            (entry.writable, entry.pending) = (writable_bytes, true);
        }
        let notify = self.ring.add_avail(head);
        Ok(Added { token: ChainToken { queue: self.id, head: id, round }, notify })
    }

    fn alloc(&mut self) -> Option<DescriptorToken> {
        let token = self.ring.alloc()?;
        self.free = self.free.wrapping_sub(1);
        Some(token)
    }

    /// Writes a chain into the queue's own table, starting with the last element so that the next descriptor is always
    /// known.
    fn write_chain(&mut self, elements: impl DoubleEndedIterator<Item = Part>) -> Option<DescriptorToken> {
        let mut next = None;
        for (element, flags) in elements.rev() {
            let Some(token) = self.alloc() else {
                // Unreachable, because the caller has checked the number of free descriptors.
                self.free_chain(next);
                return None;
            };
            self.ring.describe_chained(&token, (element.address, element.length), flags, next);
            let id = self.ring.hold(token);
            if let Some(entry) = self.entries.get_mut(usize::from(id)) {
                entry.next = next;
            }
            next = Some(id);
        }
        self.ring.reclaim(next?)
    }

    /// Writes a chain into an indirect table, and allocates a descriptor that refers to the table.
    fn write_table(&mut self, elements: impl Iterator<Item = Part>, count: u16) -> Option<DescriptorToken> {
        let token = self.alloc()?;
        let tables = self.tables.as_ref()?;
        let id = token.id();
        for (index, (element, flags)) in (0..count).zip(elements) {
            let next = index.wrapping_add(1);
            tables.write(id, index, element, flags, (next < count).then_some(next));
        }
        let length = u32::from(count).wrapping_mul(descriptor::SIZE);
        self.ring.describe_chained(&token, (tables.address(id), length), DescriptorFlags::INDIRECT, None);
        if let Some(entry) = self.entries.get_mut(usize::from(id)) {
            entry.next = None;
        }
        Some(token)
    }

    /// Pops one chain that the device has used.
    ///
    /// # Errors
    /// Returns a [`ChainFault`] if the device broke a rule. Each later call returns the same error.
    pub fn pop_used(&mut self) -> Result<Option<Completion>, ChainFault> {
        match self.fault {
            Some(fault) => Err(fault),
            None => self.next_used().inspect_err(|&fault| self.fault = Some(fault)),
        }
    }

    fn next_used(&mut self) -> Result<Option<Completion>, ChainFault> {
        let Some(token) = self.ring.pop_used()? else { return Ok(None) };
        let written = self.ring.last_used_length();
        let id = self.ring.hold(token);
        let Some(entry) = self.entries.get_mut(usize::from(id)) else { return Ok(None) };
        let (round, writable) = (entry.round, entry.writable);
        if written > writable {
            return Err(ChainFault::Written { written, writable });
        }
        (entry.pending, entry.round) = (false, round.wrapping_add(1));
        self.free_chain(Some(id));
        Ok(Some(Completion { token: ChainToken { queue: self.id, head: id, round }, written }))
    }

    /// Frees the held descriptors of the chain that starts at `next`.
    fn free_chain(&mut self, mut next: Option<u16>) {
        for _ in 0..self.size() {
            let Some(token) = next.and_then(|id| self.ring.reclaim(id)) else { return };
            next = self.entries.get(usize::from(token.id())).and_then(|entry| entry.next);
            self.ring.free(token);
            self.free = self.free.wrapping_add(1);
        }
    }

    /// Asks the device for a notification when it has used the next chain. Returns true if the ring is empty, in which
    /// case the caller may sleep. If the result is false, the caller must pop first.
    pub fn enable_notification(&mut self) -> bool {
        self.ring.enable_notification()
    }

    /// Asks the device not to notify this side. One more notification may still arrive if the device has already read
    /// the earlier request.
    pub fn disable_notification(&mut self) {
        self.ring.disable_notification();
    }
}

/// An element and the flags of its descriptor.
type Part = (Element, DescriptorFlags);

/// Returns the elements of a chain in order, with their flags.
fn elements(readable: &[Element], writable: &[Element]) -> impl DoubleEndedIterator<Item = Part> {
    let readable = readable.iter().map(|&element| (element, DescriptorFlags::empty()));
    readable.chain(writable.iter().map(|&element| (element, DescriptorFlags::WRITE)))
}

/// Checks that a chain fits in a queue of `size` descriptors. Returns the number of elements and the number of writable
/// bytes.
fn measure(size: u16, readable: &[Element], writable: &[Element]) -> Result<(u16, u32), AddError> {
    let count = readable.len().saturating_add(writable.len());
    let count = u16::try_from(count).ok().filter(|&count| count <= size);
    let count = count.ok_or(AddError::TooManyElements { max: size })?;
    if count == 0 {
        return Err(AddError::Empty);
    }
    let writable_bytes = bytes(writable, 0)?;
    bytes(readable, writable_bytes)?;
    Ok((count, writable_bytes))
}

/// Returns `sum` plus the number of bytes in `elements`.
fn bytes(elements: &[Element], sum: u32) -> Result<u32, AddError> {
    elements.iter().try_fold(sum, |sum, element| match element.length {
        0 => Err(AddError::ZeroLength),
        length => sum.checked_add(length).ok_or(AddError::TooManyBytes),
    })
}
