//! One split virtqueue: the side that makes buffers available ([`Driver`]) and the side that uses them ([`Device`]).
//!
//! Knows nothing of messages. A buffer is one descriptor, never a chain, as rpmsg has it. Source: virtio 1.3, 2.7.
//!
//! Nothing that the other side writes is trusted: each shared word is read once, bounded, and then the copy is used;
//! all that this side owns is kept privately as well, and never read back. What the other side breaks comes back as a
//! [`Fault`], after which the queue must be set up anew.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

mod device;
mod driver;
#[cfg(test)]
mod tests;

pub use device::{Buffer, Device};
pub use driver::{DescriptorToken, Driver};

use crate::mem::{MemoryError, SharedMemory, Store, Table};
use crate::wire::vring::{DescriptorFlags, available, descriptor, used};

/// Where a queue's three parts are, from the memory's start, and how many descriptors it has.
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

/// How each side asks the other for notifications: known when this is compiled ([`Events`], [`Flags`]), which takes no
/// memory and no code for the other one, or only when it runs ([`Suppression`]).
pub trait Suppress: Copy + core::fmt::Debug {
    /// Whether by events; otherwise by flags.
    fn by_events(self) -> bool;
}

/// By an index past which a side wants one (feature EVENT_IDX).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events;

/// By a flag in a side's ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags;

impl Suppress for Events {
    fn by_events(self) -> bool {
        true
    }
}

impl Suppress for Flags {
    fn by_events(self) -> bool {
        false
    }
}

impl Suppress for Suppression {
    fn by_events(self) -> bool {
        self == Self::Events
    }
}

/// As [`Suppress`], chosen when it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suppression {
    /// By an index past which it wants one (feature EVENT_IDX).
    Events,
    /// By a flag in its ring.
    Flags,
}

/// What the other side broke: what was read, and what was allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum Fault {
    /// More entries than the peer has to give.
    #[error("the peer's ring index jumped from {old} to {new} in a ring of {size}")]
    IndexJump {
        /// Up to where this side has read.
        old: u16,
        /// What the peer wrote.
        new: u16,
        /// The ring's size.
        size: u16,
    },
    /// A descriptor that does not exist.
    #[error("the peer named descriptor {id} in a ring of {size}")]
    NoSuchDescriptor {
        /// What the peer wrote.
        id: u32,
        /// The ring's size.
        size: u16,
    },
    /// A descriptor that is not the peer's to name now: given back twice, or offered twice.
    #[error("the peer named descriptor {id}, which it does not hold")]
    NotHeld {
        /// What the peer wrote.
        id: u16,
    },
    /// A descriptor of a kind that rpmsg has not: a chain or an indirect table.
    #[error("the peer's descriptor {id} has flags {flags:#x}: chains and indirect tables have no place in rpmsg")]
    NotOneBuffer {
        /// The descriptor.
        id: u16,
        /// Its flags.
        flags: u16,
    },
}

/// A queue that cannot be set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LayoutError {
    /// A part that is not inside the memory, or not aligned.
    #[error(transparent)]
    Memory(#[from] MemoryError),
    /// More descriptors than this side was built for.
    #[error(
        "a queue of {size} buffers, but this side keeps track of {capacity} at most: agree on fewer, or build it for more"
    )]
    TooLarge {
        /// Descriptors asked for.
        size: u16,
        /// The most that this side can have.
        capacity: usize,
    },
}

type Descriptors<M> = Table<M, { descriptor::SIZE }>;
type Available<M> = Table<M, { available::ENTRY }, { available::HEADER }, { available::TAIL }>;
type UsedRing<M> = Table<M, { used::ENTRY }, { used::HEADER }, { used::TAIL }>;

/// Sets the available ring of `size` entries at byte `offset` to its start: nothing offered, no notifications wanted.
/// For its writer, while the other side looks at neither ring.
///
/// # Errors
/// A ring that is not inside the memory or not aligned.
pub fn prepare_available<M: SharedMemory>(memory: &M, offset: u32, size: u16) -> Result<(), MemoryError> {
    start_available::<M>(&Table::new(memory, offset, size.into())?);
    Ok(())
}

