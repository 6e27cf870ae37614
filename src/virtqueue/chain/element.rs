// SPDX-License-Identifier: Apache-2.0
//! Queue ids, and chain elements as each side sees them.

/// A number that is unique to one queue in the program. Each chain carries the number of its queue, so that a queue can
/// reject chains of other queues. A queue that is set up again needs a new number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueueId(pub u32);

/// One element of a buffer, as the driver passes it: a range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// The address of the range in the device's address space.
    pub address: u64,
    /// The length of the range in bytes, not 0.
    pub length: u32,
}

/// One element of a chain, as the device sees it: a range of bytes in the shared memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// The offset of the range in the shared memory.
    pub offset: u32,
    /// The length of the range in bytes, not 0.
    pub length: u32,
    /// True if the device writes to the range. False if it reads from the range.
    pub writable: bool,
}
