// SPDX-License-Identifier: Apache-2.0
//! The link that all tasks share, with the state that its runner and its endpoints need.

use core::cell::RefCell;

use embassy_sync::waitqueue::WakerRegistration;

use super::mailboxes::{Mailbox, MailboxTable, Place};
use crate::rpmsg::{AnyLink, Endpoint, Profile};

/// A link that the tasks of one executor share.
///
/// A shared link can be created in a static, with an [unopened](crate::rpmsg::Link::unopened) link that is opened later
/// with [`with`](Self::with).
#[derive(Debug)]
pub struct Shared<L: AnyLink> {
    pub(super) state: RefCell<State<L>>,
}

#[derive(Debug)]
pub(super) struct State<L: AnyLink> {
    pub link: L,
    pub mailboxes: <L::Profile as Profile>::Mailboxes,
    /// The runner's task, while it sleeps.
    pub runner: WakerRegistration,
    /// Set when the runner has to look again before a doorbell rings.
    pub kicked: bool,
}

impl<L: AnyLink> Shared<L> {
    /// Creates the shared form of a link.
    #[must_use]
    pub const fn new(link: L) -> Self {
        let mailboxes = <L::Profile as Profile>::Mailboxes::EMPTY;
        Self { state: RefCell::new(State { link, mailboxes, runner: WakerRegistration::new(), kicked: false }) }
    }

    /// Calls `act` with the link, for everything that no handle offers, such as opening the link or reading counters.
    ///
    /// # Panics
    /// Panics if `act` itself uses this shared link.
    pub fn with<T>(&self, act: impl FnOnce(&mut L) -> T) -> T {
        let mut state = self.state.borrow_mut();
        let result = act(&mut state.link);
        state.kick();
        result
    }
}

impl<L: AnyLink> State<L> {
    /// Makes the runner look again.
    pub fn kick(&mut self) {
        self.kicked = true;
        self.runner.wake();
    }

    /// Returns the mailbox of an endpoint, and the places of all mailboxes.
    pub fn mailbox(&mut self, endpoint: Endpoint) -> Option<(&mut Mailbox, &mut [Place])> {
        let index = self.link.bus().index_of(endpoint)?;
        let (boxes, places) = self.mailboxes.parts();
        Some((boxes.get_mut(index)?, places))
    }
}
