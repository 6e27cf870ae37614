// SPDX-License-Identifier: Apache-2.0
//! The host port, with which a Linux process joins an ivshmem server as a peer of QEMU machines or other processes.
//!
//! [`Peer::connect`] speaks version 0 of QEMU's ivshmem protocol (QEMU's `docs/specs/ivshmem-spec`, "Client-server
//! protocol"), and maps the memory. The [`Peer`] is a [`Port`] like any other.
//!
//! ```no_run
//! use amp_ivshmem::platform::{Doorbell, PeerId, Port, Vector};
//! use std::time::Duration;
//!
//! let mut peer = amp_ivshmem_host::Peer::connect("/run/user/1000/ivshmem", Duration::from_secs(1))?;
//! peer.doorbell().ring(PeerId(0), Vector(0))?;
//! peer.wait(Some(peer.now() + Duration::from_secs(1)));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

mod bell;
mod clock;
mod connection;
mod error;
mod mapping;
mod peers;

use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use amp_ivshmem::platform::{Instant, PeerId, Port};
use rustix::event::{PollFd, PollFlags, poll};

use clock::{now, timespec};
use connection::Connection;
pub use error::{ConnectError, SOCKET_PATH_MAX};
pub use mapping::Mapping;
pub use peers::HostDoorbell;
use peers::{Peers, Refusal, lock};

/// This process as a peer of an ivshmem server.
///
/// Values from [`memory`](Port::memory) keep the memory mapped, and [`HostDoorbell`]s keep the doorbells open, even
/// after the `Peer` has been dropped. If the server stops, peers that know each other can still communicate.
///
/// Other peers cannot make this process block, even if they manipulate their own eventfds or this peer's eventfds.
/// After a `fork`, the child process cannot ring doorbells.
#[derive(Debug)]
pub struct Peer {
    id: PeerId,
    memory: Mapping,
    peers: Arc<Mutex<Peers>>,
    /// True once [`server_has_gone`](Self::server_has_gone) has returned true.
    loss_said: bool,
}

impl Peer {
    /// Connects to the server at `path`. Waits up to `timeout` until the server has accepted the connection, and has
    /// sent the memory and this peer's first eventfd.
    ///
    /// # Errors
    /// Returns a [`ConnectError`] if there is no server, or if the server does not answer in time or speaks a different
    /// protocol. Also returns a [`ConnectError`] if the memory cannot be mapped.
    pub fn connect(path: impl AsRef<Path>, timeout: Duration) -> Result<Self, ConnectError> {
        let deadline = now() + timeout;
        Self::greet(Connection::open(path.as_ref(), deadline)?, deadline)
    }

    /// Does the same as [`connect`](Self::connect), but over a socket that is already connected to the server.
    ///
    /// # Errors
    /// Returns the same errors as [`connect`](Self::connect).
    pub fn over(socket: OwnedFd, timeout: Duration) -> Result<Self, ConnectError> {
        Self::greet(Connection::over(socket), now() + timeout)
    }

    fn greet(mut connection: Connection, deadline: Instant) -> Result<Self, ConnectError> {
        bell::prepare()?;
        let version = connection.expect("its protocol version", deadline)?;
        if version.number != 0 || version.fd.is_some() {
            return Err(ConnectError::Version { number: version.number });
        }
        let number = connection.expect("this peer's id", deadline)?.number;
        let id = u16::try_from(number).map_err(|_| ConnectError::Protocol { what: "an id", number })?;
        let memory = connection.expect("the memory", deadline)?;
        if memory.number != -1 {
            return Err(ConnectError::Protocol { what: "the memory (-1)", number: memory.number });
        }
        let memory = Mapping::new(&memory.fd.ok_or(ConnectError::NoMemory)?)?;
        let mut peers = Peers::new(PeerId(id));
        while peers.vectors() == 0 {
            let message = connection.expect("this peer's eventfd", deadline)?;
            let number = message.number;
            peers.hear(message).map_err(|refusal| match refusal {
                Refusal::NotId => ConnectError::Protocol { what: "a peer's id", number },
                Refusal::NotEventfd => ConnectError::NotEventfd,
            })?;
        }
        peers.connection = Some(connection);
        peers.catch_up();
        Ok(Self { id: PeerId(id), memory, peers: Arc::new(Mutex::new(peers)), loss_said: false })
    }

    /// Returns the number of this peer's vectors that the server has announced so far, which is at least 1.
    #[must_use]
    pub fn vectors(&self) -> u16 {
        lock(&self.peers).vectors()
    }

    /// Returns the other peers that the server has announced, in no particular order.
    #[must_use]
    pub fn others(&self) -> Vec<PeerId> {
        lock(&self.peers).others()
    }

    /// Returns true once after the connection to the server has been lost, and false otherwise. Without the server,
    /// this peer does not learn of new peers, but the memory and the doorbells of known peers still work.
    pub fn server_has_gone(&mut self) -> bool {
        let gone = lock(&self.peers).connection.is_none();
        gone && !std::mem::replace(&mut self.loss_said, true)
    }
}

impl Port for Peer {
    type Memory = Mapping;
    type Doorbell = HostDoorbell;

    fn memory(&self) -> Mapping {
        self.memory.clone()
    }

    fn doorbell(&self) -> HostDoorbell {
        HostDoorbell::new(Arc::clone(&self.peers))
    }

    fn id(&self) -> PeerId {
        self.id
    }

    fn now(&self) -> Instant {
        now()
    }

    fn wait(&mut self, deadline: Option<Instant>) {
        // Clones the handles, so that other threads can lock the peers and ring doorbells while this one sleeps.
        let (own, connection) = lock(&self.peers).to_poll();
        let mut fds: Vec<PollFd<'_>> = own.iter().map(|fd| PollFd::new(&**fd, PollFlags::IN)).collect();
        fds.extend(connection.iter().map(|fd| PollFd::new(&**fd, PollFlags::IN)));
        let timeout = deadline.map(|deadline| timespec(deadline.micros_since(now())));
        // `poll` fails on a signal or for lack of memory. A wait is allowed to return early.
        if poll(&mut fds, timeout.as_ref()).is_err() {
            return;
        }
        for (fd, polled) in own.iter().zip(&fds) {
            if !polled.revents().is_empty() {
                // Takes all rings so far at once. Another process may have taken them already.
                let _ = bell::take(&**fd);
            }
        }
        if fds.iter().skip(own.len()).any(|polled| !polled.revents().is_empty()) {
            lock(&self.peers).catch_up();
        }
    }
}
