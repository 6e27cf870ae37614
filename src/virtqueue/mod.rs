//! Split virtqueues. A [`Driver`] makes buffers available, and a [`Device`] uses them.
//!
//! The two handle single buffers with one descriptor each, which is the fast path. The module [`chain`] builds on them for
//! buffers of several elements, in a chain of descriptors or an indirect table. A device with several queues has one object for
//! each queue. Source: virtio 1.3, 2.7.
//!
//! Nothing that the other side writes is trusted. Each shared word is read once and bounded, and then the copy is used.
//! Everything that this side owns is also kept privately, and never read back. If the other side breaks a rule, the caller gets
//! a [`Fault`]; after that the queue must be set up again.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

pub mod chain;
mod descriptor;
mod device;
mod driver;
mod error;
mod features;
mod prepare;
#[cfg(test)]
mod tests;

pub use device::{Buffer, Device};
pub use driver::{DescriptorToken, Driver};
pub use error::{Fault, LayoutError};
pub use features::{Events, Flags, Indirect, Suppress, Suppression};
pub(crate) use prepare::{AvailableRing, DescriptorTable, UsedRing};
pub use prepare::{prepare_available, prepare_descriptors, prepare_used};

use crate::mem::{SharedMemory, Table};
use crate::wire::vring::{available, used};
use descriptor::Descriptors;

/// The place of a queue's three parts, from the memory's start, and its size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Descriptors, a power of two up to 32768.
    pub size: u16,
    /// The descriptor table, in bytes.
    pub descriptors: u32,
    /// The available ring, in bytes.
    pub available: u32,
    /// The used ring, in bytes.
    pub used: u32,
}

type Available<M> = Table<M, { available::ENTRY }, { available::HEADER }, { available::TAIL }>;
type Used<M> = Table<M, { used::ENTRY }, { used::HEADER }, { used::TAIL }>;

/// The three parts of a queue in memory.
#[derive(Clone, Debug)]
pub(crate) struct Ring<M: SharedMemory> {
    descriptors: Descriptors<M>,
    available: Available<M>,
    used: Used<M>,
    size: u16,
}

impl<M: SharedMemory> Ring<M> {
    fn new(memory: &M, layout: Layout, capacity: usize) -> Result<Self, LayoutError> {
        let Layout { size, descriptors, available, used } = layout;
        if usize::from(size) > capacity {
            return Err(LayoutError::TooLarge { size, capacity });
        }
        let count = size.into();
        Ok(Self {
            descriptors: Table::new(memory, descriptors, count)?,
            available: Table::new(memory, available, count)?,
            used: Table::new(memory, used, count)?,
            size,
        })
    }

    /// Makes a ring like [`new`](Self::new), without the cause of a failure and without a limit of descriptors. It is built in
    /// parts, so that it is built in its final place.
    #[inline(always)]
    pub(crate) fn at(memory: &M, layout: Layout) -> Option<Self> {
        let Layout { size, descriptors, available, used } = layout;
        Some(Self {
            descriptors: Table::at(memory, descriptors, size.into())?,
            available: Table::at(memory, available, size.into())?,
            used: Table::at(memory, used, size.into())?,
            size,
        })
    }

    /// Returns the fault for descriptor `id`, which the peer named and does not hold.
    #[inline(always)]
    fn not_held(&self, id: u32) -> Fault {
        match u16::try_from(id) {
            Ok(id) if id < self.size => Fault::NotHeld { id },
            _ => Fault::NoSuchDescriptor { id, size: self.size },
        }
    }

    /// Returns the same fault from a cold function. In a build for size it is inlined, for callers that ignore the fault.
    #[cfg_attr(for_size, inline(always))]
    #[cfg_attr(not(for_size), cold, inline(never))]
    fn not_held_apart(&self, id: u32) -> Fault {
        self.not_held(id)
    }

    /// Checks that the peer's index `new` is at most `most` beyond `old`.
    #[inline]
    fn advance(&self, old: u16, new: u16, most: u16) -> Result<u16, Fault> {
        if new.wrapping_sub(old) <= most { Ok(new) } else { Err(Fault::IndexJump { old, new, size: self.size }) }
    }
}
