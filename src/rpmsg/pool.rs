//! Where a queue's buffers are: this side by offsets, the peer by addresses.

use super::Fault;
use crate::mem::{Bytes, MemoryError, SharedMemory};

/// Equal buffers, one behind the other, one for each descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pool {
    /// Where the first is, in bytes from the memory's start.
    pub start: u32,
    /// What the first's address is in descriptors. In the native profile the same.
    pub address: u64,
    /// Bytes of each, header included.
    pub size: u32,
}

impl Pool {
    /// All `count` of them.
    ///
    /// # Errors
    /// Buffers that are not all inside the memory.
    pub fn bytes<M: SharedMemory>(&self, memory: &M, count: u16) -> Result<Bytes<M>, MemoryError> {
        let too_long = MemoryError::OutOfBounds { offset: self.start, len: u32::MAX, size: memory.len() };
        Bytes::new(memory, self.start, self.size.checked_mul(count.into()).ok_or(too_long)?)
    }

    /// Where buffer `id` is among the buffers. No overflow: [`bytes`](Self::bytes) has multiplied the largest.
    #[inline]
    pub(super) const fn offset(&self, id: u16) -> u32 {
        id as u32 * self.size
    }

    /// The address of buffer `id`.
    #[inline]
    pub(super) const fn address(&self, id: u16) -> u64 {
        self.address.wrapping_add(self.offset(id) as u64)
    }

    /// Where, among the `len` bytes of all buffers, the `length` bytes at the peer's `address` are.
    ///
    /// # Errors
    /// [`Fault::Outside`] where they are not all there.
    #[inline]
    pub(super) fn find(&self, address: u64, length: u32, len: u32) -> Result<u32, Fault> {
        let offset = address.wrapping_sub(self.address);
        if offset > u64::from(len) || u64::from(length) > u64::from(len) - offset {
            let end = self.address.wrapping_add(len.into());
            return Err(Fault::Outside { address, length, start: self.address, end });
        }
        // CAST: just found to be within `len`.
        Ok(offset as u32)
    }
}
