// SPDX-License-Identifier: Apache-2.0
//! The device side of chains: pops chains, walks their elements, and returns them.

use super::super::descriptor::{Descriptor, Descriptors};
use super::super::{Device, Fault, Indirect, Layout, LayoutError, Suppress, Suppression};
use super::{AddressMap, ChainFault, QueueId, Segment, WrongQueue};
use crate::mem::{SharedMemory, Table};
use crate::wire::vring::{DescriptorFlags, descriptor};

/// A popped chain and the current position of its walk. Each descriptor is read once. The device can
/// [return](ChainDevice::add_used) chains at any time and in any order.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "a chain that is never returned keeps its descriptors from the driver"]
pub struct Chain {
    queue: QueueId,
    head: u16,
    position: Position,
    /// The number of descriptors that may still follow.
    budget: u16,
    readable: u32,
    writable: u32,
    /// True if the walk has reached a writable element.
    in_writable: bool,
}

/// The next descriptor of a walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Position {
    /// A descriptor in the queue's own table.
    Queue(u16),
    /// An entry in an indirect table.
    Indirect(IndirectTable, u16),
    /// The end of the chain.
    End,
}

/// An indirect table that is in bounds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct IndirectTable {
    address: u64,
    offset: u32,
    length: u32,
}

impl IndirectTable {
    const fn entries(self) -> u32 {
        self.length / descriptor::SIZE
    }
}

impl Chain {
    /// Returns the id of the chain's first descriptor.
    #[must_use]
    pub const fn head(&self) -> u16 {
        self.head
    }

    /// Returns the number of bytes in the readable elements walked so far.
    #[must_use]
    pub const fn readable(&self) -> u32 {
        self.readable
    }

    /// Returns the number of bytes in the writable elements walked so far.
    #[must_use]
    pub const fn writable(&self) -> u32 {
        self.writable
    }
}

/// The device side of a queue with at most `N` descriptors, for chains. `A` translates addresses in descriptors to
/// offsets.
#[derive(Debug)]
pub struct ChainDevice<M: SharedMemory, A, const N: usize, S = Suppression> {
    ring: Device<M, N, S>,
    memory: M,
    map: A,
    indirect: Indirect,
    id: QueueId,
    fault: Option<ChainFault>,
}

impl<M: SharedMemory, A: AddressMap, const N: usize, S: Suppress> ChainDevice<M, A, N, S> {
    /// Makes the device side of a queue in [prepared](crate::virtqueue::prepare_used) memory.
    ///
    /// # Errors
    /// Returns a [`LayoutError`] if a ring is out of bounds, or if the queue has more than `N` descriptors.
    pub fn new(
        memory: &M,
        layout: Layout,
        suppression: S,
        indirect: Indirect,
        map: A,
        id: QueueId,
    ) -> Result<Self, LayoutError> {
        let ring = Device::new(memory, layout, suppression)?;
        Ok(Self { ring, memory: memory.clone(), map, indirect, id, fault: None })
    }

    /// Returns the size of the queue, which is also the maximum length of a chain.
    #[must_use]
    pub fn size(&self) -> u16 {
        self.ring.size()
    }

    /// Returns the fault if the driver has broken a rule. The queue must then be set up again.
    #[must_use]
    pub const fn fault(&self) -> Option<ChainFault> {
        self.fault
    }

    /// Pops the next available chain.
    ///
    /// # Errors
    /// Returns a [`ChainFault`] if the driver broke a rule. Each later call returns the same error.
    pub fn pop(&mut self) -> Result<Option<Chain>, ChainFault> {
        self.sound()?;
        let popped = self.ring.pop_avail();
        self.begin(popped)
    }

    /// Like [`pop`](Self::pop), but asks the driver for a notification if the ring is empty.
    ///
    /// # Errors
    /// Returns the same errors as [`pop`](Self::pop).
    pub fn pop_or_enable(&mut self) -> Result<Option<Chain>, ChainFault> {
        self.sound()?;
        let popped = self.ring.pop_avail_or_enable();
        self.begin(popped)
    }

    fn begin(&mut self, popped: Result<Option<u16>, Fault>) -> Result<Option<Chain>, ChainFault> {
        let Some(head) = popped.map_err(|fault| self.broken(fault.into()))? else { return Ok(None) };
        let (position, budget) = (Position::Queue(head), self.ring.size());
        Ok(Some(Chain { queue: self.id, head, position, budget, readable: 0, writable: 0, in_writable: false }))
    }

    /// Walks the rest of a chain. A later walk continues at the point where this one stops. A chain may be returned
    /// before the walk has reached its end.
    ///
    /// # Errors
    /// Returns [`WrongQueue`] if the chain belongs to another queue.
    pub fn walk<'c>(&'c mut self, chain: &'c mut Chain) -> Result<Walk<'c, M, A, N, S>, WrongQueue> {
        if chain.queue == self.id { Ok(Walk { device: self, chain }) } else { Err(WrongQueue) }
    }

    /// Advances the walk to the next element. Returns `None` after the last element.
    fn next_segment(&mut self, chain: &mut Chain) -> Result<Option<Segment>, ChainFault> {
        self.sound()?;
        // Each iteration uses up one descriptor of the budget. Empty elements are skipped.
        loop {
            match self.next_descriptor(chain) {
                Ok(Some(segment)) if segment.length == 0 => (),
                Ok(segment) => return Ok(segment),
                Err(fault) => return Err(self.broken(fault)),
            }
        }
    }

