// SPDX-License-Identifier: Apache-2.0
//! The area of a link: where each side's block and data are. Offsets and sizes are in bytes.

use super::session::PAGE;

/// A side of a link. Each link has one host and one remote.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The side that chooses the link's place in the memory.
    Host,
    /// The side that looks the link up in the directory.
    Remote,
}

impl Role {
    /// Returns the role of the other side.
    #[must_use]
    pub const fn other(self) -> Self {
        match self {
            Self::Host => Self::Remote,
            Self::Remote => Self::Host,
        }
    }
}

/// A range of bytes in the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Offset of the first byte.
    pub offset: u32,
    /// Size in bytes.
    pub size: u32,
}

impl Span {
    /// Returns true if the `len` bytes at `offset` are inside the span.
    #[must_use]
    pub fn contains(self, offset: u32, len: u32) -> bool {
        match (offset.checked_sub(self.offset), self.size.checked_sub(len)) {
            (Some(from), Some(last)) => from <= last,
            _ => false,
        }
    }

    /// Returns the offset of the first byte after the span. The sum does not wrap, because all spans here are in
    /// bounds.
    const fn end(self) -> u32 {
        self.offset.wrapping_add(self.size)
    }
}

/// The area of a link: one page for each side's block, the data of each side, and a section to which both sides write.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Area {
    span: Span,
    /// Size of the shared section at the end of the area.
    shared: u32,
}

impl Area {
    /// Minimum size of an area without a shared section: two blocks, and one page of data per side.
    pub const SMALLEST: u32 = 4 * PAGE;

    /// Returns the area that a directory entry describes, in a memory of `memory` bytes. Returns `None` if the area is
    /// not made of whole pages, is out of bounds, overlaps the directory, or is smaller than
    /// [`SMALLEST`](Self::SMALLEST) plus the shared section.
    #[must_use]
    pub fn new(memory: u32, offset: u32, size: u32, shared: u32) -> Option<Self> {
        let pages = (offset | size | shared).is_multiple_of(PAGE);
        let data = size.checked_sub(shared).is_some_and(|data| data >= Self::SMALLEST);
        let inside = memory.checked_sub(size).is_some_and(|last| offset <= last);
        (pages && offset != 0 && data && inside).then_some(Self { span: Span { offset, size }, shared })
    }

    /// Returns the span of the whole area.
    #[must_use]
    pub const fn span(&self) -> Span {
        self.span
    }

    /// Returns the size of the shared section.
    #[must_use]
    pub const fn shared(&self) -> u32 {
        self.shared
    }

    /// Returns the same area without a shared section, for services that do not use one. The bytes of the section
    /// become data of the two sides.
    #[must_use]
    #[inline(always)]
    pub const fn unshared(&self) -> Self {
        Self { span: self.span, shared: 0 }
    }

    /// Returns the offset of the block of `role`.
    #[must_use]
    pub const fn block(&self, role: Role) -> u32 {
        match role {
            Role::Host => self.span.offset,
            Role::Remote => self.span.offset.wrapping_add(PAGE),
        }
    }

    /// Returns the span to which only `role` writes. Each side gets half of the data, in whole pages. `new` has checked
    /// that the area has at least four pages.
    #[must_use]
    #[inline(always)]
    pub const fn data(&self, role: Role) -> Span {
        let both = self.span.size.wrapping_sub(self.shared).wrapping_sub(2 * PAGE);
        let size = (both / 2) & !(PAGE - 1);
        let host = self.span.offset.wrapping_add(2 * PAGE);
        match role {
            Role::Host => Span { offset: host, size },
            Role::Remote => Span { offset: host.wrapping_add(size), size },
        }
    }

    /// Returns the span of the shared section, which may be empty.
    #[must_use]
    pub const fn shared_section(&self) -> Span {
        Span { offset: self.span.end().wrapping_sub(self.shared), size: self.shared }
    }

    /// Returns true if the two areas overlap.
    #[must_use]
    pub const fn overlaps(&self, other: &Self) -> bool {
        self.span.offset < other.span.end() && other.span.offset < self.span.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sections_follow_each_other_and_end_with_the_area() {
        let area = Area::new(64 * PAGE, PAGE, 13 * PAGE, 3 * PAGE).unwrap();
        assert_eq!((area.block(Role::Host), area.block(Role::Remote)), (PAGE, 2 * PAGE));
        assert_eq!(area.data(Role::Host), Span { offset: 3 * PAGE, size: 4 * PAGE });
        assert_eq!(area.data(Role::Remote), Span { offset: 7 * PAGE, size: 4 * PAGE });
        assert_eq!(area.shared_section(), Span { offset: 11 * PAGE, size: 3 * PAGE });
        // Half a page per side is left over.
        let odd = Area::new(64 * PAGE, PAGE, 5 * PAGE, 0).unwrap();
        assert_eq!((odd.data(Role::Host).size, odd.shared_section().size), (PAGE, 0));
    }

    #[test]
    fn an_area_is_whole_pages_inside_the_memory() {
        let new = |offset, size, shared| Area::new(16 * PAGE, offset, size, shared).is_some();
        assert!(new(PAGE, 15 * PAGE, 0) && new(PAGE, 15 * PAGE, 11 * PAGE) && new(12 * PAGE, 4 * PAGE, 0));
        assert!(!new(0, 15 * PAGE, 0), "over the directory");
        assert!(!new(PAGE, 16 * PAGE, 0) && !new(13 * PAGE, 4 * PAGE, 0) && !new(0xffff_f000, 4 * PAGE, 0));
        assert!(!new(PAGE + 1, 8 * PAGE, 0) && !new(PAGE, 8 * PAGE + 8, 0) && !new(PAGE, 8 * PAGE, 12));
        assert!(!new(PAGE, 15 * PAGE, 12 * PAGE) && !new(PAGE, 4 * PAGE, 0xffff_f000), "no room for both sides");
    }
}
