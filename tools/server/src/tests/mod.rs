// SPDX-License-Identifier: Apache-2.0
//! Tests the server with real sockets, as its clients see it.

mod faults;
mod options;
mod random;

use std::io::{IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use rustix::fs::{SealFlags, fcntl_get_seals, fstat, ftruncate};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tempfile::TempDir;

use super::{Event, Faults, Options, Reason, Running, Server};

const LIMIT: Duration = Duration::from_secs(10);

/// A server with its own temporary directory.
struct Rig {
    directory: TempDir,
    options: Options,
    events: Receiver<Event>,
    server: Option<Running>,
}

impl Rig {
    fn new(vectors: u16) -> Self {
        Self::with_faults(vectors, None)
    }

    fn with_faults(vectors: u16, faults: Option<Faults>) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let options = Options { size: 1 << 16, vectors, faults, ..Options::new(directory.path().join("socket")) };
        let (sender, events) = channel();
        let server = Server::start_reporting(&options, move |event| sender.send(event).unwrap_or(())).expect("starts");
        Self { directory, options, events, server: Some(server) }
    }

    /// Connects a client that does not read anything yet.
    fn connect(&self) -> UnixStream {
        let client = UnixStream::connect(&self.options.socket).expect("connects");
        client.set_read_timeout(Some(LIMIT)).expect("a time limit");
        client
    }

    /// Connects a client, and reads its greeting. Returns the client and its memory.
    fn greeted(&self, id: i64) -> (UnixStream, OwnedFd) {
        let client = self.connect();
        assert_eq!(next(&client).0, 0);
        assert_eq!(next(&client).0, id);
        let (number, memory) = next(&client);
        assert_eq!(number, -1);
        (client, memory.expect("the memory"))
    }

    fn event(&self) -> Event {
        self.events.recv_timeout(LIMIT).expect("an event")
    }
}

/// Returns the next message.
fn next(client: &UnixStream) -> (i64, Option<OwnedFd>) {
    let mut bytes = [0; 8];
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let got = recvmsg(client, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC);
    assert_eq!(got.expect("a message in time").bytes, 8);
    let mut fds = ancillary.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(fds) => Some(fds),
        _ => None,
    });
    let fd = fds.next().and_then(|mut fds| fds.next());
    (i64::from_le_bytes(bytes), fd)
}

fn expect(client: &UnixStream, number: i64, with_fd: bool) {
    let (found, fd) = next(client);
    assert_eq!((found, fd.is_some()), (number, with_fd));
}

#[test]
fn greets_in_the_protocols_order_and_tells_of_comings_and_goings() {
    let rig = Rig::new(2);
    let first = rig.connect();
    for (number, with_fd) in [(0, false), (0, false), (-1, true), (0, true), (0, true)] {
        expect(&first, number, with_fd);
    }
    let second = rig.connect();
    for (number, with_fd) in [(0, false), (1, false), (-1, true), (0, true), (0, true), (1, true), (1, true)] {
        expect(&second, number, with_fd);
    }
    expect(&first, 1, true);
    expect(&first, 1, true);
    drop(second);
    expect(&first, 1, false);
    // The id of the client that left is not reused.
    let (_third, _) = rig.greeted(2);
    expect(&first, 2, true);
    let events: Vec<Event> = (0..4).map(|_| rig.event()).collect();
    assert_eq!(events, [Event::Joined(0), Event::Joined(1), Event::Left(1, Reason::Closed), Event::Joined(2)]);
}

#[test]
fn an_eventfd_rings_from_one_client_to_the_other() {
    let rig = Rig::new(1);
    let (first, _) = rig.greeted(0);
    let (_, own) = next(&first);
    let (second, _) = rig.greeted(1);
    let (_, peer) = next(&second);
    rustix::io::write(peer.expect("eventfd"), &1_u64.to_ne_bytes()).expect("rings");
    let mut count = [0; 8];
    rustix::io::read(own.expect("eventfd"), &mut count).expect("rung");
    assert_eq!(u64::from_ne_bytes(count), 1);
}

#[test]
fn nobody_can_resize_the_memory() {
    let rig = Rig::new(1);
    let (_client, memory) = rig.greeted(0);
    assert_eq!(fstat(&memory).expect("its size").st_size, 1 << 16);
    assert_eq!(ftruncate(&memory, 0), Err(Errno::PERM));
    assert_eq!(ftruncate(&memory, 1 << 20), Err(Errno::PERM));
    let seals = fcntl_get_seals(&memory).expect("seals");
    assert_eq!(seals, SealFlags::SHRINK | SealFlags::GROW | SealFlags::SEAL);
}

#[test]
fn a_client_that_sends_data_is_dropped_and_the_others_stay() {
    let rig = Rig::new(1);
    let (first, _) = rig.greeted(0);
    expect(&first, 0, true);
    let (mut second, _) = rig.greeted(1);
    expect(&first, 1, true);
    second.write_all(b"hello").expect("sends");
    expect(&first, 1, false);
    assert_eq!([rig.event(), rig.event(), rig.event()][2], Event::Left(1, Reason::SentData));
    let (_third, _) = rig.greeted(2);
    expect(&first, 2, true);
}

#[test]
fn a_client_that_does_not_read_delays_nobody_and_misses_nothing() {
    let rig = Rig::new(8);
    let asleep = rig.connect();
    assert_eq!(rig.event(), Event::Joined(0));
    for id in 1..=500 {
        // Each client immediately reads all announcements, which are about itself, the sleeper, and the witness.
        let (client, _) = rig.greeted(id);
        (0..16).for_each(|_| assert!(next(&client).1.is_some()));
        assert_eq!(rig.event(), Event::Joined(u16::try_from(id).expect("an id")));
        drop(client);
        assert_eq!(rig.event(), Event::Left(u16::try_from(id).expect("an id"), Reason::Closed));
    }
    let (_last, _) = rig.greeted(501);
    // The sleeper's view is consistent. For each client that came and went, it got all messages, none, or only the
    // message that the client left.
    for (number, with_fd) in [(0, false), (0, false), (-1, true)] {
        expect(&asleep, number, with_fd);
    }
    (0..8).for_each(|_| expect(&asleep, 0, true));
    let mut known = std::collections::BTreeMap::new();
    while known.get(&501) != Some(&8) {
        let (number, fd) = next(&asleep);
        let count = known.entry(number).or_insert(0);
        match fd {
            Some(_) => *count += 1,
            None => assert!(known.remove(&number) > Some(0), "heard of the end of {number} only"),
        }
    }
    assert_eq!(known.into_iter().collect::<Vec<_>>(), [(501, 8)]);
}

#[test]
fn many_clients_that_do_not_read_do_not_use_up_the_users_descriptors_in_flight() {
    let rig = Rig::new(1);
    let asleep: Vec<UnixStream> = (0..60).map(|_| rig.connect()).collect();
    let (awake, _) = rig.greeted(60);
    (0..=60).for_each(|id| expect(&awake, id, true));
    drop(asleep);
    let mut gone: Vec<i64> = (0..60).map(|_| next(&awake).0).collect();
    gone.sort_unstable();
    assert_eq!(gone, (0..60).collect::<Vec<_>>());
}
