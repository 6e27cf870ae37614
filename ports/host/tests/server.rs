// SPDX-License-Identifier: Apache-2.0
//! Tests the server together with the host port.

use std::os::unix::net::{UnixListener, UnixStream};
use std::thread;
use std::time::{Duration, Instant as Clock};

use amp_ivshmem::mem::{Bytes, SharedMemory};
use amp_ivshmem::platform::{Doorbell, PeerId, Port, Vector};
use amp_ivshmem_host::{ConnectError, Peer};
use rustix::net::{AddressFamily, SocketAddrUnix, SocketType, bind, listen, socket};
use tempfile::TempDir;

use amp_ivshmem_server::{Options, Running, SIZE_MAX, Server};

const LIMIT: Duration = Duration::from_secs(10);

fn start(vectors: u16) -> (TempDir, Options, Running) {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options { size: 1 << 16, vectors, ..Options::new(directory.path().join("socket")) };
    let server = Server::start(&options).expect("starts");
    (directory, options, server)
}

/// Waits for doorbells until `met` returns true.
fn wait_until(peer: &mut Peer, met: impl Fn(&Peer) -> bool) {
    let end = peer.now() + LIMIT;
    while !met(peer) {
        assert!(peer.now() < end, "not in time");
        peer.wait(Some(end));
    }
}

#[test]
fn two_peers_share_memory_and_ring_each_other() {
    let (_directory, options, _server) = start(1);
    let mut first = Peer::connect(&options.socket, LIMIT).expect("connects");
    let mut second = Peer::connect(&options.socket, LIMIT).expect("connects");
    assert_eq!((first.id(), second.id(), first.vectors()), (PeerId(0), PeerId(1), 1));
    assert_eq!(first.memory().len(), 1 << 16);
    let here = Bytes::new(&first.memory(), 0x100, 16).expect("inside");
    let there = Bytes::new(&second.memory(), 0x100, 16).expect("inside");
    // The first peer can ring the second one, although it has not waited since the second one joined.
    here.write(3, b"hello").expect("inside");
    first.doorbell().ring(PeerId(1), Vector(0)).expect("a vector that is there");
    second.wait(None);
    let mut bytes = [0; 5];
    there.read(3, &mut bytes).expect("inside");
    assert_eq!(&bytes, b"hello");
    // The second peer rings the first one while the first one sleeps.
    let doorbell = second.doorbell();
    let ringer = thread::spawn(move || {
        thread::sleep(Duration::from_millis(50));
        there.write(0, b"x").expect("inside");
        doorbell.ring(PeerId(0), Vector(0)).expect("a vector that is there");
    });
    wait_until(&mut first, |_| {
        let mut byte = [0];
        here.read(0, &mut byte).expect("inside");
        byte == *b"x"
    });
    ringer.join().expect("no panic");
    assert_eq!(first.others(), [PeerId(1)]);
    drop(second);
    wait_until(&mut first, |peer| peer.others().is_empty());
}

#[test]
fn a_ring_before_the_wait_is_not_slept_through_and_is_taken_once() {
    let (_directory, options, _server) = start(1);
    let mut peer = Peer::connect(&options.socket, LIMIT).expect("connects");
    peer.doorbell().ring(PeerId(0), Vector(0)).expect("one's own");
    peer.doorbell().ring(PeerId(0), Vector(0)).expect("one's own");
    peer.wait(None);
    let started = Clock::now();
    peer.wait(Some(peer.now() + Duration::from_millis(30)));
    assert!(started.elapsed() >= Duration::from_millis(29), "woke with nothing rung");
}

#[test]
fn a_past_deadline_returns_at_once() {
    let (_directory, options, _server) = start(1);
    let mut peer = Peer::connect(&options.socket, LIMIT).expect("connects");
    peer.wait(Some(peer.now()));
    peer.wait(Some(amp_ivshmem::platform::Instant::default()));
}

#[test]
fn vectors_out_of_range_are_errors_and_unknown_peers_are_not() {
    let (_directory, options, _server) = start(2);
    let mut peer = Peer::connect(&options.socket, LIMIT).expect("connects");
    wait_until(&mut peer, |peer| peer.vectors() == 2);
    let doorbell = peer.doorbell();
    doorbell.ring(PeerId(7), Vector(1)).expect("lost, without an error");
    let error = doorbell.ring(PeerId(0), Vector(2)).expect_err("out of range");
    assert_eq!((error.vector, error.vectors), (Vector(2), 2));
    doorbell.ring(PeerId(7), Vector(2)).expect_err("out of range also of an unknown peer");
    doorbell.ring(PeerId(0), Vector(1)).expect("in range");
    peer.wait(None);
}

