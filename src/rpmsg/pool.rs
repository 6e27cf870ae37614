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
        let len = self.size.checked_mul(count.into()).ok_or(MemoryError::OutOfBounds)?;
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

    /// The address of buffer `id`; `offsets` is whether addresses are offsets in the memory.
    #[inline]
    pub(super) const fn address(&self, id: u16, offsets: bool) -> u64 {
        match offsets {
            true => self.start.wrapping_add(self.offset(id)) as u64,
            false => self.address.wrapping_add(self.offset(id) as u64),
        }
    }

    /// Where, among the `len` bytes of all buffers, the one that the peer offers is.
    ///
    /// # Errors
    /// [`Fault::Outside`] where it is not all there.
    #[inline]
    pub(super) fn find(&self, offered: &Offered, len: u32, offsets: bool) -> Result<u32, Fault> {
        let offset = match (offsets, u32::try_from(offered.address)) {
            // One before the first wraps to one beyond the last.
            (true, Ok(address)) => address.wrapping_sub(self.start).into(),
            (true, Err(_)) => u64::MAX,
            (false, _) => offered.address.wrapping_sub(self.address),
        };
        match u32::try_from(offset).ok().and_then(|offset| Some((offset, len.checked_sub(offset)?))) {
            Some((offset, room)) if offered.length <= room => Ok(offset),
            _ => Err(Fault::Outside { id: offered.id }),
        }
    }
}
