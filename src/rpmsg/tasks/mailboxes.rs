// SPDX-License-Identifier: Apache-2.0
//! Messages and wakers for the endpoints that tasks use. Each endpoint has a queue, in a table with room for each buffer.

use core::fmt::Debug;

use embassy_sync::waitqueue::WakerRegistration;

use crate::rpmsg::Message;

/// Room for the mailboxes of a link. A [`Profile`](crate::rpmsg::Profile) chooses it.
pub trait MailboxTable: Debug {
    /// The table without any message.
    const EMPTY: Self;

    /// Returns the mailboxes, one for each endpoint, and the places, one for each buffer of the peer.
    fn parts(&mut self) -> (&mut [Mailbox], &mut [Place]);
}

/// Mailboxes of at most `E` endpoints, for a peer with at most `N` buffers.
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

/// The messages for one endpoint, oldest first, and the tasks that wait on the endpoint.
#[derive(Debug)]
pub struct Mailbox {
    /// Set while a task has the endpoint's handle.
    pub(super) open: bool,
    /// Set when the link has gone down and no task has been told yet.
    pub(super) interrupted: bool,
    /// Buffer numbers of the oldest and the newest message.
    ends: Option<(u16, u16)>,
    /// The task that waits for a message.
    pub(super) receiver: WakerRegistration,
    /// The task that waits for a peer or for a buffer.
    pub(super) sender: WakerRegistration,
}

/// A message in a mailbox, at the index of its buffer.
#[derive(Debug)]
pub struct Place {
    message: Option<Message>,
    /// The next newer message in the same mailbox.
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

    /// Adds a message, and wakes the task that waits for one. Returns a message that has no place.
    pub(super) fn push(&mut self, places: &mut [Place], message: Message) -> Option<Message> {
        let buffer = message.buffer;
        // If the place is taken, it holds a message of an earlier session, which is void.
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

    /// Drops all messages, because their session is over.
    pub(super) fn clear(&mut self) {
        self.ends = None;
        self.interrupted = true;
        self.receiver.wake();
        self.sender.wake();
    }
}
