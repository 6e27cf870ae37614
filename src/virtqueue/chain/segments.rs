// SPDX-License-Identifier: Apache-2.0
//! Collects all elements of a chain in a private list, and copies data into and out of them.

use super::{AddressMap, ChainFault, Segment, Walk};
use crate::mem::{Bytes, SharedMemory};
use crate::virtqueue::Suppress;

/// The reason a chain could not be gathered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GatherError {
    /// The driver broke a rule.
    #[error(transparent)]
    Fault(#[from] ChainFault),
    /// The chain has more elements than this device accepts. Virtio 1.3, section 2.7.4.1, allows devices to set a
    /// limit.
    #[error("the chain has more than this device's {limit} elements: return it, or build the device for more")]
    TooMany {
        /// The maximum number of elements.
        limit: usize,
    },
}

/// The elements of one chain, at most `K`. Readable elements come first.
#[derive(Clone, Copy, Debug)]
pub struct Segments<const K: usize> {
    all: [Segment; K],
    readable: Part,
    writable: Part,
}

/// The number of readable or writable elements, and their total length in bytes.
#[derive(Clone, Copy, Debug, Default)]
struct Part {
    count: usize,
    bytes: u32,
}

impl<const K: usize> Segments<K> {
    /// Walks the rest of a chain and collects its elements.
    ///
    /// # Errors
    /// Returns a [`GatherError`] if the driver broke a rule or the chain has more than `K` elements.
    pub fn gather<M: SharedMemory, A: AddressMap, const N: usize, S: Suppress>(
        walk: Walk<'_, M, A, N, S>,
    ) -> Result<Self, GatherError> {
        let mut gathered = Self { all: [Segment::default(); K], readable: Part::default(), writable: Part::default() };
        for (index, segment) in walk.enumerate() {
            let segment = segment?;
            *gathered.all.get_mut(index).ok_or(GatherError::TooMany { limit: K })? = segment;
            let part = if segment.writable { &mut gathered.writable } else { &mut gathered.readable };
            // These sums do not overflow, because the walk limits both.
            part.count = part.count.wrapping_add(1);
            part.bytes = part.bytes.wrapping_add(segment.length);
        }
        Ok(gathered)
    }

    /// Returns the readable elements.
    #[must_use]
    pub fn readable(&self) -> &[Segment] {
        self.all.get(..self.readable.count).unwrap_or_default()
    }

    /// Returns the writable elements.
    #[must_use]
    pub fn writable(&self) -> &[Segment] {
        let all = self.readable.count.wrapping_add(self.writable.count);
        self.all.get(self.readable.count..all).unwrap_or_default()
    }

    /// Returns the total length of the readable elements in bytes.
    #[must_use]
    pub const fn readable_bytes(&self) -> u32 {
        self.readable.bytes
    }

    /// Returns the total length of the writable elements in bytes.
    #[must_use]
    pub const fn writable_bytes(&self) -> u32 {
        self.writable.bytes
    }

    /// Fills `to` from the readable elements, starting at byte `offset` of their concatenation. Returns false and
    /// copies nothing if the elements are too short. `memory` must be the memory of the queue.
    #[must_use]
    pub fn read<M: SharedMemory>(&self, memory: &M, offset: u32, to: &mut [u8]) -> bool {
        if !within(self.readable.bytes, offset, to.len()) {
            return false;
        }
        let mut done = 0;
        for (segment, skip) in from(self.readable(), offset) {
            let left = to.get_mut(done..).unwrap_or_default();
            let length = left.len().min(segment.length.saturating_sub(skip) as usize);
            let place = Bytes::new(memory, segment.offset, segment.length);
            let read =
                place.is_ok_and(|place| left.get_mut(..length).is_some_and(|left| place.read(skip, left).is_ok()));
            if !read {
                return false;
            }
            done = done.wrapping_add(length);
        }
        done == to.len()
    }

    /// Copies `bytes` to the writable elements, starting at byte `offset` of their concatenation. Returns false and
    /// copies nothing if the elements are too short. `memory` must be the memory of the queue.
    #[must_use]
    pub fn write<M: SharedMemory>(&self, memory: &M, offset: u32, bytes: &[u8]) -> bool {
        if !within(self.writable.bytes, offset, bytes.len()) {
            return false;
        }
        let mut left = bytes;
        for (segment, skip) in from(self.writable(), offset) {
            let length = left.len().min(segment.length.saturating_sub(skip) as usize);
            let Some((now, later)) = left.split_at_checked(length) else { return false };
            let place = Bytes::new(memory, segment.offset, segment.length);
            if !place.is_ok_and(|place| place.write(skip, now).is_ok()) {
                return false;
            }
            left = later;
        }
        left.is_empty()
    }
}

/// Returns true if the `length` bytes at `offset` are within the first `size` bytes.
fn within(size: u32, offset: u32, length: usize) -> bool {
    size.checked_sub(offset).is_some_and(|left| length <= left as usize)
}

/// Pairs each segment with the number of bytes to skip in it, so that `offset` bytes are skipped in total.
fn from(segments: &[Segment], offset: u32) -> impl Iterator<Item = (Segment, u32)> {
    segments.iter().scan(offset, |before, &segment| {
        let skip = (*before).min(segment.length);
        *before = before.wrapping_sub(skip);
        Some((segment, skip))
    })
}
