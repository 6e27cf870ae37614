// SPDX-License-Identifier: Apache-2.0
//! A queue's buffers: their offsets on this side, and their addresses in the descriptors.

use super::Fault;
use crate::mem::{BufferArray, MemoryError, SharedMemory};
use crate::virtqueue::Buffer;

/// Contiguous buffers of equal size, one for each descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferPool {
    /// Offset of the first buffer from the start of the memory.
    pub start: u32,
    /// Address of the first buffer, as used in descriptors. In the native profile, this is equal to `start`.
    pub address: u64,
    /// Size of each buffer in bytes, including the header.
    pub size: u32,
}

impl BufferPool {
    /// Returns an accessor for all `count` buffers.
    ///
    /// # Errors
    /// See [`BufferArray::new`].
    pub fn buffers<M: SharedMemory>(&self, memory: &M, count: u16) -> Result<BufferArray<M>, MemoryError> {
        BufferArray::new(memory, self.start, self.size, count)
    }

    /// Like [`buffers`](Self::buffers), but returns `None` on any error.
    #[inline]
    pub(crate) fn buffers_at<M: SharedMemory>(&self, memory: &M, count: u16) -> Option<BufferArray<M>> {
        BufferArray::within(memory, self.start, self.size, count)
    }

    /// Returns the address of the buffer in `slot`, as used in descriptors.
    #[inline]
    pub(super) const fn address(&self, slot: u16) -> u64 {
        self.address.wrapping_add((slot as u64).wrapping_mul(self.size as u64))
    }

    /// Returns the slot, out of `count` slots, of the buffer `offered` by the peer.
    ///
    /// # Errors
    /// Returns [`Fault::Outside`] if the offered buffer is not in any slot.
    #[inline]
    pub(super) fn find(&self, offered: &Buffer, count: u16) -> Result<u16, Fault> {
        let &Buffer { address, length, .. } = offered;
        // This is a 32-bit division, which takes one instruction even on small processors. Slots are never empty, so
        // `max` does not change the divisor.
        let (offset, size) = (u32::try_from(address.wrapping_sub(self.address)).unwrap_or(u32::MAX), self.size.max(1));
        let slot = offset.checked_div(size).unwrap_or(u32::MAX);
        match slot.wrapping_mul(size) == offset && slot < count.into() && length <= size {
            // CAST: `slot` is less than `count`.
            true => Ok(slot as u16),
            false => {
                let (start, end) = (self.address, self.address(count));
                Err(Fault::Outside { address, length, start, end, size: self.size })
            }
        }
    }
}
