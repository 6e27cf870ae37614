// SPDX-License-Identifier: Apache-2.0
//! Reads and writes single descriptors in a table.

use crate::mem::{Load, SharedMemory, Store, Table};
use crate::wire::vring::{DescriptorFlags, descriptor};

/// A descriptor table.
pub(super) type Descriptors<M> = Table<M, { descriptor::SIZE }>;

/// Writes all fields of a descriptor except `next`.
#[inline]
pub(super) fn describe<M: SharedMemory>(
    table: &Descriptors<M>,
    index: u32,
    address: u64,
    length: u32,
    flags: DescriptorFlags,
) {
    // CAST: splits the address into halves.
    table.store_u32::<{ descriptor::ADDRESS_LOW }>(index, address as u32, Store::Relaxed);
    table.store_u32::<{ descriptor::ADDRESS_HIGH }>(index, (address >> 32) as u32, Store::Relaxed);
    table.store_u32::<{ descriptor::LENGTH }>(index, length, Store::Relaxed);
    table.store_u16::<{ descriptor::FLAGS }>(index, flags.bits(), Store::Relaxed);
}

/// Writes a descriptor of a chain. `next` is the descriptor at which the chain continues, if any.
pub(super) fn describe_chained<M: SharedMemory>(
    table: &Descriptors<M>,
    index: u32,
    (address, length): (u64, u32),
    flags: DescriptorFlags,
    next: Option<u16>,
) {
    let more = if next.is_some() { DescriptorFlags::NEXT } else { DescriptorFlags::empty() };
    describe(table, index, address, length, flags.union(more));
    table.store_u16::<{ descriptor::NEXT }>(index, next.unwrap_or_default(), Store::Relaxed);
}

/// Reads the address field of a descriptor.
#[inline]
pub(super) fn address<M: SharedMemory>(table: &Descriptors<M>, index: u32) -> u64 {
    let low = table.load_u32::<{ descriptor::ADDRESS_LOW }>(index, Load::Relaxed);
    let high = table.load_u32::<{ descriptor::ADDRESS_HIGH }>(index, Load::Relaxed);
    u64::from(high) << 32 | u64::from(low)
}

/// A descriptor of a chain. Each word has been read exactly once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Descriptor {
    pub address: u64,
    pub length: u32,
    pub flags: DescriptorFlags,
    pub next: u16,
}

impl Descriptor {
    pub fn load<M: SharedMemory>(table: &Descriptors<M>, index: u32) -> Self {
        Self {
            address: address(table, index),
            length: table.load_u32::<{ descriptor::LENGTH }>(index, Load::Relaxed),
            flags: DescriptorFlags::from_bits_retain(table.load_u16::<{ descriptor::FLAGS }>(index, Load::Relaxed)),
            next: table.load_u16::<{ descriptor::NEXT }>(index, Load::Relaxed),
        }
    }
}
