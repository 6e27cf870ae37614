// SPDX-License-Identifier: Apache-2.0
//! Translation of the addresses in descriptors to offsets in the memory that the device may access.

/// Translates the driver's addresses to offsets in the shared memory.
pub trait AddressMap {
    /// Returns the offset of the `length` bytes at `address`. Returns `None` if the device must not access the range.
    /// The access is a write if `writable` is true, otherwise a read. The caller checks that the range is inside the
    /// memory.
    fn offset(&self, address: u64, length: u32, writable: bool) -> Option<u32>;
}

/// A contiguous range of addresses that maps to a contiguous range of the shared memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// The address of the first byte.
    pub address: u64,
    /// The offset of the first byte in the shared memory.
    pub offset: u32,
    /// The length in bytes.
    pub length: u32,
    /// True if the device may write to these bytes.
    pub writable: bool,
}

impl Window {
    /// Returns the window for a memory of `length` bytes in which addresses equal offsets.
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

/// Uses the first map that translates the address.
impl<A: AddressMap, const K: usize> AddressMap for [A; K] {
    fn offset(&self, address: u64, length: u32, writable: bool) -> Option<u32> {
        self.iter().find_map(|map| map.offset(address, length, writable))
    }
}