    /// Advances the walk to the next descriptor.
    fn next_descriptor(&self, chain: &mut Chain) -> Result<Option<Segment>, ChainFault> {
        let size = self.ring.size();
        let budget = chain.budget.checked_sub(1).ok_or(ChainFault::TooManyDescriptors { size });
        let (descriptor, table) = match chain.position {
            Position::End => return Ok(None),
            // A descriptor beyond the budget is not read.
            Position::Queue(id) => budget.and_then(|_| self.in_queue(id))?,
            Position::Indirect(table, index) => (budget.and_then(|_| self.in_table(table, index))?, Some(table)),
        };
        chain.budget = budget?;
        chain.position = match (descriptor.flags.contains(DescriptorFlags::NEXT), table) {
            (false, _) => Position::End,
            (true, None) => Position::Queue(below(descriptor.next, size.into())?),
            (true, Some(table)) => Position::Indirect(table, below(descriptor.next, table.entries())?),
        };
        let writable = descriptor.flags.contains(DescriptorFlags::WRITE);
        if chain.in_writable && !writable {
            return Err(ChainFault::ReadableAfterWritable);
        }
        chain.in_writable = writable;
        let Descriptor { address, length, .. } = descriptor;
        let all = chain.readable.checked_add(chain.writable).and_then(|all| all.checked_add(length));
        all.ok_or(ChainFault::TooManyBytes)?;
        let offset = if length == 0 { 0 } else { self.place(address, length, writable)? };
        let sum = if writable { &mut chain.writable } else { &mut chain.readable };
        *sum = sum.wrapping_add(length);
        Ok(Some(Segment { offset, length, writable }))
    }

    /// Reads descriptor `id` in the queue's table. If it refers to an indirect table, reads the first entry of that
    /// table.
    fn in_queue(&self, id: u16) -> Result<(Descriptor, Option<IndirectTable>), ChainFault> {
        let referring = self.ring.descriptor(id);
        if !referring.flags.contains(DescriptorFlags::INDIRECT) {
            return Ok((referring, None));
        }
        if self.indirect == Indirect::Forbidden {
            return Err(ChainFault::IndirectForbidden);
        }
        if referring.flags.contains(DescriptorFlags::NEXT) {
            return Err(ChainFault::IndirectWithNext);
        }
        let Descriptor { address, length, .. } = referring;
        let offset = self.place(address, length, false).ok();
        let table = offset.map(|offset| IndirectTable { address, offset, length });
        let whole = table.filter(|_| length != 0 && length.is_multiple_of(descriptor::SIZE));
        let table = whole.ok_or(ChainFault::IndirectTable { address, length })?;
        Ok((self.in_table(table, 0)?, Some(table)))
    }

    /// Reads an entry of an indirect table. The caller has checked the index.
    fn in_table(&self, table: IndirectTable, index: u16) -> Result<Descriptor, ChainFault> {
        let IndirectTable { address, offset, length } = table;
        // This does not overflow, because the table is in bounds.
        let offset = offset.wrapping_add(u32::from(index).wrapping_mul(descriptor::SIZE));
        let entry: Option<Descriptors<M>> = Table::at(&self.memory, offset, 1);
        let descriptor = Descriptor::load(&entry.ok_or(ChainFault::IndirectTable { address, length })?, 0);
        match descriptor.flags.contains(DescriptorFlags::INDIRECT) {
            true => Err(ChainFault::IndirectNested),
            false => Ok(descriptor),
        }
    }

    /// Returns the offset of an element or a table, after checking that it is in bounds.
    fn place(&self, address: u64, length: u32, writable: bool) -> Result<u32, ChainFault> {
        let offset = self.map.offset(address, length, writable);
        let inside = offset.filter(|&offset| self.memory.part(offset, length).is_some());
        inside.ok_or(ChainFault::Outside { address, length, writable })
    }

    /// Returns a chain to the driver. `written` is the number of bytes that the device has written, starting at the
    /// first writable element. It is limited to the number of writable bytes that have been walked. Returns true if the
    /// driver must be notified.
    ///
    /// # Errors
    /// Returns [`WrongQueue`] together with the chain if the chain belongs to another queue.
    pub fn add_used(&mut self, chain: Chain, written: u32) -> Result<bool, (WrongQueue, Chain)> {
        if chain.queue != self.id {
            return Err((WrongQueue, chain));
        }
        Ok(self.ring.add_used(chain.head, written.min(chain.writable)))
    }

    /// Asks the driver for a notification when the next chain becomes available. Returns true if the ring is empty, in
    /// which case the caller may sleep. If the result is false, the caller must pop first.
    pub fn enable_notification(&mut self) -> bool {
        self.ring.enable_notification()
    }

    /// Asks the driver not to notify this side. One more notification may still arrive if the driver has already read
    /// the earlier request.
    pub fn disable_notification(&mut self) {
        self.ring.disable_notification();
    }

    fn sound(&self) -> Result<(), ChainFault> {
        self.fault.map_or(Ok(()), Err)
    }

    #[cold]
    fn broken(&mut self, fault: ChainFault) -> ChainFault {
        self.fault = Some(fault);
        fault
    }
}

/// An iterator over the elements of a chain. Readable elements come first. The iterator ends at the first fault.
#[derive(Debug)]
pub struct Walk<'c, M: SharedMemory, A, const N: usize, S = Suppression> {
    device: &'c mut ChainDevice<M, A, N, S>,
    chain: &'c mut Chain,
}

impl<M: SharedMemory, A: AddressMap, const N: usize, S: Suppress> Iterator for Walk<'_, M, A, N, S> {
    type Item = Result<Segment, ChainFault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.chain.position == Position::End {
            return None;
        }
        let next = self.device.next_segment(self.chain);
        if next.is_err() {
            self.chain.position = Position::End;
        }
        next.transpose()
    }
}

/// Checks that `next` is less than `count`.
fn below(next: u16, count: u32) -> Result<u16, ChainFault> {
    if u32::from(next) < count { Ok(next) } else { Err(ChainFault::NextOutOfRange { next, count }) }
}
