// SPDX-License-Identifier: Apache-2.0
//! A session's memory layout: the directory, and the block in which each side describes itself.
//!
//! Source: `docs/reference/wire-format.md`, version 2. Offsets and sizes are in bytes; every field is a little-endian u32.

use core::fmt;

/// The version of the layout that this crate reads and writes.
pub const VERSION: u32 = 2;

/// Alignment of every section and block. One page has one writer, so that a memory protection unit or ivshmem 2.0's
/// read-only mapping can enforce that.
pub const PAGE: u32 = 4096;

/// The first page, which identifies the memory and lists the links that it carries.
pub mod directory {
    /// Bytes before the entries.
    pub const HEAD: u32 = 64;
    /// [`MAGIC_VALUE`]. Every host of a link writes this field and the next two, always with the same values.
    pub const MAGIC: u32 = 0;
    /// [`VERSION`](super::VERSION).
    pub const VERSION: u32 = 4;
    /// Size of the whole memory.
    pub const SIZE: u32 = 8;
    /// The bytes "ampi".
    pub const MAGIC_VALUE: u32 = u32::from_le_bytes(*b"ampi");
    /// Bytes of each entry; entry `n` describes link `n`.
    pub const ENTRY: u32 = 32;
    /// Number of entries.
    pub const ENTRIES: u32 = 126;
}

/// An entry of the directory.
pub mod entry {
    /// [`MAGIC_VALUE`] if the link exists. Written by the link's host, last.
    pub const MAGIC: u32 = 0;
    /// Offset of the link's area, a multiple of [`PAGE`](super::PAGE). Written by the link's host.
    pub const OFFSET: u32 = 4;
    /// Size of the area, a multiple of [`PAGE`](super::PAGE). Written by the link's host.
    pub const SIZE: u32 = 8;
    /// The [`Waiting`](super::Waiting) remote, or 0: the peer that the host rings when it has started. Written by the link's
    /// remote.
    pub const REMOTE: u32 = 12;
    /// The [`Kind`](super::Kind) of service that the link carries. Written by the link's host.
    pub const KIND: u32 = 16;
    /// Size of the section at the end of the area to which both sides write, a multiple of [`PAGE`](super::PAGE), or 0.
    /// Written by the link's host.
    pub const SHARED: u32 = 20;
    /// The bytes "link".
    pub const MAGIC_VALUE: u32 = u32::from_le_bytes(*b"link");
}

/// One side's block, the first bytes of its page; only that side writes it.
pub mod block {
    /// Bytes of the fields here and of the first two queues.
    pub const SIZE: u32 = 128;
    /// This side's incarnation, which grows with every start and is never 0 after the first one.
    pub const EPOCH: u32 = 0;
    /// The other side's epoch for which `STATE` is meant, or 0.
    pub const PEER_EPOCH: u32 = 4;
    /// One of [`State`](super::State).
    pub const STATE: u32 = 8;
    /// This side's peer id on the server, 0 to 65535.
    pub const PEER_ID: u32 = 12;
    /// Counter that grows while this side is alive.
    pub const HEARTBEAT: u32 = 16;
    /// [`Features`](super::Features) that this side supports.
    pub const FEATURES: u32 = 20;
    /// This side's [`Speaks`](super::Speaks): its wire version, its number of queues, and its kind of service.
    pub const SPEAKS: u32 = 24;
    /// Eight words that the service defines.
    pub const SERVICE: u32 = 32;
    /// Fields of the first queue; those of each further queue follow after [`queue::SIZE`](super::queue::SIZE) bytes.
    pub const QUEUES: u32 = 64;
    /// The maximum number of queues for which a block's page has room.
    pub const MAX_QUEUES: u32 = (super::PAGE - QUEUES) / super::queue::SIZE;
}

/// One side's fields of a queue.
pub mod queue {
    /// Bytes of each queue's fields.
    pub const SIZE: u32 = 32;
    /// Number of descriptors, a power of two. Valid from INIT, as is `BUFFER_SIZE`.
    pub const COUNT: u32 = 0;
    /// Size of each buffer if all buffers of a queue are equal, otherwise 0.
    pub const BUFFER_SIZE: u32 = 4;
    /// Offset of the descriptor table. This field and the next four are valid from READY.
    pub const DESCRIPTORS: u32 = 8;
    /// Offset of the available ring.
    pub const AVAILABLE: u32 = 12;
    /// Offset of the buffers if they lie one after the other, otherwise 0.
    pub const BUFFERS: u32 = 16;
    /// Offset of the used ring through which this side returns the buffers of the other side's queue.
    pub const USED: u32 = 20;
    /// Doorbell for this queue, or 0 for the link's doorbell: the peer's id in the high half, the vector + 1 in the low half.
    pub const DOORBELL: u32 = 24;
}

/// The kind of service that a link carries: 1 to 255.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Kind(pub u32);

impl Kind {
    /// Messages between named endpoints.
    pub const RPMSG: Self = Self(1);
    /// A virtio device and its driver.
    pub const VIRTIO: Self = Self(2);
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::RPMSG => f.write_str("rpmsg"),
            Self::VIRTIO => f.write_str("virtio"),
            Self(number) => write!(f, "service kind {number}"),
        }
    }
}

