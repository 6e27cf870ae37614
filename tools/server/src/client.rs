// SPDX-License-Identifier: Apache-2.0
//! One client: its connection, its own eventfds, and the messages that wait until it reads.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recv, sendmsg};

use crate::event::{QUEUE_MAX, Reason};

/// One message of the protocol: a number, and with some a descriptor.
#[derive(Debug)]
pub struct Message {
    /// A peer's id; −1 for the memory; 0 in the very first, the protocol's version.
    pub number: i64,
    /// The memory, or an eventfd.
    pub fd: Option<Rc<OwnedFd>>,
}

/// The decision to keep a client or to drop it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// Nothing waits any more.
    All,
    /// The rest waits until it reads.
    Blocked,
    /// The kernel has too many descriptors under way in all connections of this user; to be tried again shortly.
    Crowded,
    /// The connection is broken.
    Broken,
}

/// A connected client.
pub struct Client {
    /// Its id.
    pub id: u16,
    /// Its eventfds, by vector.
    pub eventfds: Vec<Rc<OwnedFd>>,
    /// The eventfds that the others get: the same ones, or those of a relay.
    pub doorbells: Vec<Rc<OwnedFd>>,
    /// True if a fault stalls this client: it gets only the messages that already wait for it.
    pub stalled: bool,
    connection: OwnedFd,
    queue: VecDeque<Message>,
    /// The last `send` met [`Sent::Crowded`].
    pub crowded: bool,
}

impl Client {
    /// The client behind `connection`, which must not block.
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

    /// The descriptor to poll.
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
    /// [`Reason::DidNotRead`] where too many wait already.
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

    /// Appends a peer's id once with each of its eventfds.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn push_peer(&mut self, id: u16, eventfds: &[Rc<OwnedFd>]) -> Result<(), Reason> {
        eventfds.iter().try_for_each(|fd| self.push(i64::from(id), Some(fd)))
    }

    /// Tells the client that a peer is gone. Messages about this peer that still wait are removed, so that a client that does not
    /// read does not keep its eventfds open. If the client never heard of the peer, it does not hear of its end.
    ///
    /// # Errors
    /// As [`push`](Self::push).
    pub fn drop_queued_for(&mut self, id: u16, vectors: usize) -> Result<(), Reason> {
        let number = i64::from(id);
        let before = self.queue.len();
        // The greeting's numbers are no ids: the version and the own id come without a descriptor.
        self.queue.retain(|message| message.number != number || message.fd.is_none());
        if self.queue.len().saturating_add(vectors) == before { Ok(()) } else { self.push(number, None) }
    }

    /// Sends what the connection takes without waiting.
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
                // Linux takes 8 bytes whole or not at all; half a message could not be mended.
                Ok(_) | Err(_) => return Sent::Broken,
            }
        }
        Sent::All
    }

    /// Why the client must go, if it must, now that its connection has something to read.
    pub fn look(&self) -> Option<Reason> {
        match recv(&self.connection, &mut [0_u8; 8], RecvFlags::DONTWAIT) {
            Ok((_, 0)) => Some(Reason::Closed),
            Ok(_) => Some(Reason::SentData),
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(_) => Some(Reason::Closed),
        }
    }
}
