// SPDX-License-Identifier: Apache-2.0
//! A view of a native-profile link: its directory entry, its area, the blocks of both sides, and its queues.

use super::block::{Block, QueueOffer};
use super::queue::{Buffers, Parts};
use super::view::{View, behind, count_of};
use super::{Carrier, Field, Finding, Problem, Queue};
use crate::wire::area::{Area, Role, Span};
use crate::wire::rpmsg::Header;
use crate::wire::session::{Features, Kind, PAGE, State, Waiting, block, directory, entry, queue};
use crate::wire::vring::{available_len, descriptor_table_len, used_len};

/// A link in the directory.
#[derive(Clone, Copy, Debug)]
pub struct Link<'m> {
    view: View<'m>,
    number: u8,
}

/// A snapshot of a link's directory entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry {
    /// True if the link's host has written the entry.
    pub exists: bool,
    /// Offset of the link's area.
    pub offset: u32,
    /// Size of the area in bytes.
    pub size: u32,
    /// The remote that is waiting for the host.
    pub waiting: Waiting,
    /// The kind of the link's service.
    pub kind: Kind,
    /// Size of the shared section at the end of the area, in bytes. Both sides write to this section.
    pub shared: u32,
}

impl<'m> Link<'m> {
    /// Creates a view of link `number`. The caller has checked the number.
    pub(super) const fn new(view: View<'m>, number: u8) -> Self {
        Self { view, number }
    }

    /// Returns the number of the link.
    #[must_use]
    pub const fn number(&self) -> u8 {
        self.number
    }

    /// Returns the offset of a field in the entry.
    fn at(&self, field: u32) -> u32 {
        behind(directory::HEAD, directory::ENTRY.saturating_mul(self.number.into()).saturating_add(field))
    }

    /// Reads the directory entry of the link.
    ///
    /// # Errors
    /// Returns an error if the entry is out of bounds.
    pub fn entry(&self) -> Result<Entry, Finding> {
        let word = |field| self.view.word(Field::Entry, self.at(field));
        Ok(Entry {
            exists: word(entry::MAGIC)? == entry::MAGIC_VALUE,
            offset: word(entry::OFFSET)?,
            size: word(entry::SIZE)?,
            waiting: Waiting(word(entry::REMOTE)?),
            kind: Kind(word(entry::KIND)?),
            shared: word(entry::SHARED)?,
        })
    }

    /// Returns the layout of the link's area, or `None` if the link does not exist.
    ///
    /// # Errors
    /// Returns an error if the area is out of bounds, is not made of whole pages, or is too small.
    pub fn area(&self) -> Result<Option<Area>, Finding> {
        self.area_of(&self.entry()?)
    }

    fn area_of(&self, entry: &Entry) -> Result<Option<Area>, Finding> {
        let &Entry { exists, offset, size, shared, .. } = entry;
        if !exists {
            return Ok(None);
        }
        let memory = self.view.size();
        let fail = |field, word, problem| Err(Finding { field, at: self.at(word), problem });
        let words = [
            (Field::EntryOffset, entry::OFFSET, offset),
            (Field::EntrySize, entry::SIZE, size),
            (Field::EntryShared, entry::SHARED, shared),
        ];
        for (field, word, found) in words {
            if !found.is_multiple_of(PAGE) {
                return fail(field, word, Problem::Misaligned { found, align: PAGE });
            }
        }
        let place = Area::new(memory, offset, size, shared);
        if place.is_some() {
            return Ok(place);
        }
        let last = memory.saturating_sub(Area::SMALLEST);
        if !(PAGE..=last).contains(&offset) {
            return fail(Field::EntryOffset, entry::OFFSET, Problem::Range { found: offset, least: PAGE, most: last });
        }
        let least = Area::SMALLEST;
        let most = memory.saturating_sub(offset);
        if !(least..=most).contains(&size) {
            return fail(Field::EntrySize, entry::SIZE, Problem::Range { found: size, least, most });
        }
        let problem = Problem::Range { found: shared, least: 0, most: size.saturating_sub(least) };
        fail(Field::EntryShared, entry::SHARED, problem)
    }

    /// Reads the block of one side. Returns `None` if the link does not exist. The epoch is 0 if the side has never
    /// started.
    ///
    /// # Errors
    /// Returns an error if the area does not fit in the memory.
    pub fn block(&self, role: Role) -> Result<Option<Block>, Finding> {
        let Some(area) = self.area()? else { return Ok(None) };
        Block::read(self.view, area.block(role)).map(Some)
    }