/// A side's wire version in the high half, its number of queues in the next byte, and its kind of service in the low
/// byte. For each number `n`, the words of both sides about queue `n` describe the same queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speaks(pub u32);

impl Speaks {
    /// Returns this crate's version with `queues` and `kind`.
    #[must_use]
    pub const fn new(kind: Kind, queues: u8) -> Self {
        Self(VERSION << 16 | (queues as u32) << 8 | kind.0 & 0xff)
    }

    /// Returns the wire version. A block of version 1 has a count of buffers here, so its high half is 0.
    #[must_use]
    pub const fn version(self) -> u32 {
        match self.0 >> 16 {
            0 => 1,
            version => version,
        }
    }

    /// Returns whether this is this crate's version with `kind`; the number of queues does not matter.
    #[must_use]
    #[inline(always)]
    pub const fn matches(self, kind: Kind) -> bool {
        self.0 & 0xffff_00ff == Self::new(kind, 0).0
    }

    /// Returns the number of queues.
    #[must_use]
    pub const fn queues(self) -> u8 {
        // CAST: the second byte.
        (self.0 >> 8) as u8
    }

    /// Returns the kind of service.
    #[must_use]
    pub const fn kind(self) -> Kind {
        Kind(self.0 & 0xff)
    }
}

/// The remote that waits for a link's host: its peer id + 1 in the low 24 bits, and the kind of service that it expects
/// in the high byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting(pub u32);

impl Waiting {
    /// Returns the value for peer `id`, which expects `kind`.
    #[must_use]
    pub const fn new(id: u16, kind: Kind) -> Self {
        Self(kind.0 << 24 | (id as u32).wrapping_add(1))
    }

    /// Returns the remote's peer id, if a remote waits.
    #[must_use]
    pub const fn id(self) -> Option<u16> {
        match self.0 & 0xff_ffff {
            // CAST: the id + 1 is at most 65536.
            id @ 1..=0x1_0000 => Some(id.wrapping_sub(1) as u16),
            _ => None,
        }
    }

    /// Returns the kind of service that the remote expects; 0 for a remote of version 1, which does not state it.
    #[must_use]
    pub const fn kind(self) -> Kind {
        Kind(self.0 >> 24)
    }
}

bitflags::bitflags! {
    /// Features of a side; a link uses the features that both sides support. Unknown bits are ignored.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Features: u32 {
        /// Notifications are suppressed by virtio's event indices, not by its flags.
        const EVENT_INDEX = 1;
        const _ = !0;
    }
}

/// A side's progress. The ideas are those of ivshmem 2.0's state table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// The side has never started, or has ended on purpose.
    Reset = 0,
    /// The side has started, but its rings must not be used yet.
    Init = 1,
    /// The side's rings are set up for the epoch in `PEER_EPOCH`.
    Ready = 2,
    /// The side has seen that the other side is ready, too, and uses the rings.
    Run = 3,
    /// The side has given up; only a new epoch helps.
    Dead = 4,
}

impl State {
    /// Returns the state with the number `value`, or none for a number that no side of this version writes.
    #[must_use]
    pub const fn from_wire(value: u32) -> Option<Self> {
        match value {
            0 => Some(Self::Reset),
            1 => Some(Self::Init),
            2 => Some(Self::Ready),
            3 => Some(Self::Run),
            4 => Some(Self::Dead),
            _ => None,
        }
    }

    /// Returns the state's number in memory.
    #[must_use]
    pub const fn to_wire(self) -> u32 {
        self as u32
    }
}

const _: () = assert!(directory::HEAD + directory::ENTRIES * directory::ENTRY == PAGE);
const _: () = assert!(directory::HEAD.is_multiple_of(directory::ENTRY));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_waiting_remote_and_its_kind_share_a_word() {
        for id in [0, 1, 0xffff] {
            let waiting = Waiting::new(id, Kind::VIRTIO);
            assert_eq!((waiting.id(), waiting.kind()), (Some(id), Kind::VIRTIO));
        }
        assert_eq!(Waiting(0).id(), None);
        // A remote of version 1 writes its id + 1 alone.
        assert_eq!((Waiting(4).id(), Waiting(4).kind()), (Some(3), Kind(0)));
        assert_eq!(Waiting(0x1_0001).id(), None, "no peer has this id");
    }

    #[test]
    fn a_block_of_version_1_is_recognised() {
        // It has its number of buffers there.
        assert_eq!(Speaks(16).version(), 1);
        assert_eq!(Speaks(0x8000).version(), 1);
        let speaks = Speaks::new(Kind::RPMSG, 126);
        assert_eq!((speaks.version(), speaks.queues(), speaks.kind()), (2, 126, Kind::RPMSG));
    }

    #[test]
    fn queues_fill_the_page() {
        assert_eq!(block::QUEUES + block::MAX_QUEUES * queue::SIZE, PAGE);
        const { assert!(block::MAX_QUEUES < 256, "more than the byte for them can say") };
    }
}
