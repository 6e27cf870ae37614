// SPDX-License-Identifier: Apache-2.0
//! Received messages and wakers for the endpoints of tasks. Each endpoint has a queue. All queues share a table with
//! one entry per buffer.

use core::fmt::Debug;

use embassy_sync::waitqueue::WakerRegistration;

use crate::rpmsg::Message;

/// Storage for a link's mailboxes. A [`Profile`](crate::rpmsg::Profile) selects its type.
pub trait MailboxTable: Debug {
    /// A table without messages.
    const EMPTY: Self;

    /// Returns the mailboxes, one per endpoint, and the places, one per buffer of the peer.
    fn parts(&mut self) -> (&mut [Mailbox], &mut [Place]);
}

/// Mailboxes for at most `E` endpoints and at most `N` buffers of the peer.
#[derive(Debug)]
pub struct Mailboxes<const E: usize, const N: usize> {
    boxes: [Mailbox; E],
    places: [Place; N],
}

impl<const E: usize, const N: usize> MailboxTable for Mailboxes<E, N> {
    const EMPTY: Self = Self { boxes: [const { Mailbox::EMPTY }; E], places: [const { Place::EMPTY }; N] };

    fn parts(&mut self) -> (&mut [Mailbox], &mut [Place]) {
        (&mut self.boxes, &mut self.places)
    }
}

/// One endpoint's message queue, and the tasks that are waiting on the endpoint.
#[derive(Debug)]
pub struct Mailbox {
    /// Set while a task owns the endpoint.
    pub(super) open: bool,
    /// Set after the link has gone down, until a task has been told.
    pub(super) interrupted: bool,
    /// Buffer indices of the oldest and the newest message.
    ends: Option<(u16, u16)>,
    /// The task that is waiting for a message.
    pub(super) receiver: WakerRegistration,
    /// The task that is waiting for the endpoint to be bound, or for a free buffer.
    pub(super) sender: WakerRegistration,
}

/// A message in a mailbox. Its place in the table is the index of its buffer.
#[derive(Debug)]
pub struct Place {
    message: Option<Message>,
    /// Buffer index of the next newer message in the same mailbox.
    next: Option<u16>,
}

impl Place {
    const EMPTY: Self = Self { message: None, next: None };
}

impl Mailbox {
    const EMPTY: Self = Self {
        open: false,
        interrupted: false,
        ends: None,
        receiver: WakerRegistration::new(),
        sender: WakerRegistration::new(),
    };

    /// Adds a message, and wakes the task that is waiting for one. Returns the message if its buffer index has no
    /// place.
    pub(super) fn push(&mut self, places: &mut [Place], message: Message) -> Option<Message> {
        let buffer = message.buffer;
        // Any message that this place already contains is stale, because it is from an earlier session.
        let Some(place) = places.get_mut(usize::from(buffer)) else { return Some(message) };
        *place = Place { message: Some(message), next: None };
        let oldest = match self.ends {
            Some((oldest, newest)) => {
                if let Some(newest) = places.get_mut(usize::from(newest)) {
                    newest.next = Some(buffer);
                }
                oldest
            }
            None => buffer,
        };
        self.ends = Some((oldest, buffer));
        self.receiver.wake();
        None
    }

    /// Takes the oldest message.
    pub(super) fn pop(&mut self, places: &mut [Place]) -> Option<Message> {
        let (oldest, newest) = self.ends?;
        let place = places.get_mut(usize::from(oldest))?;
        self.ends = place.next.take().map(|next| (next, newest));
        place.message.take()
    }

    /// Discards all messages after their session has ended, and wakes the waiting tasks.
    pub(super) fn clear(&mut self) {
        self.ends = None;
        self.interrupted = true;
        self.receiver.wake();
        self.sender.wake();
    }
}
