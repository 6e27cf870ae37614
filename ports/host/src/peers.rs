// SPDX-License-Identifier: Apache-2.0
//! The peers that the server has announced, and their doorbells.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use amp_ivshmem::platform::{Doorbell, PeerId, Vector, VectorOutOfRange};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::io::Errno;

use crate::bell;
use crate::connection::{Connection, Message};

/// Maximum number of eventfds per peer, which is also the limit of QEMU's devices. Further eventfds are closed, so that
/// a faulty server cannot exhaust this process's descriptors.
const VECTORS_MAX: usize = 64;

/// The peers' eventfds, and the connection on which the server announces more.
#[derive(Debug)]
pub struct Peers {
    own: PeerId,
    /// The eventfds by id and vector. An eventfd that did not arrive is `None`. This peer's eventfds are included,
    /// because it may ring itself.
    eventfds: HashMap<u16, Vec<Option<Arc<OwnedFd>>>>,
    /// `None` during the greeting, and after the connection has been lost.
    pub connection: Option<Connection>,
}

/// The reason why a message violates the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The number is not a valid peer id.
    NotId,
    /// The descriptor for a vector of this peer is not an eventfd.
    NotEventfd,
}

/// The descriptors to poll for this peer: its own eventfds and the connection.
pub type ToPoll = (Vec<Arc<OwnedFd>>, Option<Arc<OwnedFd>>);

/// Locks the peers, even after a panic in another thread, because a panic never leaves them inconsistent.
pub fn lock(peers: &Mutex<Peers>) -> MutexGuard<'_, Peers> {
    peers.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Peers {
    pub fn new(own: PeerId) -> Self {
        Self { own, eventfds: HashMap::new(), connection: None }
    }

    /// Returns the number of vectors that this peer has.
    pub fn vectors(&self) -> u16 {
        self.eventfds.get(&self.own.0).map_or(0, |fds| u16::try_from(fds.len()).unwrap_or(u16::MAX))
    }

    /// Returns all peers except this one.
    pub fn others(&self) -> Vec<PeerId> {
        self.eventfds.keys().copied().map(PeerId).filter(|&id| id != self.own).collect()
    }

    /// Returns this peer's eventfds, and the connection.
    pub fn to_poll(&self) -> ToPoll {
        let own = self.eventfds.get(&self.own.0).into_iter().flatten().flatten().cloned().collect();
        (own, self.connection.as_ref().map(|connection| Arc::clone(connection.socket())))
    }

    /// Handles a message that follows the memory. It carries a peer's next eventfd, or no eventfd if the peer has left.
    pub fn hear(&mut self, message: Message) -> Result<(), Refusal> {
        let id = u16::try_from(message.number).map_err(|_| Refusal::NotId)?;
        match message.fd {
            None if !message.fd_lost => {
                // Ignores a message that this peer itself has left, which a correct server never sends.
                if id != self.own.0 {
                    self.eventfds.remove(&id);
                }
            }
            fd => {
                if let Some(fd) = fd.as_ref().filter(|_| id == self.own.0) {
                    check_own(fd).map_err(|_| Refusal::NotEventfd)?;
                }
                let fds = self.eventfds.entry(id).or_default();
                if fds.len() < VECTORS_MAX {
                    fds.push(fd.map(|fd| {
                        // Not every server sets this flag. This process does not depend on it, but other processes that
                        // have the eventfd may.
                        if let Ok(flags) = fcntl_getfl(&fd) {
                            let _ = fcntl_setfl(&fd, flags | OFlags::NONBLOCK);
                        }
                        Arc::new(fd)
                    }));
                }
            }
        }
        Ok(())
    }

    /// Handles all messages that have arrived. Drops the connection if it is lost or the server violates the protocol.
    pub fn catch_up(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        while let Ok(message) = connection.next() {
            match message.map(|message| self.hear(message)) {
                Some(Ok(())) => {}
                Some(Err(_)) => return,
                None => {
                    self.connection = Some(connection);
                    return;
                }
            }
        }
    }

    fn eventfd(&self, peer: PeerId, vector: Vector) -> Option<Arc<OwnedFd>> {
        self.eventfds.get(&peer.0)?.get(usize::from(vector.0))?.clone()
    }
}

/// Checks that `fd` is an eventfd by ringing it. Earlier rings are preserved.
fn check_own(fd: &OwnedFd) -> Result<(), Errno> {
    bell::ring(fd)?;
    if bell::take(fd)? > 1 {
        bell::ring(fd)?;
    }
    Ok(())
}

/// The doorbells of all peers, including this peer. It can be cloned and sent to other threads.
#[derive(Clone, Debug)]
pub struct HostDoorbell {
    peers: Arc<Mutex<Peers>>,
}

impl HostDoorbell {
    pub(crate) fn new(peers: Arc<Mutex<Peers>>) -> Self {
        Self { peers }
    }
}

impl Doorbell for HostDoorbell {
    fn ring(&self, peer: PeerId, vector: Vector) -> Result<(), VectorOutOfRange> {
        let mut peers = lock(&self.peers);
        let mut eventfd = peers.eventfd(peer, vector);
        if eventfd.is_none() {
            // The other side may already be visible in the memory before the server's message has been read.
            peers.catch_up();
            eventfd = peers.eventfd(peer, vector);
        }
        let vectors = peers.vectors();
        drop(peers);
        if vector.0 >= vectors {
            return Err(VectorOutOfRange { vector, vectors });
        }
        if let Some(eventfd) = eventfd {
            // Makes earlier stores to the memory visible before the ring.
            fence(Ordering::SeqCst);
            // This fails only if the descriptor is not an eventfd, and therefore not a doorbell.
            let _ = bell::ring(&eventfd);
        }
        Ok(())
    }
}
