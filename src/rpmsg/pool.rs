// SPDX-License-Identifier: Apache-2.0
//! The buffers of a queue: their offsets for this side, and their addresses for the peer.

use super::Fault;
use crate::mem::{BufferArray, MemoryError, SharedMemory};
use crate::virtqueue::Buffer;

/// Equal buffers, one after the other, one for each descriptor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BufferPool {
    /// Offset of the first buffer from the start of the memory.
    pub start: u32,
    /// Address of the first buffer in descriptors. In the native profile this is its offset.
    pub address: u64,
    /// Bytes of each buffer, header included.
    pub size: u32,
}

impl BufferPool {
    /// Returns all `count` buffers.
    ///
    /// # Errors
    /// See [`BufferArray::new`].
    pub fn buffers<M: SharedMemory>(&self, memory: &M, count: u16) -> Result<BufferArray<M>, MemoryError> {
        BufferArray::new(memory, self.start, self.size, count)
    }

    /// Does the same as [`buffers`](Self::buffers), but does not report the cause of a failure.
    #[inline]
    pub(crate) fn buffers_at<M: SharedMemory>(&self, memory: &M, count: u16) -> Option<BufferArray<M>> {
        BufferArray::within(memory, self.start, self.size, count)
    }

    /// Returns the address of a buffer.
    #[inline]
    pub(super) const fn address(&self, slot: u16) -> u64 {
        self.address.wrapping_add((slot as u64).wrapping_mul(self.size as u64))
    }

    /// Returns the number of the buffer that the peer offers, out of `count` buffers.
    ///
    /// # Errors
    /// Returns [`Fault::Outside`] if the offered buffer is none of them.
    #[inline]
    pub(super) fn find(&self, offered: &Buffer, count: u16) -> Result<u16, Fault> {
        let &Buffer { address, length, .. } = offered;
        // A 32-bit division, which even a small processor does in one instruction. The divisor is not 0: slots are
        // larger than that.
        let (offset, size) = (u32::try_from(address.wrapping_sub(self.address)).unwrap_or(u32::MAX), self.size.max(1));
        let slot = offset.checked_div(size).unwrap_or(u32::MAX);
        match slot.wrapping_mul(size) == offset && slot < count.into() && length <= size {
            // CAST: the slot is below the count.
            true => Ok(slot as u16),
            false => {
                let (start, end) = (self.address, self.address(count));
                Err(Fault::Outside { address, length, start, end, size: self.size })
            }
        }
    }
}