fn start_available<M: SharedMemory>(ring: &Available<M>) {
    ring.store_header::<{ available::FLAGS }>(available::NO_INTERRUPT, Store::Relaxed);
    ring.store_header::<{ available::INDEX }>(0, Store::Relaxed);
    ring.store_tail::<{ available::USED_EVENT }>(u16::MAX, Store::Relaxed);
}

/// Writes the descriptors of a queue of `size` whose buffers of `length` bytes lie one behind the other from `address` on,
/// for a driver that makes them [available](Driver::add_avail) again and again. For their writer, before any is available.
///
/// # Errors
/// A table that is not inside the memory or not aligned.
pub fn prepare_descriptors<M: SharedMemory>(
    memory: &M,
    offset: u32,
    size: u16,
    address: u64,
    length: u32,
) -> Result<(), MemoryError> {
    describe_all::<M>(&Table::new(memory, offset, size.into())?, size, address, length);
    Ok(())
}

fn describe_all<M: SharedMemory>(table: &Descriptors<M>, size: u16, mut address: u64, length: u32) {
    for id in 0..size {
        describe(table, id, address, length, DescriptorFlags::empty());
        address = address.wrapping_add(length.into());
    }
}

/// Writes descriptor `id`.
#[inline]
fn describe<M: SharedMemory>(table: &Descriptors<M>, id: u16, address: u64, length: u32, flags: DescriptorFlags) {
    let index = u32::from(id);
    // CAST: the halves of the address.
    table.store_u32::<{ descriptor::ADDRESS_LOW }>(index, address as u32, Store::Relaxed);
    table.store_u32::<{ descriptor::ADDRESS_HIGH }>(index, (address >> 32) as u32, Store::Relaxed);
    table.store_u32::<{ descriptor::LENGTH }>(index, length, Store::Relaxed);
    table.store_u16::<{ descriptor::FLAGS }>(index, flags.bits(), Store::Relaxed);
}

/// Sets the used ring of `size` entries at byte `offset` to its start: nothing used, notifications wanted. For its
/// writer, while the other side looks at neither ring.
///
/// # Errors
/// A ring that is not inside the memory or not aligned.
pub fn prepare_used<M: SharedMemory>(memory: &M, offset: u32, size: u16) -> Result<(), MemoryError> {
    start_used::<M>(&Table::new(memory, offset, size.into())?);
    Ok(())
}

fn start_used<M: SharedMemory>(ring: &UsedRing<M>) {
    ring.store_header::<{ used::FLAGS }>(0, Store::Relaxed);
    ring.store_header::<{ used::INDEX }>(0, Store::Relaxed);
    ring.store_tail::<{ used::AVAILABLE_EVENT }>(0, Store::Relaxed);
}

/// What a side of a native link writes before its peer looks: the rings and descriptors of `outgoing`'s driver, and the used
/// ring at `used` for the `others` buffers of the peer. False where they are not inside the memory or not aligned.
pub(crate) fn prepare_side<M: SharedMemory>(
    memory: &M,
    outgoing: Layout,
    (used, others): (u32, u16),
    (address, length): (u32, u32),
) -> bool {
    let Layout { size, descriptors, available, .. } = outgoing;
    let Some(available) = Table::at(memory, available, size.into()) else { return false };
    let Some(used) = Table::at(memory, used, others.into()) else { return false };
    let Some(descriptors) = Table::at(memory, descriptors, size.into()) else { return false };
    start_available::<M>(&available);
    start_used::<M>(&used);
    describe_all::<M>(&descriptors, size, address.into(), length);
    true
}

/// The three parts in memory.
#[derive(Clone, Debug)]
pub(crate) struct Ring<M: SharedMemory> {
    descriptors: Descriptors<M>,
    available: Available<M>,
    used: UsedRing<M>,
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

    /// As [`new`](Self::new), of no more descriptors than there is room for, without the cause where it cannot be. In parts, so that it is
    /// built where it is to lie.
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

    /// What is wrong with `id`, which the peer named.
    #[inline(always)]
    fn not_held(&self, id: u32) -> Fault {
        match u16::try_from(id) {
            Ok(id) if id < self.size => Fault::NotHeld { id },
            _ => Fault::NoSuchDescriptor { id, size: self.size },
        }
    }

    /// The same, out of the way; not where a caller does without the answer, and it need not be worked out.
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