    /// Reads the words that a side has written for queue `number`. Returns `None` if the link does not exist, or if the
    /// side does not have this queue.
    ///
    /// # Errors
    /// Returns an error if the area does not fit in the memory.
    pub fn offer(&self, role: Role, number: u8) -> Result<Option<QueueOffer>, Finding> {
        let Some(area) = self.area()? else { return Ok(None) };
        let block = Block::read(self.view, area.block(role))?;
        self.offer_of(&block, number)
    }

    fn offer_of(&self, block: &Block, number: u8) -> Result<Option<QueueOffer>, Finding> {
        if number >= block.speaks.queues() || u32::from(number) >= block::MAX_QUEUES {
            return Ok(None);
        }
        QueueOffer::read(self.view, block.at, number).map(Some)
    }

    /// Returns queue `number` of the side `driver`, which is the driver of this queue. In a link that carries rpmsg,
    /// the driver sends messages through this queue. Returns `None` until the blocks of both sides say that the queue
    /// is ready.
    ///
    /// # Errors
    /// Returns an error if either side's words do not describe a queue in that side's data.
    pub fn queue(&self, driver: Role, number: u8) -> Result<Option<Queue<'m>>, Finding> {
        let entry = self.entry()?;
        let Some(area) = self.area_of(&entry)? else { return Ok(None) };
        let own = Block::read(self.view, area.block(driver))?;
        let other = Block::read(self.view, area.block(driver.other()))?;
        let ready = |block: &Block| Ok(matches!(block.state()?, State::Ready | State::Run));
        if !ready(&own)? || !ready(&other)? {
            return Ok(None);
        }
        let (Some(offer), Some(device)) = (self.offer_of(&own, number)?, self.offer_of(&other, number)?) else {
            return Ok(None);
        };
        let size = count_of(Field::QueueCount, offer.at, offer.count)?;
        let place = |role, field: Field, at, found, len, align: u32| {
            let fail = |problem| Err(Finding { field, at, problem });
            if !u32::is_multiple_of(found, align) {
                return fail(Problem::Misaligned { found, align });
            }
            let span: Span = area.data(role);
            if span.contains(found, len) || area.shared_section().contains(found, len) {
                return Ok(());
            }
            fail(Problem::Outside { found, len, span })
        };
        let at = |field| behind(offer.at, field);
        let table = (offer.descriptors, descriptor_table_len(size), 4);
        place(driver, Field::Descriptors, at(queue::DESCRIPTORS), table.0, table.1, table.2)?;
        place(driver, Field::Available, at(queue::AVAILABLE), offer.available, available_len(size), 2)?;
        place(driver.other(), Field::Used, behind(device.at, queue::USED), device.used, used_len(size), 4)?;
        let buffers = if entry.kind == Kind::RPMSG {
            let (found, least) = (offer.buffer_size, Header::SIZE);
            let whole = area.span().size;
            if !(least..=whole).contains(&found) {
                let problem = Problem::Range { found, least, most: whole };
                return Err(Finding { field: Field::BufferSize, at: at(queue::BUFFER_SIZE), problem });
            }
            if !found.is_multiple_of(4) {
                let problem = Problem::Misaligned { found, align: 4 };
                return Err(Finding { field: Field::BufferSize, at: at(queue::BUFFER_SIZE), problem });
            }
            let len = found.saturating_mul(size.into());
            place(driver, Field::Buffers, at(queue::BUFFERS), offer.buffers, len, 4)?;
            Buffers::Equal { start: offer.buffers, size: found }
        } else {
            // Descriptors contain offsets.
            Buffers::Described { base: 0 }
        };
        let by_events = own.features.intersection(other.features).contains(Features::EVENT_INDEX);
        let parts =
            Parts { size, descriptors: offer.descriptors, available: offer.available, used: device.used, by_events };
        Ok(Some(Queue::new(self.view, parts, Carrier::Available, buffers)))
    }

    /// Checks the whole link and reports each finding. See [`Queue::findings`] for `left`.
    pub(super) fn findings(&self, left: &mut u32, mut report: impl FnMut(Finding)) {
        for role in [Role::Host, Role::Remote] {
            match self.block(role) {
                Ok(Some(block)) => {
                    let unfit = [block.state().err(), block.id().err()];
                    unfit.into_iter().flatten().for_each(&mut report);
                    // A side that has never started has not written its id.
                    let queues = if block.epoch == 0 { 0 } else { block.speaks.queues() };
                    for number in 0..queues {
                        match self.queue(role, number) {
                            Ok(Some(queue)) => queue.findings(left, &mut report),
                            Ok(None) => (),
                            Err(finding) => report(finding),
                        }
                    }
                }
                Ok(None) => (),
                Err(finding) => report(finding),
            }
        }
    }
}
