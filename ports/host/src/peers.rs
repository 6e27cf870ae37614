//! Who is there, by the server's messages, and the doorbells of each.

use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use amp_ivshmem::platform::{Doorbell, PeerId, Vector, VectorOutOfRange};
use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};

use crate::connection::{Connection, Lost, Message};

/// More eventfds of one peer than QEMU's devices can have are closed, so that a mad server cannot use up descriptors.
const VECTORS_MAX: usize = 64;

/// The peers' eventfds, and the connection on which more of them arrive.
#[derive(Debug)]
pub struct Peers {
    own: PeerId,
    /// By id, then by vector; none where one did not arrive. This peer's own are among them: it may ring itself.
    eventfds: HashMap<u16, Vec<Option<Arc<OwnedFd>>>>,
    /// None before the greeting is over, and when the server has gone.
    pub connection: Option<Connection>,
}

/// What to poll for this peer.
pub type ToPoll = (Vec<Arc<OwnedFd>>, Option<Arc<OwnedFd>>);

/// The peers, also where a thread panicked meanwhile: no step leaves them inconsistent.
pub fn lock(peers: &Mutex<Peers>) -> MutexGuard<'_, Peers> {
    peers.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Peers {
    pub fn new(own: PeerId) -> Self {
        Self { own, eventfds: HashMap::new(), connection: None }
    }

    /// How many vectors this peer has.
    pub fn vectors(&self) -> u16 {
        self.eventfds.get(&self.own.0).map_or(0, |fds| u16::try_from(fds.len()).unwrap_or(u16::MAX))
    }

    /// All but this peer.
    pub fn others(&self) -> Vec<PeerId> {
        self.eventfds.keys().copied().map(PeerId).filter(|&id| id != self.own).collect()
    }

    /// This peer's own eventfds, and the connection.
    pub fn to_poll(&self) -> ToPoll {
        let own = self.eventfds.get(&self.own.0).into_iter().flatten().flatten().cloned().collect();
        (own, self.connection.as_ref().map(|connection| Arc::clone(connection.socket())))
    }

    /// Takes in one message after the memory: a peer's next eventfd, or without one, its end.
    pub fn hear(&mut self, message: Message) -> Result<(), Lost> {
        let id = u16::try_from(message.number).map_err(|_| Lost)?;
        match message.fd {
            None if !message.fd_lost => {
                // The server does not announce our own end, for who would read it?
                if id != self.own.0 {
                    self.eventfds.remove(&id);
                }
            }
            fd => {
                let fds = self.eventfds.entry(id).or_default();
                if fds.len() < VECTORS_MAX {
                    fds.push(fd.map(|fd| {
                        // Not every server sees to this, and neither ringing nor being rung may ever block.
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

    /// Takes in all messages that have arrived. A server that is gone, or that breaks the protocol, is heard no more.
    pub fn catch_up(&mut self) {
        let Some(mut connection) = self.connection.take() else { return };
        while let Ok(message) = connection.next() {
            match message.map(|message| self.hear(message)) {
                Some(Ok(())) => {}
                Some(Err(Lost)) => return,
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

/// The doorbells of all peers, this one's own included. Can be cloned and sent to other threads.
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
            // The peer may have been seen in the memory before the server's word of it was read.
            peers.catch_up();
            eventfd = peers.eventfd(peer, vector);
        }
        let vectors = peers.vectors();
        drop(peers);
        if vector.0 >= vectors {
            return Err(VectorOutOfRange { vector, vectors });
        }
        if let Some(eventfd) = eventfd {
            // Stores to the memory come before the ring, whatever the kernel does.
            fence(Ordering::SeqCst);
            // Full means that the peer has not looked since the last ring: it will. There are no other errors.
            let _ = rustix::io::write(&eventfd, &1_u64.to_ne_bytes());
        }
        Ok(())
    }
}
