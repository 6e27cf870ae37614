// SPDX-License-Identifier: Apache-2.0
//! Fuzzes the ivshmem server with clients that join, leave, read late, close one direction and send forbidden messages,
//! in any order. The messages to each client must follow the protocol. At the end, each client must know exactly the
//! peers that are alive, and must be able to ring each of these peers.

use std::collections::BTreeMap;
use std::net::Shutdown;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use amp_ivshmem_server::{Event, Options, Reason, Server, Serving};
use rustix::fs::Timespec;
use tempfile::TempDir;

use crate::input::Input;
use crate::socket::{self, Read};

const CLIENTS: usize = 6;
/// The maximum number of clients that the server accepts per turn.
const ACCEPTS: usize = 16;
/// The maximum number of clients waiting to be accepted. If there were more clients than the socket's backlog,
/// `connect` would block.
const WAITING: usize = 1000;
const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

/// The messages that a client has read so far.
#[derive(Debug, Default)]
struct Told {
    messages: u32,
    id: u16,
    memory: Option<OwnedFd>,
    /// The eventfds of each peer.
    peers: BTreeMap<u16, Vec<OwnedFd>>,
}

#[derive(Debug)]
struct Client {
    socket: UnixStream,
    told: Told,
    /// True if the client has sent something or has closed its sending direction. The server must then drop the client.
    bad: bool,
    closed: bool,
}

impl Client {
    /// Reads at most `most` messages. Returns true if there was anything to read.
    fn read(&mut self, most: u32, vectors: usize) -> bool {
        for number in 0..most {
            match socket::read(&self.socket) {
                Read::Message(number, fd) => self.told.hear(number, fd, vectors),
                Read::Nothing => return number > 0,
                Read::Closed => {
                    assert!(self.bad, "dropped, and has done nothing wrong");
                    return !std::mem::replace(&mut self.closed, true);
                }
            }
        }
        most > 0
    }
}

impl Told {
    fn hear(&mut self, number: i64, fd: Option<OwnedFd>, vectors: usize) {
        self.messages += 1;
        match (self.messages, fd) {
            (1, None) => assert_eq!(number, 0, "not the protocol's version"),
            (2, None) => self.id = u16::try_from(number).expect("an id"),
            (3, Some(fd)) => {
                assert_eq!(number, -1, "not the memory");
                self.memory = Some(fd);
            }
            (1..=3, fd) => panic!("message {} of the greeting is {number} with {fd:?}", self.messages),
            (_, Some(fd)) => {
                let fds = self.peers.entry(u16::try_from(number).expect("an id")).or_default();
                fds.push(fd);
                assert!(fds.len() <= vectors, "{} vectors of {number}", fds.len());
            }
            (_, None) => {
                let id = u16::try_from(number).expect("an id");
                assert_ne!(id, self.id, "told of its own end");
                // If a peer leaves before all its eventfds have been sent, the server may withdraw the peer.
                assert!(self.peers.remove(&id).is_some(), "the end of {id}, of which nothing was said");
            }
        }
    }
}

struct World {
    path: PathBuf,
    vectors: usize,
    clients: Vec<Client>,
    /// Number of clients waiting to be accepted. Most of these clients may already have disconnected.
    waiting: usize,
}

impl World {
    /// Connects a new client unless too many clients are waiting.
    fn connect(&mut self) -> Option<UnixStream> {
        let room = self.waiting < WAITING;
        self.waiting += usize::from(room);
        room.then(|| UnixStream::connect(&self.path).expect("the server listens"))
    }

    fn join(&mut self) {
        if self.clients.len() < CLIENTS
            && let Some(socket) = self.connect()
        {
            self.clients.push(Client { socket, told: Told::default(), bad: false, closed: false });
        }
    }

    fn turn(&mut self, serving: &mut Serving<impl FnMut(Event)>) {
        assert_eq!(serving.turn(&[], Some(NOW)).expect("polls"), None);
        self.waiting = self.waiting.saturating_sub(ACCEPTS);
    }

    /// Ends the run: all clients read until the server has no more messages for them.
    fn settle(&mut self, serving: &mut Serving<impl FnMut(Event)>) {
        // In each turn, the server accepts only some of the waiting clients, including clients that have already left.
        let (mut quiet, enough) = (0, 20 + self.waiting / ACCEPTS);
        for _ in 0..256 + enough {
            self.turn(serving);
            let read =
                self.clients.iter_mut().filter_map(|client| client.read(u32::MAX, self.vectors).then_some(())).count();
            quiet = if read == 0 { quiet + 1 } else { 0 };
            if quiet == enough {
                break;
            }
        }
        assert!(self.clients.iter().all(|client| client.closed == client.bad), "dropped, or kept, wrongly");
        self.clients.retain(|client| !client.closed);
    }

    fn check(&self) {
        let mut ids: Vec<u16> = self.clients.iter().map(|client| client.told.id).collect();
        ids.sort_unstable();
        for client in &self.clients {
            let told = &client.told;
            assert!(told.messages > 3 && told.memory.is_some(), "not greeted: {told:?}");
            let known: Vec<u16> = told.peers.keys().copied().collect();
            assert_eq!(known, ids, "{} knows others than there are", told.id);
            assert!(told.peers.values().all(|fds| fds.len() == self.vectors), "vectors are missing: {told:?}");
            for other in &self.clients {
                for (ring, bell) in told.peers[&other.told.id].iter().zip(&other.told.peers[&other.told.id]) {
                    assert_eq!(rustix::io::write(ring, &1_u64.to_ne_bytes()), Ok(8));
                    let mut count = [0; 8];
                    assert_eq!(rustix::io::read(bell, &mut count), Ok(8), "rung, and not heard");
                    assert_eq!(u64::from_ne_bytes(count), 1, "somebody else's doorbell");
                }
            }
        }
        ids.dedup();
        assert_eq!(ids.len(), self.clients.len(), "an id twice");
    }
}

/// Runs one input.
pub fn run(data: &[u8]) {
    thread_local! {
        static FOLDER: TempDir = tempfile::tempdir().expect("a folder");
    }
    let input = Input::default();
    input.set(data);
    let Some(first) = input.byte() else { return };
    let path = FOLDER.with(|folder| folder.path().join("socket"));
    let vectors = 1 + usize::from(first & 1);
    let options = Options { size: 4096, vectors: vectors as u16, ..Options::new(&path) };
    let report = |event: Event| match event {
        Event::Left(_, Reason::DidNotRead | Reason::Fault) | Event::Refused(_) => panic!("{event}"),
        _ => {}
    };
    let mut serving = Serving::new(Server::bind(&options).expect("binds"), report).expect("serves");
    let mut world = World { path, vectors, clients: Vec::new(), waiting: 0 };
    while let Some(byte) = input.byte() {
        let (operation, argument) = (byte & 7, usize::from(byte >> 3));
        let which = argument.checked_rem(world.clients.len());
        match (operation, which) {
            (0, _) => world.join(),
            (1, Some(which)) => drop(world.clients.swap_remove(which)),
            (2, Some(which)) => {
                let client = &mut world.clients[which];
                socket::send(&client.socket, &data[..data.len().min(1 + argument)], &[]);
                client.bad = true;
            }
            (3, Some(which)) => {
                let _ = world.clients[which].socket.shutdown(Shutdown::Write);
                world.clients[which].bad = true;
            }
            (4, Some(which)) => drop(world.clients[which].read(1 + argument as u32 / 4, vectors)),
            // A client connects and leaves immediately.
            (5, _) => drop(world.connect()),
            _ => world.turn(&mut serving),
        }
    }
    world.settle(&mut serving);
    world.check();
}
