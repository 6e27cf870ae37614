// SPDX-License-Identifier: Apache-2.0
//! A client of the server: its connection, its eventfds, and the queue of messages that it has not received yet.

use std::collections::VecDeque;
use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::rc::Rc;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, recv, sendmsg};

use crate::event::{QUEUE_MAX, Reason};

/// A protocol message, which consists of a number and, for some messages, a descriptor.
#[derive(Debug)]
pub struct Message {
    /// A peer's id, or −1 for the memory. The first message has the protocol version instead, which is 0.
    pub number: i64,
    /// The memory, or an eventfd.
    pub fd: Option<Rc<OwnedFd>>,
}

/// The outcome of sending to a client.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// All queued messages were sent.
    All,
    /// The rest stays in the queue until the client reads.
    Blocked,
    /// This user has too many descriptors in flight over all connections. Retry after a short pause.
    Crowded,
    /// The connection is broken.
    Broken,
}

/// A connected client.
pub struct Client {
    /// The client's id.
    pub id: u16,
    /// The client's eventfds, indexed by vector.
    pub eventfds: Vec<Rc<OwnedFd>>,
    /// The eventfds that other clients ring. With faults, they belong to a relay. Otherwise, they are the client's own.
    pub doorbells: Vec<Rc<OwnedFd>>,
    /// True if a fault stalls this client. It then gets only the messages that are already queued.
    pub stalled: bool,
    connection: OwnedFd,
    queue: VecDeque<Message>,
    /// True if the last `send` returned [`Sent::Crowded`].
    pub crowded: bool,
}

impl Client {
    /// Creates a client on `connection`, which must be non-blocking.
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

    /// Returns true if messages are queued for the client.
    pub fn is_behind(&self) -> bool {
        !self.queue.is_empty()
    }

    /// Queues a message, unless the client is stalled.
    ///
    /// # Errors
    /// Returns [`Reason::DidNotRead`] if the queue is full.
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

    /// Queues one message with peer `id` for each of the peer's eventfds.
    ///
    /// # Errors
    /// Returns the same errors as [`push`](Self::push).
    pub fn push_peer(&mut self, id: u16, eventfds: &[Rc<OwnedFd>]) -> Result<(), Reason> {
        eventfds.iter().try_for_each(|fd| self.push(i64::from(id), Some(fd)))
    }

    /// Tells the client that peer `id` has left. First removes the queued messages about this peer, so that a client
    /// that does not read cannot keep the peer's eventfds open. If all `vectors` announcements of the peer were still
    /// queued, the client does not know the peer, so no message is necessary.
    ///
    /// # Errors
    /// Returns the same errors as [`push`](Self::push).
    pub fn drop_queued_for(&mut self, id: u16, vectors: usize) -> Result<(), Reason> {
        let number = i64::from(id);
        let before = self.queue.len();
        // Keeps messages without a descriptor. In the greeting, the version or the client's id may equal `id`.
        self.queue.retain(|message| message.number != number || message.fd.is_none());
        if self.queue.len().saturating_add(vectors) == before { Ok(()) } else { self.push(number, None) }
    }

    /// Sends as many queued messages as the connection accepts without blocking.
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
                // Linux sends all 8 bytes or none. If only a part were sent, the message could not be completed.
                Ok(_) | Err(_) => return Sent::Broken,
            }
        }
        Sent::All
    }

    /// Returns the reason why the client must be disconnected, if any. Called when the client's connection is readable.
    pub fn look(&self) -> Option<Reason> {
        match recv(&self.connection, &mut [0_u8; 8], RecvFlags::DONTWAIT) {
            Ok((_, 0)) => Some(Reason::Closed),
            Ok(_) => Some(Reason::SentData),
            Err(Errno::AGAIN | Errno::INTR) => None,
            Err(_) => Some(Reason::Closed),
        }
    }
}
