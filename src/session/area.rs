//! A link's area in the memory: the sections that each side, or both, write.

use super::config::Role;
use crate::wire::session::{Kind, PAGE, VERSION, directory};

/// A memory that cannot carry the link, or a link's place that does not fit the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum AreaError {
    /// The memory holds something else.
    #[error(
        "the shared memory starts with {found:#010x}, which is no amp-ivshmem directory: restart its server to clear it"
    )]
    Foreign {
        /// The first word of the memory.
        found: u32,
    },
    /// The directory has another version of the layout.
    #[error(
        "the memory speaks wire version {found}; this side speaks {VERSION}: use the same version of amp-ivshmem on both sides, and restart the memory's server to clear it"
    )]
    Version {
        /// The directory's version.
        found: u32,
    },
    /// The directory describes a memory of another size.
    #[error(
        "the directory is of a memory of {found} bytes, this side has mapped {expected}: give both the server's size"
    )]
    Size {
        /// The size in the directory.
        found: u32,
        /// The size that this side has mapped.
        expected: u32,
    },
    /// The directory has no such entry.
    #[error("a memory has links 0 to {}: ask for one of these", directory::ENTRIES - 1)]
    Link,
    /// The area is not inside the memory, not of whole pages, or over the directory.
    #[error(
        "a link's area of {size} bytes at {offset:#x} does not fit a memory of {memory}: it is four or more whole pages of 4096 behind the first"
    )]
    Place {
        /// Offset of the area in bytes.
        offset: u32,
        /// Size of the area in bytes.
        size: u32,
        /// Size of the memory in bytes.
        memory: u32,
    },
    /// Another link is there.
    #[error("the link's area overlaps that of link {other}: set another area")]
    Overlap {
        /// The other link.
        other: u8,
    },
    /// The area is too small for the service's rings and buffers.
    #[error(
        "the rings and buffers need {needed} bytes, a side of this link has {available}: use a larger memory or area, or fewer or smaller buffers"
    )]
    TooSmall {
        /// Bytes needed in all.
        needed: u32,
        /// Bytes available.
        available: u32,
    },
    /// The link carries another kind of service.
    #[error(
        "the link carries {found}, this side expects {expected}: use another link, or start the same kind on both sides"
    )]
    Kind {
        /// The kind in the directory.
        found: Kind,
        /// This side's kind.
        expected: Kind,
    },
    /// The device does not have the link's doorbell vector.
    #[error("the device does not have the doorbell vector that the link uses: use a lower one")]
    Doorbell,
    /// The memory does not begin at a multiple of 4.
    #[error("the shared memory does not begin at a multiple of 4: map it at one")]
    Misaligned,
}

/// A run of bytes of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub offset: u32,
    /// Number of bytes.
    pub size: u32,
}

impl Span {
    /// Returns whether the `len` bytes at `offset` are all inside.
    #[must_use]
    pub fn contains(self, offset: u32, len: u32) -> bool {
        match (offset.checked_sub(self.offset), self.size.checked_sub(len)) {
            (Some(from), Some(last)) => from <= last,
            _ => false,
        }
    }

    /// Returns the first byte behind the span. Every span here lies within a memory, so this does not wrap.
    const fn end(self) -> u32 {
        self.offset.wrapping_add(self.size)
    }
}

/// A link's area: a page for each side's block, the data of each side, and a section that both sides write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Area {
    span: Span,
    /// Bytes at the end that both sides write.
    shared: u32,
}

impl Area {
    /// Checks that the area lies in a `memory` of this size, behind the directory.
    pub fn new(memory: u32, offset: u32, size: u32, shared: u32) -> Result<Self, AreaError> {
        let pages = (offset | size | shared).is_multiple_of(PAGE);
        let data = size.checked_sub(shared).is_some_and(|data| data >= 4 * PAGE);
        if pages && offset != 0 && data && memory.checked_sub(size).is_some_and(|last| offset <= last) {
            Ok(Self { span: Span { offset, size }, shared })
        } else {
            Err(AreaError::Place { offset, size, memory })
        }
    }

