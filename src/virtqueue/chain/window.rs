// SPDX-License-Identifier: Apache-2.0
//! The memory that a device may access for its driver: translates addresses in descriptors to offsets.

/// A translation of the driver's addresses to offsets of the shared memory.
pub trait AddressMap {
    /// Returns the offset of the `length` bytes at `address`. Returns `None` if the device may not access them: for
    /// writing if they are `writable`, for reading otherwise. The caller refuses an offset that is not inside the
    /// memory.
    fn offset(&self, address: u64, length: u32, writable: bool) -> Option<u32>;
}

/// A range of addresses that is one range of the shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The first byte's address.
    pub address: u64,
    /// The first byte's offset in the shared memory.
    pub offset: u32,
    /// The length in bytes.
    pub length: u32,
    /// True if the device may write these bytes.
    pub writable: bool,
}

impl Window {
    /// Returns the window for a memory of `length` bytes whose addresses are offsets.
    #[must_use]
    pub const fn offsets(length: u32) -> Self {
        Self { address: 0, offset: 0, length, writable: true }
    }
}

impl AddressMap for Window {
    fn offset(&self, address: u64, length: u32, writable: bool) -> Option<u32> {
        let from = u32::try_from(address.checked_sub(self.address)?).ok()?;
        let last = self.length.checked_sub(length)?;
        match from <= last && (self.writable || !writable) {
            true => self.offset.checked_add(from),
            false => None,
        }
    }
}

/// Asks several maps in order, and takes the first answer.
impl<A: AddressMap, const K: usize> AddressMap for [A; K] {
    fn offset(&self, address: u64, length: u32, writable: bool) -> Option<u32> {
        self.iter().find_map(|map| map.offset(address, length, writable))
    }
}
