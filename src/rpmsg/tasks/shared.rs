// SPDX-License-Identifier: Apache-2.0
//! A link that is shared by tasks, and the state of its runner and its endpoints.

use core::cell::RefCell;

use embassy_sync::waitqueue::WakerRegistration;

use super::mailboxes::{Mailbox, MailboxTable, Place};
use crate::rpmsg::{AnyLink, Endpoint, Profile};

/// A link that the tasks of one executor share.
///
/// A shared link can be placed in a static if it contains an [unopened](crate::rpmsg::Link::unopened) link. Open that
/// link later through [`with`](Self::with).
#[derive(Debug)]
pub struct Shared<L: AnyLink> {
    pub(super) state: RefCell<State<L>>,
}

#[derive(Debug)]
pub(super) struct State<L: AnyLink> {
    pub link: L,
    pub mailboxes: <L::Profile as Profile>::Mailboxes,
    /// The waker of the runner's task.
    pub runner: WakerRegistration,
    /// Set if the runner must poll again without waiting for a doorbell.
    pub kicked: bool,
}

impl<L: AnyLink> Shared<L> {
    /// Creates a shared link.
    #[must_use]
    pub const fn new(link: L) -> Self {
        let mailboxes = <L::Profile as Profile>::Mailboxes::EMPTY;
        Self { state: RefCell::new(State { link, mailboxes, runner: WakerRegistration::new(), kicked: false }) }
    }

    /// Calls `act` with the link, for operations that the handles do not offer, such as opening the link or reading its
    /// counters.
    ///
    /// # Panics
    /// Panics if `act` uses this shared link.
    pub fn with<T>(&self, act: impl FnOnce(&mut L) -> T) -> T {
        let mut state = self.state.borrow_mut();
        let result = act(&mut state.link);
        state.kick();
        result
    }
}

impl<L: AnyLink> State<L> {
    /// Makes the runner poll again.
    pub fn kick(&mut self) {
        self.kicked = true;
        self.runner.wake();
    }

    /// Returns an endpoint's mailbox, and the places of all mailboxes.
    pub fn mailbox(&mut self, endpoint: Endpoint) -> Option<(&mut Mailbox, &mut [Place])> {
        let index = self.link.bus().index_of(endpoint)?;
        let (boxes, places) = self.mailboxes.parts();
        Some((boxes.get_mut(index)?, places))
    }
}
