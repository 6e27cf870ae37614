//! The native profile's memory: directory, and the block that each side writes of itself.
//!
//! Source: `docs/wire-format.md`, version 1. Offsets and sizes are in bytes; every field is a little-endian u32.

/// What a section or block starts at a multiple of. One page has one writer, so that a section can be given to a
/// protection unit or to ivshmem 2.0's read-only mapping.
pub const PAGE: u32 = 4096;

/// The first page: what the memory is, and which links it carries.
pub mod directory {
    /// Bytes before the entries.
    pub const HEAD: u32 = 64;
    /// [`MAGIC_VALUE`]. Every host of a link writes this and the two next, all the same bytes.
    pub const MAGIC: u32 = 0;
    /// [`VERSION_VALUE`].
    pub const VERSION: u32 = 4;
    /// The whole memory's size.
    pub const SIZE: u32 = 8;
    /// The bytes "ampi".
    pub const MAGIC_VALUE: u32 = u32::from_le_bytes(*b"ampi");
    /// This version of the layout.
    pub const VERSION_VALUE: u32 = 1;
    /// Bytes for each entry; entry `n` is link `n`.
    pub const ENTRY: u32 = 16;
    /// How many entries there are.
    pub const ENTRIES: u32 = 252;
}

/// An entry of the directory.
pub mod entry {
    /// [`MAGIC_VALUE`] where the link exists. Written by the link's host, last.
    pub const MAGIC: u32 = 0;
    /// Where the link's area starts, a multiple of [`PAGE`](super::PAGE). Written by the link's host.
    pub const OFFSET: u32 = 4;
    /// The area's size. Written by the link's host.
    pub const SIZE: u32 = 8;
    /// The remote's peer id + 1, or 0: whom the host rings when it has come up. Written by the link's remote.
    pub const REMOTE: u32 = 12;
    /// The bytes "link".
    pub const MAGIC_VALUE: u32 = u32::from_le_bytes(*b"link");
}

/// One side's block, the first bytes of its page; written by that side only.
pub mod block {
    /// Bytes of a block.
    pub const SIZE: u32 = 64;
    /// Which incarnation of this side: grows with every start, never 0 once started.
    pub const EPOCH: u32 = 0;
    /// The other side's epoch that `STATE` is meant for, or 0.
    pub const PEER_EPOCH: u32 = 4;
    /// One of [`State`](super::State).
    pub const STATE: u32 = 8;
    /// Own peer id on the server, 0 to 65535.
    pub const PEER_ID: u32 = 12;
    /// Grows while this side is alive.
    pub const HEARTBEAT: u32 = 16;
    /// [`Features`](super::Features) that this side can do.
    pub const FEATURES: u32 = 20;
    /// How many buffers this side sends with: its queue's size, a power of two. With `BUFFER_SIZE`, valid from INIT.
    pub const BUFFER_COUNT: u32 = 24;
    /// Bytes of each of them, header included.
    pub const BUFFER_SIZE: u32 = 28;
    /// Where this side's descriptor table is, from the memory's start. This and the next three are valid from READY.
    pub const DESCRIPTORS: u32 = 32;
    /// Where this side's available ring is.
    pub const AVAILABLE: u32 = 36;
    /// Where this side's buffers are.
    pub const BUFFERS: u32 = 40;
    /// Where the used ring is in which this side gives the other's buffers back.
    pub const USED: u32 = 44;
}

bitflags::bitflags! {
    /// What a side can do; both use what both can. Unknown bits are ignored.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct Features: u32 {
        /// Notifications are suppressed by virtio's events, not by its flags.
        const EVENT_INDEX = 1;
        const _ = !0;
    }
}

/// How far a side has come. The ideas are those of ivshmem 2.0's state table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub enum State {
    /// Never started, or ended on purpose.
    Reset = 0,
    /// Started; its rings are not to be used yet.
    Init = 1,
    /// Its rings are set up for the epoch in `PEER_EPOCH`.
    Ready = 2,
    /// It has seen the other side ready, too, and uses its rings.
    Run = 3,
    /// It has given up; only a new epoch helps.
    Dead = 4,
}

impl State {
    /// The state that `value` stands for; none for a value that no side of this version writes.
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

    /// As it stands in memory.
    #[must_use]
    pub const fn to_wire(self) -> u32 {
        self as u32
    }
}

const _: () = assert!(directory::HEAD + directory::ENTRIES * directory::ENTRY == PAGE);
