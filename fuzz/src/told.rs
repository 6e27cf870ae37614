//! What a side was told so far, and what it may be told next: up before anything of that peer, down before what that ends,
//! nothing of an endpoint that is not open, each binding once.

use amp_ivshmem::link::Event;
use amp_ivshmem::rpmsg::{Endpoint, Event as BusEvent, SendError};

/// One side's user.
#[derive(Debug, Default)]
pub struct Told {
    up: bool,
    /// A send has found out that the link is down; the next event must say so.
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

    /// The user itself has taken the link down.
    pub fn left(&mut self) {
        (self.up, self.owed) = (false, false);
    }

    /// What came of a send.
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
            Event::Bus(BusEvent::Unbound { endpoint }) => {
                let bound = self.bound.iter().position(|bound| bound == endpoint).expect("unbound, and never bound");
                self.bound.swap_remove(bound);
                *endpoint
            }
            Event::Bus(BusEvent::Bound { endpoint, .. }) => {
                assert!(self.up && !self.bound.contains(endpoint), "{event:?}, but {self:?}");
                self.bound.push(*endpoint);
                *endpoint
            }
            Event::Bus(BusEvent::Message(message)) => {
                assert!(self.up, "a message, and no peer");
                message.endpoint
            }
            Event::Bus(_) => {
                assert!(self.up, "{event:?}, and no peer");
                return;
            }
        };
        assert!(self.open.contains(&endpoint), "{event:?}, but open are {:?}", self.open);
    }
}
