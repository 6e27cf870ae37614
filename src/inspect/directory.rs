// SPDX-License-Identifier: Apache-2.0
//! A view of the directory of a native-profile memory, and of its links.

use super::view::View;
use super::{Field, Finding, Link, Problem};
use crate::mem::ReadMemory;
use crate::wire::session::{VERSION, directory};

/// The first page of a memory that uses the native profile.
#[derive(Clone, Copy, Debug)]
pub struct Directory<'m>(View<'m>);

impl<'m> Directory<'m> {
    /// Creates a view of the directory. Nothing is read yet.
    #[must_use]
    pub const fn new(memory: &'m dyn ReadMemory) -> Self {
        Self(View(memory))
    }

    /// Checks the directory's head. Returns true if a host has written it, and false if the memory is still empty.
    ///
    /// # Errors
    /// Returns an error if the memory holds something else, or if the directory is of another version or was written
    /// for a memory of another size. The links can be read even so.
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

    /// Returns the link with this number, or `None` if no directory has that number. The link need not exist in the memory.
    #[must_use]
    pub fn link(&self, number: u8) -> Option<Link<'m>> {
        (u32::from(number) < directory::ENTRIES).then_some(Link::new(self.0, number))
    }

    /// Returns the links that exist, and those whose remote waits for a host.
    #[must_use]
    pub const fn links(&self) -> Links<'m> {
        Links { directory: *self, next: 0 }
    }

    /// Checks everything in the memory except the contents of messages, and at most `limit` messages in flight. Reports
    /// each finding with the number of its link, if it has one; of each ring, only the first finding is reported.
    /// Returns whether the limit was enough.
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

/// The links of a memory: those that exist, and those whose remote waits for a host.
#[derive(Clone, Debug)]
pub struct Links<'m> {
    directory: Directory<'m>,
    next: u8,
}

impl<'m> Iterator for Links<'m> {
    type Item = Link<'m>;

    fn next(&mut self) -> Option<Link<'m>> {
        loop {
            // Ends after the last number.
            let link = self.directory.link(self.next)?;
            self.next = self.next.wrapping_add(1);
            if link.entry().is_ok_and(|entry| entry.exists || entry.waiting.id().is_some()) {
                return Some(link);
            }
        }
    }
}
