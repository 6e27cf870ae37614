//! Where a link is in the memory: the directory, and the four pieces of a link's area. Knows nothing of states.

use super::side::{LinkConfig, check};
use crate::link::Role;
use crate::mem::{Load, SharedMemory, Store, Table};
use crate::platform::PeerId;
use crate::wire::link::{PAGE, directory, entry};

/// What is wrong with a memory, or with the place of a link in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum AreaError {
    /// There is something else in the memory.
    #[error(
        "the shared memory starts with {found:#010x}, which is no amp-ivshmem directory: restart its server to clear it"
    )]
    Foreign {
        /// The first word of the memory.
        found: u32,
    },
    /// The directory is of another version of the layout.
    #[error(
        "the directory has version {found}, this side knows {}: use the same version of amp-ivshmem on both sides",
        directory::VERSION_VALUE
    )]
    Version {
        /// What is there.
        found: u32,
    },
    /// The directory is of a memory of another size.
    #[error(
        "the directory is of a memory of {found} bytes, this side has mapped {expected}: give both the server's size"
    )]
    Size {
        /// What is there.
        found: u32,
        /// What this side has mapped.
        expected: u32,
    },
    /// No such entry.
    #[error("a memory has links 0 to 251: ask for one of these")]
    Link,
    /// The area is not inside the memory, not of whole pages, or over the directory.
    #[error(
        "a link's area of {size} bytes at {offset:#x} does not fit a memory of {memory}: it is four or more whole pages of 4096 behind the first"
    )]
    Place {
        /// Where it would begin, in bytes.
        offset: u32,
        /// How long it would be, in bytes.
        size: u32,
        /// How long the memory is, in bytes.
        memory: u32,
    },
    /// Another link is there.
    #[error("the link's area overlaps that of link {other}: set another area")]
    Overlap {
        /// The other link.
        other: u8,
    },
    /// The area is too small for the buffers.
    #[error(
        "the rings and buffers need {needed} bytes, a side of this link has {available}: use a larger memory or area, or fewer or smaller buffers"
    )]
    TooSmall {
        /// Bytes needed in all.
        needed: u32,
        /// Bytes that there are.
        available: u32,
    },
    /// Buffers that cannot be.
    #[error(
        "the count of buffers is a power of two, no more than this side was built for, and their size a multiple of 8 from 56 to 65552: set both so"
    )]
    Buffers,
    /// The device has not the vector that the link is to use.
    #[error("the device has not the doorbell vector that the link is to use: use a lower one")]
    Doorbell,
    /// The link was made for the other role only.
    #[error("the link's type is for the other role only: make it for this one, or for either")]
    Role,
    /// The memory does not begin at a multiple of 4.
    #[error("the shared memory does not begin at a multiple of 4: map it at one")]
    Misaligned,
}

/// A run of bytes of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::link) struct Span {
    pub offset: u32,
    pub size: u32,
}

impl Span {
    /// Whether the `len` bytes at `offset` are all inside.
    pub fn contains(self, offset: u32, len: u32) -> bool {
        match (offset.checked_sub(self.offset), self.size.checked_sub(len)) {
            (Some(from), Some(last)) => from <= last,
            _ => false,
        }
    }

    /// Of two that are each within a memory, so that no end overflows.
    fn overlaps(self, other: Self) -> bool {
        self.offset < other.offset + other.size && other.offset < self.offset + self.size
    }
}

/// A link's area: a page for each side's block, then a half of the rest for each side's rings and buffers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::link) struct Area(Span);

impl Area {
    fn new(memory: u32, offset: u32, size: u32) -> Result<Self, AreaError> {
        let pages = (offset | size).is_multiple_of(PAGE);
        // The directory's page is the first.
        if pages && offset != 0 && size >= 4 * PAGE && size <= memory && offset <= memory - size {
            Ok(Self(Span { offset, size }))
        } else {
            Err(AreaError::Place { offset, size, memory })
        }
    }

    /// Where the block of one side is.
    pub const fn block(self, role: Role) -> u32 {
        match role {
            Role::Host => self.0.offset,
            Role::Remote => self.0.offset + PAGE,
        }
    }

    /// Where the rings and buffers of one side are.
    pub const fn data(self, role: Role) -> Span {
        let size = (self.0.size - 2 * PAGE) / 2 / PAGE * PAGE;
        let host = self.0.offset + 2 * PAGE;
        match role {
            Role::Host => Span { offset: host, size },
            Role::Remote => Span { offset: host + size, size },
        }
    }
}

/// The first page of a memory.
#[derive(Debug)]
pub(in crate::link) struct Directory<M: SharedMemory> {
    /// All of it.
    memory: M,
    /// The head, which is as long as four entries, and the entries.
    entries: Table<M, { directory::ENTRY }>,
    /// Own entry.
    link: u8,
}

