//! Where a queue's buffers are: this side by offsets, the peer by addresses.

use super::Fault;
use crate::mem::{Bytes, MemoryError, SharedMemory};
use crate::virtqueue::Offered;

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
        let len = self.size.checked_mul(count.into()).ok_or(too_long)?;
        Bytes::new(memory, self.start, len)
    }

    /// As [`bytes`](Self::bytes), without the cause where they cannot be.
    #[inline]
    pub(crate) fn bytes_at<M: SharedMemory>(&self, memory: &M, count: u16) -> Option<Bytes<M>> {
        Bytes::at(memory, self.start, self.size.checked_mul(count.into())?)
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

    /// Where, among the `len` bytes of all buffers, the one that the peer offers is.
    ///
    /// # Errors
    /// [`Fault::Outside`] where it is not all there, or not at a multiple of 4.
    #[inline]
    pub(super) fn find(&self, offered: &Offered, len: u32) -> Result<u32, Fault> {
        let &Offered { address, length, .. } = offered;
        let offset = address.wrapping_sub(self.address);
        if offset > u64::from(len) || u64::from(length) > u64::from(len) - offset || !offset.is_multiple_of(4) {
            let end = self.address.wrapping_add(len.into());
            return Err(Fault::Outside { address, length, start: self.address, end });
        }
        // CAST: just found to be within `len`.
        Ok(offset as u32)
    }
}
