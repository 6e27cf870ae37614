// SPDX-License-Identifier: Apache-2.0
//! A view of an rpmsg message in a queue buffer.

use super::view::{View, behind};
use super::{Field, Finding, Problem};
use crate::wire::rpmsg::{Address, Header};

/// An rpmsg message in a queue buffer.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    view: View<'m>,
    /// Position in the ring that delivers the messages. It wraps.
    pub position: u16,
    /// Id of the message's descriptor.
    pub descriptor: u16,
    /// Offset of the buffer, which starts with the header.
    pub at: u32,
    /// Size of the buffer in bytes, including the header.
    pub size: u32,
    /// The header. Its length is at most the capacity of the buffer.
    pub header: Header,
}

impl<'m> Message<'m> {
    /// Reads the header of the message in the `size` bytes at `at`.
    pub(super) fn read_header(
        view: View<'m>,
        position: u16,
        descriptor: u16,
        at: u32,
        size: u32,
    ) -> Result<Self, Finding> {
        let Some(most) = size.checked_sub(Header::SIZE) else {
            let problem = Problem::Range { found: size, least: Header::SIZE, most: u32::MAX };
            return Err(Finding { field: Field::BufferSize, at, problem });
        };
        let word = |field| view.word(Field::Message, behind(at, field));
        let header = Header::from_words([word(Header::SOURCE)?, word(Header::DESTINATION)?, word(Header::LENGTH)?]);
        if u32::from(header.length) > most {
            let problem = Problem::Range { found: header.length.into(), least: 0, most };
            return Err(Finding { field: Field::MessageLength, at: behind(at, Header::LENGTH), problem });
        }
        Ok(Self { view, position, descriptor, at, size, header })
    }

    /// Copies as much of the payload as fits in `to`, and returns the number of bytes copied.
    ///
    /// If the buffer has been returned in the meantime, the bytes may belong to a newer message.
    pub fn read(&self, to: &mut [u8]) -> usize {
        let len = to.len().min(self.header.length.into());
        let to = to.get_mut(..len).unwrap_or_default();
        // The read is in bounds because the length in the header has been checked.
        if self.view.0.read(behind(self.at, Header::SIZE), to) { len } else { 0 }
    }

    /// Returns true if this is a name service message.
    #[must_use]
    pub fn is_name_service(&self) -> bool {
        self.header.destination == Address::NAME_SERVICE
    }
}
