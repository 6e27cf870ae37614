// SPDX-License-Identifier: Apache-2.0
//! The three parts of a queue in memory.

use super::descriptor::Descriptors;
use super::{Fault, LayoutError};
use crate::mem::{SharedMemory, Table};
use crate::wire::vring::{available, used};

/// The size of a queue, and the offsets of its three parts in the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Number of descriptors: a power of two, at most 32768.
    pub size: u16,
    /// Offset of the descriptor table in bytes.
    pub descriptors: u32,
    /// Offset of the available ring in bytes.
    pub available: u32,
    /// Offset of the used ring in bytes.
    pub used: u32,
}

/// An available ring.
pub(super) type Available<M> = Table<M, { available::ENTRY }, { available::HEADER }, { available::TAIL }>;
/// A used ring.
pub(super) type Used<M> = Table<M, { used::ENTRY }, { used::HEADER }, { used::TAIL }>;

/// The three parts of a queue in memory.
#[derive(Clone, Debug)]
pub(crate) struct Ring<M: SharedMemory> {
    pub(super) descriptors: Descriptors<M>,
    pub(super) available: Available<M>,
    pub(super) used: Used<M>,
    pub(super) size: u16,
}

impl<M: SharedMemory> Ring<M> {
    pub(super) fn new(memory: &M, layout: Layout, capacity: usize) -> Result<Self, LayoutError> {
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

    /// Like [`new`](Self::new), but does not report why it failed and does not limit the number of descriptors. The
    /// ring is built in place, part by part.
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

    /// Returns the fault for a descriptor id that the peer used without holding the descriptor.
    #[inline(always)]
    pub(super) fn not_held(&self, id: u32) -> Fault {
        match u16::try_from(id) {
            Ok(id) if id < self.size => Fault::NotHeld { id },
            _ => Fault::NoSuchDescriptor { id, size: self.size },
        }
    }

    /// Same as [`not_held`](Self::not_held), in a cold function. In a build optimized for size it is inlined instead,
    /// so that callers that ignore the fault pay nothing for it.
    #[cfg_attr(for_size, inline(always))]
    #[cfg_attr(not(for_size), cold, inline(never))]
    pub(super) fn not_held_apart(&self, id: u32) -> Fault {
        self.not_held(id)
    }

    /// Checks that the peer's index has advanced from `old` to `new` by at most `most`.
    #[inline]
    pub(super) fn advance(&self, old: u16, new: u16, most: u16) -> Result<u16, Fault> {
        if new.wrapping_sub(old) <= most { Ok(new) } else { Err(Fault::IndexJump { old, new, size: self.size }) }
    }
}
