// SPDX-License-Identifier: Apache-2.0
//! Findings: fields with values that no side would write.

use core::fmt;

use crate::wire::area::Span;
use crate::wire::session::VERSION;

/// A field that is out of bounds, or that has a value that no side of this version would write.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{field} at offset {at:#x}: {problem}")]
pub struct Finding {
    /// The field.
    pub field: Field,
    /// The offset of the field in the memory.
    pub at: u32,
    /// The problem with the field.
    pub problem: Problem,
}

macro_rules! fields {
    ($($field:ident: $words:literal,)*) => {
        /// A field in the memory.
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
    /// The field is out of bounds or misaligned.
    #[error(
        "it is not within the memory of {size} bytes, or it is misaligned: map the whole memory, or correct the \
         layout"
    )]
    Unreadable {
        /// The size of the memory in bytes.
        size: u32,
    },
    /// The memory does not contain a directory.
    #[error(
        "{found:#010x} is not the magic of an amp-ivshmem directory: look at another memory, or restart the memory's \
         server to clear it"
    )]
    Foreign {
        /// The first word of the memory.
        found: u32,
    },
    /// The layout version of the memory is different.
    #[error("the memory has wire version {found}, but this reader supports {VERSION}: use a reader of that version")]
    Version {
        /// The version in the directory.
        found: u32,
    },
    /// The value differs from what the reader expects.
    #[error("it is {found}, but must be {expected}")]
    Other {
        /// The value in memory.
        found: u32,
        /// The expected value.
        expected: u32,
    },
    /// The value is out of range.
    #[error("{found} is not in the range {least} to {most}")]
    Range {
        /// The value in memory.
        found: u32,
        /// The lowest valid value.
        least: u32,
        /// The highest valid value.
        most: u32,
    },
    /// The value is not a power of two from 1 to 32768.
    #[error("{found} is not a power of two from 1 to 32768")]
    NotPowerOfTwo {
        /// The value in memory.
        found: u32,
    },
    /// The value is misaligned.
    #[error("{found:#x} is not a multiple of {align}")]
    Misaligned {
        /// The value in memory.
        found: u32,
        /// The required alignment.
        align: u32,
    },
    /// The part is not entirely inside the section of its writer.
    #[error("{len} bytes at {found:#x} are not within their writer's {} bytes at {:#x}", span.size, span.offset)]
    Outside {
        /// The offset of the part in the memory.
        found: u32,
        /// The length of the part in bytes.
        len: u32,
        /// The section of the part's writer.
        span: Span,
    },
    /// The address is outside the memory.
    #[error("{len} bytes at address {address:#x} are not within the memory, which starts at {base:#x}")]
    Address {
        /// The address in the descriptor.
        address: u64,
        /// The length in bytes.
        len: u32,
        /// The address of the first byte of the memory.
        base: u64,
    },
    /// The value changed during every attempt to read it.
    #[error("it changed during each of {looks} reads: read it again")]
    Moving {
        /// The number of attempts.
        looks: u32,
    },
}
