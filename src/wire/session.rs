// SPDX-License-Identifier: Apache-2.0
//! The memory layout of the native profile: the directory, and the block that describes each side.
//!
//! Source: `docs/reference/wire-format.md`, version 2. Offsets and sizes are in bytes. Every field is a little-endian
//! u32.

use core::fmt;

/// The layout version that this crate reads and writes.
pub const VERSION: u32 = 2;

/// Alignment of all sections and blocks. Each page has a single writer, so that a memory protection unit or the
/// read-only mappings of ivshmem 2.0 can enforce this rule.
pub const PAGE: u32 = 4096;

/// The first page of the memory. It identifies the memory and lists its links.
pub mod directory {
    /// Size of the header before the entries, in bytes.
    pub const HEAD: u32 = 64;
    /// [`MAGIC_VALUE`]. The host of each link writes this field and the next two, and all hosts write the same values.
    pub const MAGIC: u32 = 0;
    /// [`VERSION`](super::VERSION).
    pub const VERSION: u32 = 4;
    /// Size of the whole memory in bytes.
    pub const SIZE: u32 = 8;
    /// The bytes "ampi".
    pub const MAGIC_VALUE: u32 = u32::from_le_bytes(*b"ampi");
    /// Size of an entry in bytes. Entry `n` describes link `n`.
    pub const ENTRY: u32 = 32;
    /// Number of entries.
    pub const ENTRIES: u32 = 126;
}

/// A directory entry.
pub mod entry {
    /// [`MAGIC_VALUE`] if the link exists. The link's host writes this field last.
    pub const MAGIC: u32 = 0;
    /// Offset of the link's area, a multiple of [`PAGE`](super::PAGE). Written by the link's host.
    pub const OFFSET: u32 = 4;
    /// Size of the link's area, a multiple of [`PAGE`](super::PAGE). Written by the link's host.
    pub const SIZE: u32 = 8;
    /// The [`Waiting`](super::Waiting) remote, or 0. When the host starts, it rings this remote. Written by the link's
    /// remote.
    pub const REMOTE: u32 = 12;
    /// The [`Kind`](super::Kind) of the link's service. Written by the link's host.
    pub const KIND: u32 = 16;
    /// Size of the shared section at the end of the area: a multiple of [`PAGE`](super::PAGE), or 0. Both sides write
    /// to the section. This field is written by the link's host.
    pub const SHARED: u32 = 20;
    /// The bytes "link".
    pub const MAGIC_VALUE: u32 = u32::from_le_bytes(*b"link");
}

/// The block of a side, at the start of the side's page. Only that side writes to it.
pub mod block {
    /// Size of a block with two queues, in bytes.
    pub const SIZE: u32 = 128;
    /// The epoch of this side's incarnation. It increases with each start, and is never 0 once the side has started.
    pub const EPOCH: u32 = 0;
    /// The other side's epoch that `STATE` applies to, or 0.
    pub const PEER_EPOCH: u32 = 4;
    /// The [`State`](super::State) of this side.
    pub const STATE: u32 = 8;
    /// This side's peer id on the server, 0 to 65535.
    pub const PEER_ID: u32 = 12;
    /// A counter that increases while this side is alive.
    pub const HEARTBEAT: u32 = 16;
    /// The [`Features`](super::Features) that this side supports.
    pub const FEATURES: u32 = 20;
    /// This side's [`Speaks`](super::Speaks) word: its wire version, its number of queues, and its kind of service.
    pub const SPEAKS: u32 = 24;
    /// Eight words defined by the service.
    pub const SERVICE: u32 = 32;
    /// The fields of the first queue. The fields of each further queue follow at intervals of
    /// [`queue::SIZE`](super::queue::SIZE) bytes.
    pub const QUEUES: u32 = 64;
    /// The maximum number of queues that fit in the page of a block.
    pub const MAX_QUEUES: u32 = (super::PAGE - QUEUES) / super::queue::SIZE;
}

