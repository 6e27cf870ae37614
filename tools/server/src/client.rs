// SPDX-License-Identifier: Apache-2.0
//! One client: its connection, its own eventfds, and the messages that wait until it reads them.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recv, sendmsg};

use crate::event::{QUEUE_MAX, Reason};

/// One message of the protocol: a number and, in some messages, a descriptor.
#[derive(Debug)]
pub struct Message {
    /// A peer's id, or −1 for the memory. In the very first message this is the protocol's version, 0.
    pub number: i64,
    /// The memory, or an eventfd.
    pub fd: Option<Rc<OwnedFd>>,
}

/// The outcome of sending to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Everything was sent.
    All,
    /// The rest waits until the client reads.
    Blocked,
    /// The kernel has too many descriptors in flight in all connections of this user. Try again shortly.
    Crowded,
    /// The connection is broken.
    Broken,
}

/// A connected client.
pub struct Client {
    /// The client's id.
    pub id: u16,
    /// The client's eventfds, by vector.
    pub eventfds: Vec<Rc<OwnedFd>>,
    /// The eventfds that the other clients get: the same ones, or those of a relay.
    pub doorbells: Vec<Rc<OwnedFd>>,
    /// True if a fault stalls this client: it gets only the messages that already wait for it.
    pub stalled: bool,
    connection: OwnedFd,
    queue: VecDeque<Message>,
    /// True if the last `send` returned [`Sent::Crowded`].
    pub crowded: bool,
}

impl Client {
    /// Makes a client from `connection`, which must be non-blocking.
    pub fn new(id: u16, connection: OwnedFd, eventfds: Vec<Rc<OwnedFd>>) -> Self {
        Self {
            id,
            doorbells: eventfds.clone(),
            stalled: false,
            eventfds,
            connection,
            queue: VecDeque::new(),
            crowded: false,
        }
    }

    /// Returns the descriptor to poll.
    pub fn connection(&self) -> &OwnedFd {
        &self.connection
    }

    /// Returns true if messages wait for the client.
    pub fn is_behind(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Appends a message, unless the client is stalled.
    ///
    /// # Errors
    /// Returns [`Reason::DidNotRead`] if too many messages wait already.
    pub fn push(&mut self, number: i64, fd: Option<&Rc<OwnedFd>>) -> Result<(), Reason> {
        if self.stalled {
            return Ok(());
        }
        if self.queue.len() >= QUEUE_MAX {
            return Err(Reason::DidNotRead);
        }
        self.queue.push_back(Message { number, fd: fd.cloned() });
        Ok(())
    }

    /// Appends a peer's id once for each of its eventfds.
    ///
    /// # Errors
    /// Returns the same errors as [`push`](Self::push).
    pub fn push_peer(&mut self, id: u16, eventfds: &[Rc<OwnedFd>]) -> Result<(), Reason> {
        eventfds.iter().try_for_each(|fd| self.push(i64::from(id), Some(fd)))
    }

    /// Tells the client that a peer is gone. Messages about this peer that still wait are removed, so that a client
    /// that does not read does not keep the peer's eventfds open. If the client has not been told of the peer, it is
    /// not told of the end either.
    ///
    /// # Errors
    /// Returns the same errors as [`push`](Self::push).
    pub fn drop_queued_for(&mut self, id: u16, vectors: usize) -> Result<(), Reason> {
        let number = i64::from(id);
        let before = self.queue.len();
        // The greeting's numbers are not peer ids to remove: the version and the client's own id come without a descriptor.
        self.queue.retain(|message| message.number != number || message.fd.is_none());
        if self.queue.len().saturating_add(vectors) == before { Ok(()) } else { self.push(number, None) }
    }

    /// Sends as much as the connection takes without waiting.
    pub fn send(&mut self) -> Sent {
        self.crowded = false;
        while let Some(message) = self.queue.front() {
            let bytes = message.number.to_le_bytes();
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = SendAncillaryBuffer::new(&mut space);
            let fds = message.fd.as_ref().map(|fd| [fd.as_fd()]);
            if let Some(fds) = &fds {
                ancillary.push(SendAncillaryMessage::ScmRights(fds));
            }
            let flags = SendFlags::NOSIGNAL | SendFlags::DONTWAIT;
            match sendmsg(&self.connection, &[IoSlice::new(&bytes)], &mut ancillary, flags) {
                Ok(8) => {
                    self.queue.pop_front();
                }
                Err(Errno::AGAIN) => return Sent::Blocked,
                Err(Errno::INTR) => {}
                Err(Errno::TOOMANYREFS | Errno::NOBUFS | Errno::NOMEM) => {
                    self.crowded = true;
                    return Sent::Crowded;
                }
                // Linux takes 8 bytes whole or not at all; half a message could not be completed.
                Ok(_) | Err(_) => return Sent::Broken,
            }
        }
        Sent::All
    }

    /// Returns the reason why the client must be disconnected, if there is one. Called when its connection has
    /// something to read.
    pub fn look(&self) -> Option<Reason> {
        match recv(&self.connection, &mut [0_u8; 8], RecvFlags::DONTWAIT) {
            Ok((_, 0)) => Some(Reason::Closed),
            Ok(_) => Some(Reason::SentData),
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(_) => Some(Reason::Closed),
        }
    }
}
