// SPDX-License-Identifier: Apache-2.0
//! The directory in the first page of the memory, which lists the memory's links.

use super::area::{AreaError, checked};
use crate::mem::{Load, SharedMemory, Store, Table};
use crate::platform::PeerId;
use crate::wire::area::Area;
use crate::wire::session::{Kind, PAGE, VERSION, Waiting, directory, entry};

/// The first page of the memory.
#[derive(Debug)]
pub(super) struct Directory<M: SharedMemory> {
    memory: M,
    /// The head, which is the size of two entries, followed by the entries.
    entries: Table<M, { directory::ENTRY }>,
    /// Number of this side's link.
    link: u8,
}

impl<M: SharedMemory> Directory<M> {
    // Inlined, so that the compiler can evaluate a constant `link`.
    #[inline(always)]
    pub fn new(memory: M, link: u8) -> Result<Self, AreaError> {
        if u32::from(link) >= directory::ENTRIES {
            return Err(AreaError::Link);
        }
        let size = memory.len();
        if size < PAGE {
            return Err(AreaError::Place { offset: 0, size: PAGE, memory: size });
        }
        // The number of entries in a `Table` must be a power of two, but the directory has 126 entries. The table
        // therefore covers the whole page, and its first two entries are the head.
        let Some(entries) = Table::at(&memory, 0, PAGE / directory::ENTRY) else { return Err(AreaError::Misaligned) };
        Ok(Self { entries, memory, link })
    }

    /// Returns the whole memory.
    pub const fn memory(&self) -> &M {
        &self.memory
    }

    /// Returns the number of this side's link.
    pub const fn link(&self) -> u8 {
        self.link
    }

    /// Returns the index of the entry for `link` in the table.
    fn index(link: u8) -> u32 {
        u32::from(link).wrapping_add(directory::HEAD / directory::ENTRY)
    }

    /// Returns whether the memory contains a directory that matches this side's version and the memory's size.
    fn check(&self) -> Result<bool, AreaError> {
        // Acquire: the writer stores the magic value after all other words.
        match self.entries.load_u32::<{ directory::MAGIC }>(0, Load::Acquire) {
            0 => return Ok(false),
            directory::MAGIC_VALUE => (),
            found => return Err(AreaError::Foreign { found }),
        }
        let found = self.entries.load_u32::<{ directory::VERSION }>(0, Load::Relaxed);
        if found != VERSION {
            return Err(AreaError::Version { found });
        }
        let (found, expected) = (self.entries.load_u32::<{ directory::SIZE }>(0, Load::Relaxed), self.memory.len());
        if found == expected { Ok(true) } else { Err(AreaError::Size { found, expected }) }
    }

    fn read(&self, link: u8, shares: bool) -> Result<Option<Area>, AreaError> {
        let index = Self::index(link);
        if self.entries.load_u32::<{ entry::MAGIC }>(index, Load::Acquire) != entry::MAGIC_VALUE {
            return Ok(None);
        }
        let offset = self.entries.load_u32::<{ entry::OFFSET }>(index, Load::Relaxed);
        let size = self.entries.load_u32::<{ entry::SIZE }>(index, Load::Relaxed);
        let shared = if shares { self.entries.load_u32::<{ entry::SHARED }>(index, Load::Relaxed) } else { 0 };
        checked(self.memory.len(), offset, size, shared).map(Some)
    }

    /// Remote only: returns the link's area, or `None` if the host has not written the area yet. Also writes this
    /// side's id into the entry, so that the host can ring this side. The area includes a shared section only if the
    /// service `shares` one.
    pub fn find(&self, own: PeerId, expected: Kind, shares: bool) -> Result<Option<Area>, AreaError> {
        let index = Self::index(self.link);
        self.entries.store_u32::<{ entry::REMOTE }>(index, Waiting::new(own.0, expected).0, Store::Release);
        // Store the id, then check the entry. The host stores the entry, then checks the id.
        self.entries.fence();
        if !self.check()? {
            return Ok(None);
        }
        let area = self.read(self.link, shares)?;
        let found = Kind(self.entries.load_u32::<{ entry::KIND }>(index, Load::Relaxed));
        if area.is_some() && found != expected {
            return Err(AreaError::Kind { found, expected });
        }
        Ok(area)
    }

    /// Host only: writes the directory if there is none, and the link's entry. Returns the link's area, and the
    /// previous area if it was different.
    pub fn publish(
        &self,
        place: Option<(u32, u32)>,
        shared: u32,
        shares: bool,
        kind: Kind,
        check: impl FnOnce(Area) -> Result<(), AreaError>,
    ) -> Result<(Area, Option<Area>), AreaError> {
        let memory = self.memory.len();
        let (offset, size) = place.unwrap_or((PAGE, memory.saturating_sub(PAGE) & !(PAGE - 1)));
        let area = checked(memory, offset, size, shared)?;
        check(area)?;
        self.check()?;
        // CAST: there are fewer than 256 entries.
        for other in (0..directory::ENTRIES as u8).filter(|&other| other != self.link) {
            // An entry without a valid area is useless to its own link and does not conflict with this link.
            if let Ok(Some(taken)) = self.read(other, false)
                && taken.overlaps(&area)
            {
                return Err(AreaError::Overlap { other });
            }
        }
        // Nothing has been written up to this point, so a host that fails leaves the memory unchanged.
        let before = self.read(self.link, shares).ok().flatten().filter(|&before| before != area);
        if before.is_some() {
            // Invalidate the entry first, so that no remote sees a mixture of the previous and the new location.
            self.entries.store_u32::<{ entry::MAGIC }>(Self::index(self.link), 0, Store::Relaxed);
            self.entries.fence();
        }
        self.write(&area, kind);
        self.entries.fence();
        Ok((area, before))
    }

    /// Host only: writes the host's words. The values never change, so a repeated call repairs words that others have
    /// overwritten.
    pub fn write(&self, area: &Area, kind: Kind) {
        let index = Self::index(self.link);
        self.entries.store_u32::<{ entry::OFFSET }>(index, area.span().offset, Store::Relaxed);
        self.entries.store_u32::<{ entry::SIZE }>(index, area.span().size, Store::Relaxed);
        self.entries.store_u32::<{ entry::KIND }>(index, kind.0, Store::Relaxed);
        self.entries.store_u32::<{ entry::SHARED }>(index, area.shared(), Store::Relaxed);
        self.entries.store_u32::<{ entry::MAGIC }>(index, entry::MAGIC_VALUE, Store::Release);
        self.entries.store_u32::<{ directory::VERSION }>(0, VERSION, Store::Relaxed);
        self.entries.store_u32::<{ directory::SIZE }>(0, self.memory.len(), Store::Relaxed);
        self.entries.store_u32::<{ directory::MAGIC }>(0, directory::MAGIC_VALUE, Store::Release);
    }

    /// Returns the remote that is waiting for this link's host, if any, and the kind of service that it expects.
    pub fn waiting(&self) -> Waiting {
        Waiting(self.entries.load_u32::<{ entry::REMOTE }>(Self::index(self.link), Load::Acquire))
    }
}
