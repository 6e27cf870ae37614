// SPDX-License-Identifier: Apache-2.0
//! The number of a queue, and the elements of a chain on either side.

/// The number of a queue, which no other queue of the program has. A chain carries it, so another queue refuses the chain. A
/// queue that is set up again needs a new number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueueId(pub u32);

/// One element of a buffer: a range of bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Element {
    /// The range's address, as the device knows it.
    pub address: u64,
    /// The range's length in bytes; not 0.
    pub length: u32,
}

/// One element of a chain: a range of bytes inside the shared memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Segment {
    /// The first byte's offset in the shared memory.
    pub offset: u32,
    /// The length in bytes; not 0.
    pub length: u32,
    /// True if the device writes the range; false if it reads the range.
    pub writable: bool,
}
