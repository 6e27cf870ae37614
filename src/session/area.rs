// SPDX-License-Identifier: Apache-2.0
//! A link's area in the memory, as seen from one side.

use crate::wire::area::{Area, Role, Span};
use crate::wire::session::{Kind, VERSION, directory};

/// Errors in the memory or in the link's place in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum AreaError {
    /// The memory contains something other than a directory.
    #[error(
        "the shared memory starts with {found:#010x}, which is no amp-ivshmem directory: restart its server to clear \
         it"
    )]
    Foreign {
        /// The first word of the memory.
        found: u32,
    },
    /// The directory uses another version of the layout.
    #[error(
        "the memory has wire version {found}, but this side uses {VERSION}: use the same version of amp-ivshmem on \
         both sides, and restart the memory's server to clear it"
    )]
    Version {
        /// The directory's version.
        found: u32,
    },
    /// The directory was written for a memory of another size.
    #[error(
        "the directory is for a memory of {found} bytes, but this side has mapped {expected}: use the server's size \
         on both sides"
    )]
    Size {
        /// The size in the directory.
        found: u32,
        /// The size that this side has mapped.
        expected: u32,
    },
    /// The directory has no entry with the requested number.
    #[error("a memory has links 0 to {}: use one of these", directory::ENTRIES - 1)]
    Link,
    /// The area is out of bounds, does not consist of whole pages, or overlaps the directory.
    #[error(
        "a link's area of {size} bytes at {offset:#x} does not fit in a memory of {memory} bytes: use at least four \
         pages of 4096 bytes after the first page"
    )]
    Place {
        /// Offset of the area in bytes.
        offset: u32,
        /// Size of the area in bytes.
        size: u32,
        /// Size of the memory in bytes.
        memory: u32,
    },
    /// The area overlaps the area of another link.
    #[error("the link's area overlaps the area of link {other}: use another area")]
    Overlap {
        /// Number of the other link.
        other: u8,
    },
    /// The area is too small for the service's rings and buffers.
    #[error(
        "the rings and buffers need {needed} bytes, but a side of this link has {available}: use a larger memory or \
         area, or fewer or smaller buffers"
    )]
    TooSmall {
        /// Total number of bytes needed.
        needed: u32,
        /// Number of bytes available.
        available: u32,
    },
    /// The link carries another kind of service.
    #[error(
        "the link carries {found}, but this side expects {expected}: use another link, or the same service on both \
         sides"
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
    /// The memory is not 4-byte aligned.
    #[error("the shared memory is misaligned: map it at a multiple of 4")]
    Misaligned,
}

/// Checks that an area with this offset and size is in bounds and does not overlap the directory.
pub(super) fn checked(memory: u32, offset: u32, size: u32, shared: u32) -> Result<Area, AreaError> {
    Area::new(memory, offset, size, shared).ok_or(AreaError::Place { offset, size, memory })
}

/// The sections of a link's area, as seen from one side.
#[derive(Clone, Copy, Debug)]
pub struct Sections {
    area: Area,
    role: Role,
}

impl Sections {
    #[inline(always)]
    pub(super) const fn new(area: Area, role: Role, shares: bool) -> Self {
        // If the service shares no section, the compiler then knows that the section is empty.
        Self { area: if shares { area } else { area.unshared() }, role }
    }

    /// Returns the location of the data that only this side writes.
    #[must_use]
    #[inline(always)]
    pub const fn own(&self) -> Span {
        self.area.data(self.role)
    }

    /// Returns the location of the data that only the peer writes.
    #[must_use]
    #[inline(always)]
    pub const fn peer(&self) -> Span {
        self.area.data(self.role.other())
    }

    /// Returns the location of the section that both sides write, which may be empty.
    #[must_use]
    pub const fn shared(&self) -> Span {
        self.area.shared_section()
    }
}
