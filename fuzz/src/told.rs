// SPDX-License-Identifier: Apache-2.0
//! The events of a side so far, and the rules for the next event. `Up` must come before any other event about a peer.
//! `Down` must come before the events that it causes. A closed endpoint must have no events, and each binding must be
//! reported once.

use amp_ivshmem::rpmsg::{Endpoint, Event, SendError};

/// The state of a side as its user knows it from events.
#[derive(Debug, Default)]
pub struct Told {
    up: bool,
    /// True if a send has detected that the link is down. The next event must then be `Down`.
    owed: bool,
    open: Vec<Endpoint>,
    bound: Vec<Endpoint>,
}

impl Told {
    pub fn is_up(&self) -> bool {
        self.up
    }

    pub fn opened(&mut self, endpoint: Endpoint) {
        assert!(!self.open.contains(&endpoint), "{endpoint:?} is open twice");
        self.open.push(endpoint);
    }

    pub fn closed(&mut self, endpoint: Endpoint) {
        self.open.retain(|&open| open != endpoint);
        self.bound.retain(|&bound| bound != endpoint);
    }

    /// Records that the user has taken the link down.
    pub fn left(&mut self) {
        (self.up, self.owed) = (false, false);
    }

    /// Records the result of a send.
    pub fn sent<T>(&mut self, result: &Result<T, SendError>) {
        if self.up && matches!(result, Err(SendError::Down)) {
            self.owed = true;
        }
    }

    /// Checks the next event.
    pub fn hear(&mut self, event: &Event) {
        if std::mem::take(&mut self.owed) {
            assert!(matches!(event, Event::Down(_)), "a send has found the link down, and the next is {event:?}");
        }
        let endpoint = match event {
            Event::Up { .. } => {
                assert!(!self.up, "up twice");
                self.up = true;
                return;
            }
            Event::Down(reason) => {
                assert!(self.up, "down twice: {reason}");
                self.up = false;
                return;
            }
            Event::Incompatible(_) => return,
            Event::Unbound { endpoint } => {
                let bound = self.bound.iter().position(|bound| bound == endpoint).expect("unbound, and never bound");
                self.bound.swap_remove(bound);
                *endpoint
            }
            Event::Bound { endpoint, .. } => {
                assert!(self.up && !self.bound.contains(endpoint), "{event:?}, but {self:?}");
                self.bound.push(*endpoint);
                *endpoint
            }
            Event::Message(message) => {
                assert!(self.up, "a message, and no peer");
                message.endpoint
            }
            Event::Announced { .. } | Event::Withdrawn { .. } => {
                assert!(self.up, "{event:?}, and no peer");
                return;
            }
        };
        assert!(self.open.contains(&endpoint), "{event:?}, but open are {:?}", self.open);
    }
}
