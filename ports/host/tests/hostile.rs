// SPDX-License-Identifier: Apache-2.0
//! Tests the host port against peers and servers that try to make it block. They use blocking eventfds, eventfds that
//! another process reads first, and descriptors that are not eventfds.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, mpsc};
use std::thread;
use std::time::{Duration, Instant};

use amp_ivshmem::platform::{Doorbell, PeerId, Port, Vector};
use amp_ivshmem_host::Peer;
use amp_ivshmem_server::{Options, Running, Server};
use rustix::event::{EventfdFlags, epoll, eventfd};
use rustix::fs::{MemfdFlags, OFlags, fcntl_setfl, ftruncate, memfd_create};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair,
};
use tempfile::TempDir;

/// Time limit for operations that must not block.
const LIMIT: Duration = Duration::from_secs(5);
/// Duration of a race test.
const RACE: Duration = Duration::from_secs(2);

/// Maximum value of an eventfd's counter.
const FULL: u64 = u64::MAX - 1;

fn start() -> (TempDir, Options, Running) {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options { size: 1 << 16, ..Options::new(directory.path().join("socket")) };
    let server = Server::start(&options).expect("starts");
    (directory, options, server)
}

/// Receives the next message, and returns its descriptor, if any.
fn next(client: &UnixStream) -> Option<OwnedFd> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; 8];
    let got = recvmsg(client, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, RecvFlags::CMSG_CLOEXEC);
    assert_eq!(got.expect("a message").bytes, 8);
    ancillary.drain().find_map(|message| match message {
        RecvAncillaryMessage::ScmRights(mut fds) => fds.next(),
        _ => None,
    })
}

/// Joins the server as peer `id`. Returns the connection and the eventfds of peers 0 to `id`.
fn join(options: &Options, id: usize) -> (UnixStream, Vec<OwnedFd>) {
    let client = UnixStream::connect(&options.socket).expect("connects");
    client.set_read_timeout(Some(LIMIT)).expect("a time limit");
    let without = [next(&client).is_none(), next(&client).is_none(), next(&client).is_some()];
    assert_eq!(without, [true; 3], "the greeting");
    let eventfds = (0..=id).map(|_| next(&client).expect("an eventfd")).collect();
    (client, eventfds)
}

/// Runs `work` in a separate thread, and panics if it does not finish in time.
fn in_time<T: Send + 'static>(what: &str, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (sender, ended) = mpsc::channel();
    thread::spawn(move || sender.send(work()));
    ended.recv_timeout(LIMIT).unwrap_or_else(|_| panic!("{what} stands still"))
}

/// Makes reads and writes of the eventfd blocking in every process that has it.
fn make_blocking(eventfd: &OwnedFd) {
    fcntl_setfl(eventfd, OFlags::empty()).expect("its flags");
}

#[test]
fn a_full_eventfd_that_blocks_does_not_stop_the_one_who_rings() {
    let (_directory, options, _server) = start();
    let peer = Peer::connect(&options.socket, LIMIT).expect("connects");
    let (_hostile, mut eventfds) = join(&options, 1);
    let own = eventfds.pop().expect("its own");
    peer.doorbell().ring(PeerId(1), Vector(0)).expect("before");
    assert_eq!(rustix::io::read(&own, &mut [0; 8]), Ok(8), "it is rung");
    make_blocking(&own);
    rustix::io::write(&own, &FULL.to_ne_bytes()).expect("fills it");
    in_time("ring()", move || peer.doorbell().ring(PeerId(1), Vector(0))).expect("a vector that is there");
}

/// Calls `act` in one thread and `attack` in another thread, both in a loop, for the duration of a race test. If an
/// attack makes `act` block, the attacker does not unblock it.
fn race(what: &str, mut act: impl FnMut() + Send + 'static, mut attack: impl FnMut() + Send + 'static) {
    let acts = Arc::new(AtomicU64::new(0));
    let attacker = thread::spawn({
        let acts = Arc::clone(&acts);
        move || {
            while acts.load(Ordering::Relaxed) != u64::MAX {
                let before = acts.load(Ordering::Relaxed);
                attack();
                let attacked = Instant::now();
                while acts.load(Ordering::Relaxed) == before {
                    if attacked.elapsed() > LIMIT {
                        return;
                    }
                }
            }
        }
    });
    in_time(what, move || {
        let end = Instant::now() + RACE;
        while Instant::now() < end {
            act();
            acts.fetch_add(1, Ordering::Relaxed);
        }
        acts.store(u64::MAX, Ordering::Relaxed);
    });
    attacker.join().expect("no panic");
}

#[test]
fn an_eventfd_that_is_filled_at_any_time_does_not_stop_the_one_who_rings() {
    let (_directory, options, _server) = start();
    let peer = Peer::connect(&options.socket, LIMIT).expect("connects");
    let (_hostile, mut eventfds) = join(&options, 1);
    let own = eventfds.pop().expect("its own");
    let ring = move || peer.doorbell().ring(PeerId(1), Vector(0)).expect("a vector that is there");
    race("ring()", ring, move || {
        fcntl_setfl(&own, OFlags::NONBLOCK).expect("its flags");
        let _ = rustix::io::read(&own, &mut [0; 8]);
        let _ = rustix::io::write(&own, &FULL.to_ne_bytes());
        make_blocking(&own);
    });
}