/// The fields that a side writes for one queue.
pub mod queue {
    /// Size of the fields of one queue, in bytes.
    pub const SIZE: u32 = 32;
    /// Number of descriptors, a power of two. This field and `BUFFER_SIZE` are valid from INIT on.
    pub const COUNT: u32 = 0;
    /// Size of each buffer if all buffers of the queue have the same size, otherwise 0.
    pub const BUFFER_SIZE: u32 = 4;
    /// Offset of the descriptor table. This field and the next four are valid from READY on.
    pub const DESCRIPTORS: u32 = 8;
    /// Offset of the available ring.
    pub const AVAILABLE: u32 = 12;
    /// Offset of the buffers if they are contiguous, otherwise 0.
    pub const BUFFERS: u32 = 16;
    /// Offset of the used ring in which this side returns the buffers of the other side's queue.
    pub const USED: u32 = 20;
    /// Doorbell of this queue: the peer id in the high half, the vector + 1 in the low half. 0 selects the link's
    /// doorbell.
    pub const DOORBELL: u32 = 24;
}

/// The kind of service that a link carries, 1 to 255.
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

/// The wire version in the high half, the number of queues in the next byte, and the kind of service in the low byte.
/// Queue `n` in one side's block and queue `n` in the other side's block are the same queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Speaks(pub u32);

impl Speaks {
    /// Returns the word for this crate's version with `queues` queues and `kind`.
    #[must_use]
    pub const fn new(kind: Kind, queues: u8) -> Self {
        Self(VERSION << 16 | (queues as u32) << 8 | kind.0 & 0xff)
    }

    /// Returns the wire version. Blocks of version 1 store the number of buffers in this word, so their high half is 0.
    #[must_use]
    pub const fn version(self) -> u32 {
        match self.0 >> 16 {
            0 => 1,
            version => version,
        }
    }

    /// Returns true if the word has this crate's version and `kind`, with any number of queues.
    #[must_use]
    #[inline(always)]
    pub const fn matches(self, kind: Kind) -> bool {
        self.0 & 0xffff_00ff == Self::new(kind, 0).0
    }

    /// Returns the number of queues.
    #[must_use]
    pub const fn queues(self) -> u8 {
        // CAST: keeps the second byte.
        (self.0 >> 8) as u8
    }

    /// Returns the kind of service.
    #[must_use]
    pub const fn kind(self) -> Kind {
        Kind(self.0 & 0xff)
    }
}

/// The remote that is waiting for the link's host. The low 24 bits are the peer id + 1, and the high byte is the kind
/// of service that the remote expects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting(pub u32);

impl Waiting {
    /// Returns the word for peer `id` that expects `kind`.
    #[must_use]
    pub const fn new(id: u16, kind: Kind) -> Self {
        Self(kind.0 << 24 | (id as u32).wrapping_add(1))
    }

    /// Returns the peer id of the waiting remote, or `None` if no remote is waiting.
    #[must_use]
    pub const fn id(self) -> Option<u16> {
        match self.0 & 0xff_ffff {
            // CAST: the id + 1 is at most 65536.
            id @ 1..=0x1_0000 => Some(id.wrapping_sub(1) as u16),
            _ => None,
        }
    }

    /// Returns the kind of service that the remote expects. Returns 0 for a remote of version 1, which does not write
    /// the kind.
    #[must_use]
    pub const fn kind(self) -> Kind {
        Kind(self.0 >> 24)
    }
}

bitflags::bitflags! {
    /// Features that a side supports. A link uses the features that both sides support. Unknown bits are ignored.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Features: u32 {
        /// Notifications are suppressed by virtio event indices instead of flags.
        const EVENT_INDEX = 1;
        const _ = !0;
    }
}

/// The state of a side while a link is being set up. The states follow the state table of ivshmem 2.0.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// The side has never started, or has stopped on purpose.
    Reset = 0,
    /// The side has started, but its rings must not be used yet.
    Init = 1,
    /// The side has set up its rings for the epoch in `PEER_EPOCH`.
    Ready = 2,
    /// The side has seen that the other side is also ready, and uses the rings.
    Run = 3,
    /// The side has given up. Only a new incarnation can leave this state.
    Dead = 4,
}

impl State {
    /// Returns the state for `value`, or `None` if `value` is not a state that this version defines.
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

    /// Returns the value of this state in memory.
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
        // A remote of version 1 writes only its id + 1.
        assert_eq!((Waiting(4).id(), Waiting(4).kind()), (Some(3), Kind(0)));
        assert_eq!(Waiting(0x1_0001).id(), None, "no peer has this id");
    }

    #[test]
    fn a_block_of_version_1_is_recognised() {
        // Version 1 stores the number of buffers in this word.
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
