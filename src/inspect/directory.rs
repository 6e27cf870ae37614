// SPDX-License-Identifier: Apache-2.0
//! A view of the directory and the links of a native-profile memory.

use super::view::View;
use super::{Field, Finding, Link, Problem};
use crate::mem::ReadMemory;
use crate::wire::session::{VERSION, directory};

/// The directory, which is the first page of a native-profile memory.
#[derive(Clone, Copy, Debug)]
pub struct Directory<'m>(View<'m>);

impl<'m> Directory<'m> {
    /// Creates a view of the directory. This does not read the memory yet.
    #[must_use]
    pub const fn new(memory: &'m dyn ReadMemory) -> Self {
        Self(View(memory))
    }

    /// Checks the directory header. Returns true if a host has written it, and false if the memory is still empty.
    ///
    /// # Errors
    /// Returns an error if the memory contains something else, or if the directory has a different version or was
    /// written for a different memory size. The links can be read even after an error.
    pub fn check(&self) -> Result<bool, Finding> {
        use Field::{DirectoryMagic, DirectorySize, DirectoryVersion};
        let fail = |field, at, problem| Err(Finding { field, at, problem });
        match self.0.word(DirectoryMagic, directory::MAGIC)? {
            0 => return Ok(false),
            directory::MAGIC_VALUE => (),
            found => return fail(DirectoryMagic, directory::MAGIC, Problem::Foreign { found }),
        }
        let found = self.0.word(DirectoryVersion, directory::VERSION)?;
        if found != VERSION {
            return fail(DirectoryVersion, directory::VERSION, Problem::Version { found });
        }
        match (self.0.word(DirectorySize, directory::SIZE)?, self.0.size()) {
            (found, expected) if found == expected => Ok(true),
            (found, expected) => fail(DirectorySize, directory::SIZE, Problem::Other { found, expected }),
        }
    }

    /// Returns link `number`, or `None` if the number is too large for a directory. The link itself may not exist.
    #[must_use]
    pub fn link(&self, number: u8) -> Option<Link<'m>> {
        (u32::from(number) < directory::ENTRIES).then_some(Link::new(self.0, number))
    }

    /// Returns all links that exist or have a waiting remote.
    #[must_use]
    pub const fn links(&self) -> Links<'m> {
        Links { directory: *self, next: 0 }
    }

    /// Checks the entire memory except for message contents. At most `limit` messages in flight are checked. Calls
    /// `report` with each finding and, if the finding belongs to a link, with the link number. Only the first finding
    /// per ring is reported. Returns false if there were more messages than `limit`.
    pub fn findings(&self, limit: u32, mut report: impl FnMut(Option<u8>, Finding)) -> bool {
        if let Err(finding) = self.check() {
            report(None, finding);
            return true;
        }
        let mut left = limit.saturating_add(1);
        for link in self.links() {
            link.findings(&mut left, |finding| report(Some(link.number()), finding));
        }
        left > 0
    }
}

/// An iterator over all links that exist or have a waiting remote.
#[derive(Clone, Debug)]
pub struct Links<'m> {
    directory: Directory<'m>,
    next: u8,
}

impl<'m> Iterator for Links<'m> {
    type Item = Link<'m>;

    fn next(&mut self) -> Option<Link<'m>> {
        loop {
            // The iterator ends after the highest link number.
            let link = self.directory.link(self.next)?;
            self.next = self.next.wrapping_add(1);
            if link.entry().is_ok_and(|entry| entry.exists || entry.waiting.id().is_some()) {
                return Some(link);
            }
        }
    }
}
