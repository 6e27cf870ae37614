// SPDX-License-Identifier: Apache-2.0
//! A view of an rpmsg message in a buffer of a queue.

use super::view::{View, behind};
use super::{Field, Finding, Problem};
use crate::wire::rpmsg::{Address, Header};

/// An rpmsg message in a buffer of a queue.
#[derive(Clone, Copy, Debug)]
pub struct Message<'m> {
    view: View<'m>,
    /// The message's position in the ring that brings messages; wraps.
    pub position: u16,
    /// The number of the message's descriptor.
    pub descriptor: u16,
    /// The offset of the message's buffer, which begins with the header.
    pub at: u32,
    /// The size of the message's buffer, header included.
    pub size: u32,
    /// The message's header. Its length is at most what the buffer can hold.
    pub header: Header,
}

impl<'m> Message<'m> {
    /// Reads the header in the `size` bytes at `start`.
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

    /// Copies the first bytes of the payload, as many as fit in `to`, and returns their number.
    ///
    /// A buffer that was given back in the meantime may hold parts of a newer message.
    pub fn read(&self, to: &mut [u8]) -> usize {
        let len = to.len().min(self.header.length.into());
        let to = to.get_mut(..len).unwrap_or_default();
        // Inside the memory: the header's length was checked.
        if self.view.0.read(behind(self.at, Header::SIZE), to) { len } else { 0 }
    }

    /// Returns whether this is a message of the name service.
    #[must_use]
    pub fn is_name_service(&self) -> bool {
        self.header.destination == Address::NAME_SERVICE
    }
}