#[test]
fn peers_go_on_without_their_server_and_hear_of_it_once() {
    let (_directory, options, server) = start(1);
    let mut first = Peer::connect(&options.socket, LIMIT).expect("connects");
    let mut second = Peer::connect(&options.socket, LIMIT).expect("connects");
    wait_until(&mut first, |peer| !peer.others().is_empty());
    assert!(!first.server_has_gone());
    server.stop().expect("stops");
    first.wait(Some(first.now() + LIMIT));
    assert!(first.server_has_gone());
    assert!(!first.server_has_gone(), "said once");
    first.doorbell().ring(PeerId(1), Vector(0)).expect("rings");
    second.wait(None);
    second.doorbell().ring(PeerId(0), Vector(0)).expect("rings");
    first.wait(None);
    // The memory stays mapped after the peer has been dropped.
    let memory = first.memory();
    drop(first);
    Bytes::new(&memory, 0, 8).expect("inside").write(0, &[1; 8]).expect("inside");
}

#[test]
fn the_largest_memory_is_one_that_a_process_maps() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options { size: SIZE_MAX, ..Options::new(directory.path().join("socket")) };
    let _server = Server::start(&options).expect("starts");
    let peer = Peer::connect(&options.socket, LIMIT).expect("connects");
    assert_eq!(u64::from(peer.memory().len()), SIZE_MAX);
}

#[test]
fn a_server_that_does_not_accept_is_waited_for_until_the_deadline() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let listener = socket(AddressFamily::UNIX, SocketType::STREAM, None).expect("a socket");
    bind(&listener, &SocketAddrUnix::new(&path).expect("an address")).expect("binds");
    // The backlog holds one connection.
    listen(&listener, 0).expect("listens");
    let _waiting = UnixStream::connect(&path).expect("the one");
    let started = Clock::now();
    let error = Peer::connect(&path, Duration::from_millis(100)).expect_err("full").to_string();
    assert!(error.contains("does not accept connections"), "{error}");
    assert!(started.elapsed() >= Duration::from_millis(99), "gave up early");
    // The backlog empties within the time limit.
    let listener = UnixListener::from(listener);
    let error = thread::scope(|scope| {
        scope.spawn(|| {
            thread::sleep(Duration::from_millis(100));
            drop(listener.accept().expect("the one"));
            drop(listener.accept().expect("the peer"));
        });
        Peer::connect(&path, LIMIT).expect_err("closed at once").to_string()
    });
    assert!(error.contains("closed the connection before it sent its protocol version"), "{error}");
}

#[test]
fn connecting_says_what_is_wrong() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("socket");
    let absent = Peer::connect(&path, LIMIT).expect_err("no server").to_string();
    assert!(absent.contains("no ivshmem server at"), "{absent}");
    // Formats the error as the tool does. The message must contain each cause exactly once.
    let error = Peer::connect(&path, LIMIT).expect_err("no server");
    let source = std::error::Error::source(&error).map(|source| format!(": {source}"));
    let printed = format!("{error}{}", source.unwrap_or_default());
    assert_eq!((printed.matches("No such file").count(), printed), (1, absent));
    assert!(matches!(Peer::connect("x".repeat(108), LIMIT), Err(ConnectError::Path { .. })));
    // A server that accepts and sends nothing.
    let listener = UnixListener::bind(&path).expect("binds");
    let error = Peer::connect(&path, Duration::from_millis(50)).expect_err("silent").to_string();
    assert!(error.contains("did not send its protocol version in time"), "{error}");
    // A server that sends invalid messages, or closes the connection.
    drop(listener.accept());
    for (says, message) in [
        (vec![2_i64], "speaks version 2"),
        (vec![0, 70_000], "sent 70000 where an id was due"),
        (vec![0, 1, 5], "where the memory (-1) was due"),
        (vec![0, 1, -1], "memory did not arrive"),
        (vec![0, 1], "closed the connection before it sent the memory"),
    ] {
        let error = thread::scope(|scope| {
            scope.spawn(|| {
                let (mut client, _) = listener.accept().expect("a client");
                let bytes: Vec<u8> = says.iter().flat_map(|number| number.to_le_bytes()).collect();
                std::io::Write::write_all(&mut client, &bytes).expect("sends");
            });
            Peer::connect(&path, LIMIT).expect_err(message).to_string()
        });
        assert!(error.contains(message), "{error}");
    }
}