#[test]
fn an_eventfd_that_another_process_empties_does_not_stop_the_one_who_waits() {
    let (_directory, options, _server) = start();
    let mut peer = Peer::connect(&options.socket, LIMIT).expect("connects");
    let (_hostile, eventfds) = join(&options, 1);
    let wait = move || {
        let soon = peer.now() + Duration::from_millis(1);
        peer.wait(Some(soon));
    };
    let mut pause = 0_u32;
    race("wait()", wait, move || {
        fcntl_setfl(&eventfds[0], OFlags::NONBLOCK).expect("its flags");
        rustix::io::write(&eventfds[0], &1_u64.to_ne_bytes()).expect("rings");
        // Varies the pause, in order to hit the time between the peer's poll and its read.
        pause = (pause + 7) % 3000;
        (0..pause).for_each(|_| std::hint::spin_loop());
        let _ = rustix::io::read(&eventfds[0], &mut [0; 8]);
        make_blocking(&eventfds[0]);
    });
}

/// Sends a protocol message.
fn send(server: &OwnedFd, number: i64, fd: Option<BorrowedFd<'_>>) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    let fds = fd.map(|fd| [fd]);
    if let Some(fds) = &fds {
        ancillary.push(SendAncillaryMessage::ScmRights(fds));
    }
    let bytes = number.to_le_bytes();
    assert_eq!(sendmsg(server, &[IoSlice::new(&bytes)], &mut ancillary, SendFlags::empty()), Ok(8));
}

/// Greets a new peer 0 with the eventfd `own`, and with the eventfd `other` for peer 1. Returns the server's end of the
/// connection and the result of connecting.
fn greeted(own: BorrowedFd<'_>, other: BorrowedFd<'_>) -> (OwnedFd, Result<Peer, String>) {
    let (server, client) =
        socketpair(AddressFamily::UNIX, SocketType::STREAM, SocketFlags::CLOEXEC, None).expect("a pair");
    let memory = memfd_create("test", MemfdFlags::CLOEXEC).expect("memory");
    ftruncate(&memory, 1 << 16).expect("its size");
    for (number, fd) in [(0, None), (0, None), (-1, Some(memory.as_fd())), (1, Some(other)), (0, Some(own))] {
        send(&server, number, fd);
    }
    let peer = in_time("connecting", move || Peer::over(client, LIMIT)).map_err(|error| error.to_string());
    (server, peer)
}

#[test]
fn what_is_no_eventfd_is_refused_as_ones_own_and_harmless_as_another_s() {
    let new_eventfd = || eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd");
    let (pipe_read, pipe_write) = rustix::pipe::pipe().expect("a pipe");
    let (socket, _far) = UnixStream::pair().expect("sockets");
    let file = tempfile::tempfile().expect("a file");
    let folder = std::fs::File::open("/").expect("a folder");
    let zero = std::fs::File::open("/dev/zero").expect("a device");
    let memory = memfd_create("test", MemfdFlags::CLOEXEC).expect("memory");
    let poller = epoll::create(epoll::CreateFlags::CLOEXEC).expect("an epoll");
    let all: [(&str, BorrowedFd<'_>); 8] = [
        ("the reading end of a pipe", pipe_read.as_fd()),
        ("the writing end of a pipe", pipe_write.as_fd()),
        ("a socket", socket.as_fd()),
        ("a file", file.as_fd()),
        ("a folder", folder.as_fd()),
        ("a device", zero.as_fd()),
        ("memory", memory.as_fd()),
        ("an epoll", poller.as_fd()),
    ];
    for (name, fd) in all {
        let (_server, peer) = greeted(fd, new_eventfd().as_fd());
        let error = peer.err().unwrap_or_else(|| panic!("{name} was taken for an eventfd"));
        assert!(error.contains("not an eventfd") && error.contains("check that it is an ivshmem server"), "{error}");
        let own = new_eventfd();
        let (server, peer) = greeted(own.as_fd(), fd);
        let mut peer = peer.expect("the own one is right");
        in_time(name, move || {
            // A pipe or a socket cannot buffer this many rings.
            (0..20_000).for_each(|_| peer.doorbell().ring(PeerId(1), Vector(0)).expect("in range"));
            let soon = peer.now() + Duration::from_millis(1);
            peer.wait(Some(soon));
            assert_eq!(peer.vectors(), 1);
        });
        drop(server);
    }
}

#[test]
fn a_second_vector_that_is_no_eventfd_ends_the_connection_to_the_server() {
    let own = eventfd(0, EventfdFlags::CLOEXEC).expect("an eventfd");
    let (server, peer) = greeted(own.as_fd(), own.as_fd());
    let mut peer = peer.expect("a good greeting");
    send(&server, 0, Some(server.as_fd()));
    let soon = peer.now() + LIMIT;
    peer.wait(Some(soon));
    assert!(peer.server_has_gone());
    assert_eq!(peer.vectors(), 1);
}

#[test]
fn a_ring_that_came_before_the_check_of_the_eventfd_is_not_lost() {
    let own = eventfd(3, EventfdFlags::CLOEXEC).expect("an eventfd");
    let (_server, peer) = greeted(own.as_fd(), own.as_fd());
    let mut peer = peer.expect("a good greeting");
    in_time("wait()", move || peer.wait(None));
}