    pub const fn span(&self) -> Span {
        self.span
    }

    pub const fn shared(&self) -> u32 {
        self.shared
    }

    /// Returns the offset of one side's block.
    pub const fn block(&self, role: Role) -> u32 {
        match role {
            Role::Host => self.span.offset,
            Role::Remote => self.span.offset.wrapping_add(PAGE),
        }
    }

    pub fn overlaps(&self, other: &Self) -> bool {
        self.span.offset < other.span.end() && other.span.offset < self.span.end()
    }
}

/// The sections of a link's area, as one side sees them.
#[derive(Clone, Copy, Debug)]
pub struct Sections {
    span: Span,
    /// Bytes at the end that both sides write.
    shared: u32,
    role: Role,
}

impl Sections {
    #[inline(always)]
    pub(super) const fn new(area: Area, role: Role, shares: bool) -> Self {
        // Known at compile time for a service that shares no section.
        Self { span: area.span, shared: if shares { area.shared } else { 0 }, role }
    }

    /// Returns the data that only this side writes.
    #[must_use]
    #[inline(always)]
    pub const fn own(&self) -> Span {
        self.data(self.role)
    }

    /// Returns the data that only the peer writes.
    #[must_use]
    #[inline(always)]
    pub const fn peer(&self) -> Span {
        self.data(self.role.other())
    }

    /// Returns the section that both sides write, which may be empty.
    #[must_use]
    pub const fn shared(&self) -> Span {
        Span { offset: self.span.end().wrapping_sub(self.shared), size: self.shared }
    }

    /// Returns the data of one side: half of what is left, in whole pages. `Area::new` has found room for four pages.
    #[inline(always)]
    const fn data(&self, role: Role) -> Span {
        let both = self.span.size.wrapping_sub(self.shared).wrapping_sub(2 * PAGE);
        let size = (both / 2) & !(PAGE - 1);
        let host = self.span.offset.wrapping_add(2 * PAGE);
        match role {
            Role::Host => Span { offset: host, size },
            Role::Remote => Span { offset: host.wrapping_add(size), size },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_follow_each_other_and_end_with_the_area() {
        let area = Area::new(64 * PAGE, PAGE, 13 * PAGE, 3 * PAGE).unwrap();
        let sections = Sections::new(area, Role::Remote, true);
        assert_eq!(sections.peer(), Span { offset: 3 * PAGE, size: 4 * PAGE });
        assert_eq!(sections.own(), Span { offset: 7 * PAGE, size: 4 * PAGE });
        assert_eq!(sections.shared(), Span { offset: 11 * PAGE, size: 3 * PAGE });
        // Half a page each would be over.
        let odd = Sections::new(Area::new(64 * PAGE, PAGE, 5 * PAGE, 0).unwrap(), Role::Host, true);
        assert_eq!((odd.own().size, odd.shared().size), (PAGE, 0));
    }

    #[test]
    fn an_area_is_whole_pages_inside_the_memory() {
        let new = |offset, size, shared| Area::new(16 * PAGE, offset, size, shared).is_ok();
        assert!(new(PAGE, 15 * PAGE, 0) && new(PAGE, 15 * PAGE, 11 * PAGE) && new(12 * PAGE, 4 * PAGE, 0));
        assert!(!new(0, 15 * PAGE, 0), "over the directory");
        assert!(!new(PAGE, 16 * PAGE, 0) && !new(13 * PAGE, 4 * PAGE, 0) && !new(0xffff_f000, 4 * PAGE, 0));
        assert!(!new(PAGE + 1, 8 * PAGE, 0) && !new(PAGE, 8 * PAGE + 8, 0) && !new(PAGE, 8 * PAGE, 12));
        assert!(!new(PAGE, 15 * PAGE, 12 * PAGE) && !new(PAGE, 4 * PAGE, 0xffff_f000), "no room for both sides");
    }
}
