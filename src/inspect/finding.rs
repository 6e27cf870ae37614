// SPDX-License-Identifier: Apache-2.0
//! Findings: fields of the memory with a value that no side writes.

use core::fmt;

use crate::wire::area::Span;
use crate::wire::session::VERSION;

/// A field with a value that no side of this version writes, or a field that is not inside the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} at offset {at:#x}: {problem}")]
pub struct Finding {
    /// The field.
    pub field: Field,
    /// Its offset in the memory.
    pub at: u32,
    /// The problem with it.
    pub problem: Problem,
}

macro_rules! fields {
    ($($field:ident: $words:literal,)*) => {
        /// A field of the memory.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Field {
            $(#[doc = concat!("The ", $words, ".")] $field,)*
        }

        impl fmt::Display for Field {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self {
                    $(Self::$field => $words,)*
                })
            }
        }
    };
}

fields! {
    DirectoryMagic: "directory's magic",
    DirectoryVersion: "directory's version",
    DirectorySize: "directory's size of the memory",
    Entry: "link's entry in the directory",
    EntryOffset: "offset of the link's area",
    EntrySize: "size of the link's area",
    EntryShared: "size of the link's shared section",
    Block: "side's block",
    State: "side's state",
    PeerId: "side's peer id",
    QueueCount: "queue's number of descriptors",
    BufferSize: "size of the queue's buffers",
    Descriptors: "offset of the descriptor table",
    Available: "offset of the available ring",
    Used: "offset of the used ring",
    Buffers: "offset of the buffers",
    DescriptorTable: "descriptor table",
    AvailableRing: "available ring",
    UsedRing: "used ring",
    AvailableIndex: "available ring's index",
    AvailableEntry: "available ring's entry",
    UsedEntry: "used ring's entry",
    DescriptorAddress: "descriptor's address",
    Message: "message's buffer",
    MessageLength: "message's length",
    Status: "host's status",
}

/// The problem with a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The memory ends before the field, or the field is not aligned.
    #[error("it is not inside the memory of {size} bytes, or not aligned: map the whole memory, or correct the layout")]
    Unreadable {
        /// The size of the memory.
        size: u32,
    },
    /// The memory holds something else.
    #[error("{found:#010x} is no amp-ivshmem directory: look at another memory, or restart its server to clear it")]
    Foreign {
        /// The memory's first word.
        found: u32,
    },
    /// The memory has another version of the layout.
    #[error("the memory speaks wire version {found}, this reader {VERSION}: use the reader of that version")]
    Version {
        /// The directory's version.
        found: u32,
    },
    /// The value differs from the one that the reader knows from elsewhere.
    #[error("it is {found}, and {expected} is right")]
    Other {
        /// The value in memory.
        found: u32,
        /// The right value.
        expected: u32,
    },
    /// The number is outside its range.
    #[error("{found} is not in the range {least} to {most}")]
    Range {
        /// The value in memory.
        found: u32,
        /// The lowest legal value.
        least: u32,
        /// The highest legal value.
        most: u32,
    },
    /// The number is not a power of two from 1 to 32768.
    #[error("{found} is not a power of two from 1 to 32768")]
    NotPowerOfTwo {
        /// The value in memory.
        found: u32,
    },
    /// The offset or size is not a multiple of its alignment.
    #[error("{found:#x} is not a multiple of {align}")]
    Misaligned {
        /// The value in memory.
        found: u32,
        /// The required alignment.
        align: u32,
    },
    /// The part is not inside its writer's section.
    #[error("{len} bytes at {found:#x} are not inside the {} bytes at {:#x} that their writer has", span.size, span.offset)]
    Outside {
        /// The offset in memory.
        found: u32,
        /// The length of the part.
        len: u32,
        /// The section of the part's writer.
        span: Span,
    },
    /// The address is not inside the memory.
    #[error("{len} bytes at address {address:#x} are not inside the memory, whose address is {base:#x}")]
    Address {
        /// The address in memory.
        address: u64,
        /// The number of bytes.
        len: u32,
        /// The address of the memory's first byte.
        base: u64,
    },
    /// The value changed during every attempt to read it.
    #[error("it changed during each of {looks} looks: look again")]
    Moving {
        /// The number of attempts.
        looks: u32,
    },
}