impl<M: SharedMemory> Directory<M> {
    // Inlined, so that for a constant link the compiler knows.
    #[inline(always)]
    pub fn new(memory: M, link: u8) -> Result<Self, AreaError> {
        if u32::from(link) >= directory::ENTRIES {
            return Err(AreaError::Link);
        }
        let size = memory.len();
        if size < PAGE {
            return Err(AreaError::Place { offset: 0, size: PAGE, memory: size });
        }
        // A table has a power of two of entries, the directory 252: one of the whole page, whose first four are the head.
        let Some(entries) = Table::at(&memory, 0, PAGE / directory::ENTRY) else { return Err(AreaError::Misaligned) };
        Ok(Self { entries, memory, link })
    }

    /// The memory that it is the directory of.
    pub const fn memory(&self) -> &M {
        &self.memory
    }

    /// Which of its links is this one.
    #[cfg(feature = "log")]
    pub const fn link(&self) -> u8 {
        self.link
    }

    /// Where entry `link` is in the table.
    fn index(link: u8) -> u32 {
        u32::from(link) + directory::HEAD / directory::ENTRY
    }

    /// Whether there is a directory, and one for this memory.
    fn check(&self) -> Result<bool, AreaError> {
        // Acquire: who wrote the magic has written the rest before.
        match self.entries.load_u32::<{ directory::MAGIC }>(0, Load::Acquire) {
            0 => return Ok(false),
            directory::MAGIC_VALUE => (),
            found => return Err(AreaError::Foreign { found }),
        }
        let found = self.entries.load_u32::<{ directory::VERSION }>(0, Load::Relaxed);
        if found != directory::VERSION_VALUE {
            return Err(AreaError::Version { found });
        }
        let (found, expected) = (self.entries.load_u32::<{ directory::SIZE }>(0, Load::Relaxed), self.memory.len());
        if found == expected { Ok(true) } else { Err(AreaError::Size { found, expected }) }
    }

    fn read(&self, link: u8) -> Result<Option<Area>, AreaError> {
        let index = Self::index(link);
        if self.entries.load_u32::<{ entry::MAGIC }>(index, Load::Acquire) != entry::MAGIC_VALUE {
            return Ok(None);
        }
        let offset = self.entries.load_u32::<{ entry::OFFSET }>(index, Load::Relaxed);
        let size = self.entries.load_u32::<{ entry::SIZE }>(index, Load::Relaxed);
        Area::new(self.memory.len(), offset, size).map(Some)
    }

    /// The remote's way: the link's area, once its host has written it. Until then the host finds here whom to ring.
    pub fn find(&self, own: PeerId) -> Result<Option<Area>, AreaError> {
        let index = Self::index(self.link);
        self.entries.store_u32::<{ entry::REMOTE }>(index, u32::from(own.0) + 1, Store::Release);
        // Publish, then check; the host does the reverse.
        self.entries.fence();
        if self.check()? { self.read(self.link) } else { Ok(None) }
    }

    /// The host's way: writes the directory, where there is none yet, and the link's entry. The link's area, and where it
    /// was before if that was elsewhere.
    pub fn publish(
        &self,
        place: Option<(u32, u32)>,
        config: &LinkConfig,
        capacity: usize,
    ) -> Result<(Area, Option<Area>), AreaError> {
        let memory = self.memory.len();
        let (offset, size) = place.unwrap_or((PAGE, memory.saturating_sub(PAGE) / PAGE * PAGE));
        let area = Area::new(memory, offset, size)?;
        check(config, area, capacity)?;
        self.check()?;
        for other in (0..directory::ENTRIES as u8).filter(|&other| other != self.link) {
            // What is no area is of no use to its link's two sides, and no obstacle to us.
            if let Ok(Some(taken)) = self.read(other)
                && taken.0.overlaps(area.0)
            {
                return Err(AreaError::Overlap { other });
            }
        }
        // Nothing was written so far, so that a host which cannot be leaves no trace.
        let before = self.read(self.link).ok().flatten().filter(|&before| before != area);
        if before.is_some() {
            // No remote may see half of the old place and half of the new.
            self.entries.store_u32::<{ entry::MAGIC }>(Self::index(self.link), 0, Store::Relaxed);
            self.entries.fence();
        }
        self.write(area);
        self.entries.fence();
        Ok((area, before))
    }

    /// Writes what the host says here: the same words each time, so that it mends what others have broken.
    pub fn write(&self, area: Area) {
        let index = Self::index(self.link);
        self.entries.store_u32::<{ entry::OFFSET }>(index, area.0.offset, Store::Relaxed);
        self.entries.store_u32::<{ entry::SIZE }>(index, area.0.size, Store::Relaxed);
        self.entries.store_u32::<{ entry::MAGIC }>(index, entry::MAGIC_VALUE, Store::Release);
        self.entries.store_u32::<{ directory::VERSION }>(0, directory::VERSION_VALUE, Store::Relaxed);
        self.entries.store_u32::<{ directory::SIZE }>(0, self.memory.len(), Store::Relaxed);
        self.entries.store_u32::<{ directory::MAGIC }>(0, directory::MAGIC_VALUE, Store::Release);
    }

    /// Who waits for this link's host, if anyone has said so.
    pub fn waiting(&self) -> Option<PeerId> {
        let waiting = self.entries.load_u32::<{ entry::REMOTE }>(Self::index(self.link), Load::Acquire);
        u16::try_from(waiting.checked_sub(1)?).ok().map(PeerId)
    }
}
