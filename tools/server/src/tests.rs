//! The server with real sockets, as its clients see it.

use std::io::{IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;
use std::{fs, thread};

use rustix::fs::{SealFlags, fcntl_get_seals, fstat, ftruncate};
use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};
use tempfile::TempDir;

use super::{Event, Options, Reason, Running, Server, VECTORS_MAX};

const LIMIT: Duration = Duration::from_secs(10);

/// A server in a directory of its own.
struct Rig {
    directory: TempDir,
    options: Options,
    events: Receiver<Event>,
    server: Option<Running>,
}

impl Rig {
    fn new(vectors: u16) -> Self {
        let directory = tempfile::tempdir().expect("a directory");
        let options = Options { size: 1 << 16, vectors, ..Options::new(directory.path().join("socket")) };
        let (sender, events) = channel();
        let server = Server::start_reporting(&options, move |event| sender.send(event).unwrap_or(())).expect("starts");
        Self { directory, options, events, server: Some(server) }
    }

    /// A client that has not read anything.
    fn connect(&self) -> UnixStream {
        let client = UnixStream::connect(&self.options.socket).expect("connects");
        client.set_read_timeout(Some(LIMIT)).expect("a time limit");
        client
    }

    /// A client that has read its greeting, with its memory.
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

/// The next message.
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
    // The id of the one that left is not given again.
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
        // Each reads all that it is told at once: itself, the sleeper, and the witness.
        let (client, _) = rig.greeted(id);
        (0..16).for_each(|_| assert!(next(&client).1.is_some()));
        assert_eq!(rig.event(), Event::Joined(u16::try_from(id).expect("an id")));
        drop(client);
        assert_eq!(rig.event(), Event::Left(u16::try_from(id).expect("an id"), Reason::Closed));
    }
    let (_last, _) = rig.greeted(501);
    // What the sleeper finds makes sense: of those that came and went it heard all or nothing or their end.
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

#[test]
fn the_socket_is_private_and_goes_with_its_server() {
    let mut rig = Rig::new(1);
    let found = fs::symlink_metadata(&rig.options.socket).expect("a socket");
    assert!(found.file_type().is_socket());
    assert_eq!(found.permissions().mode() & 0o777, 0o600);
    rig.server.take().expect("a server").stop().expect("stops");
    assert_eq!(fs::read_dir(rig.directory.path()).expect("the directory").count(), 0);
}

#[test]
fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
    let mut rig = Rig::new(1);
    let path = &rig.options.socket;
    let (first, _) = rig.greeted(0);
    expect(&first, 0, true);
    let error = Server::start(&rig.options).err().expect("refused").to_string();
    assert!(error.contains("a server already listens on") && error.contains("socket"), "{error}");
    // The one that listens was not disturbed: the next id is 1.
    let (_second, _) = rig.greeted(1);
    drop(rig.server.take());
    drop(UnixListener::bind(path).expect("leaves a stale socket"));
    assert!(path.exists());
    drop(Server::start(&rig.options).expect("replaces it"));
    assert!(!path.exists());
}

#[test]
fn what_is_not_its_own_is_never_removed() {
    let mut rig = Rig::new(1);
    let path = rig.options.socket.clone();
    // Somebody replaced the socket while the server ran.
    fs::remove_file(&path).expect("removed");
    fs::write(&path, "precious").expect("a file");
    drop(rig.server.take());
    let error = Server::start(&rig.options).err().expect("refused").to_string();
    assert!(error.contains("is not a socket"), "{error}");
    assert_eq!(fs::read(&path).expect("still there"), b"precious");
    let link = rig.directory.path().join("link");
    symlink(rig.directory.path().join("nowhere"), &link).expect("a link");
    let error = Server::start(&Options::new(&link)).err().expect("refused").to_string();
    assert!(error.contains("is not a socket"), "{error}");
}

#[test]
fn two_servers_that_find_the_same_stale_socket_do_not_both_get_it() {
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options::new(directory.path().join("socket"));
    for _ in 0..50 {
        drop(UnixListener::bind(&options.socket).expect("stale"));
        let servers: Vec<_> = thread::scope(|scope| {
            let starts: Vec<_> = (0..4).map(|_| scope.spawn(|| Server::bind(&options))).collect();
            starts.into_iter().map(|start| start.join().expect("no panic")).collect()
        });
        assert_eq!(servers.iter().filter(|server| server.is_ok()).count(), 1);
        assert!(options.socket.exists());
    }
}

#[test]
fn options_out_of_range_are_refused() {
    let directory = tempfile::tempdir().expect("a directory");
    let good = Options::new(directory.path().join("socket"));
    for (options, message) in [
        (Options { vectors: 0, ..good.clone() }, "0 vectors"),
        (Options { vectors: VECTORS_MAX + 1, ..good.clone() }, "65 vectors"),
        (Options { size: 2048, ..good.clone() }, "at least 4096"),
        (Options { size: 12288, ..good.clone() }, "power of two"),
        (Options { size: 1 << 32, ..good.clone() }, "at most 2147483648 (2 GiB)"),
        (
            Options { socket: directory.path().join("none/socket"), ..good.clone() },
            "cannot open the socket's directory",
        ),
        (Options { memory: Some(PathBuf::from("/dev/null")), ..good.clone() }, "not a regular file"),
    ] {
        let error = Server::start(&options).err().expect(message).to_string();
        assert!(error.contains(message), "{error}");
        assert!(!good.socket.exists(), "{message}: left a socket");
    }
}

#[test]
fn a_named_file_is_made_kept_and_never_resized() {
    let directory = tempfile::tempdir().expect("a directory");
    let file = directory.path().join("memory");
    let options = Options { size: 8192, memory: Some(file.clone()), ..Options::new(directory.path().join("socket")) };
    drop(Server::start(&options).expect("makes it"));
    assert_eq!(fs::metadata(&file).expect("kept").len(), 8192);
    assert_eq!(fs::metadata(&file).expect("kept").permissions().mode() & 0o777, 0o600);
    drop(Server::start(&options).expect("takes it"));
    let error = Server::start(&Options { size: 4096, ..options }).err().expect("refused").to_string();
    assert!(error.contains("has 8192 bytes and not 4096"), "{error}");
    assert_eq!(fs::metadata(&file).expect("kept").len(), 8192);
}

/// What a client has been told, checked against the protocol as it comes.
struct Watched {
    connection: UnixStream,
    messages: u32,
    id: i64,
    known: std::collections::BTreeMap<i64, u16>,
}

impl Watched {
    /// Reads what has arrived; false where the server has closed the connection.
    fn read(&mut self, most: u64, vectors: u16) -> bool {
        for _ in 0..most {
            let mut bytes = [0; 8];
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
            let mut ancillary = RecvAncillaryBuffer::new(&mut space);
            let flags = RecvFlags::CMSG_CLOEXEC | RecvFlags::DONTWAIT;
            match recvmsg(&self.connection, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags) {
                Err(Errno::AGAIN) => return true,
                Ok(got) if got.bytes == 8 => {}
                other => return other.is_ok_and(|got| got.bytes > 0),
            }
            let with_fd = ancillary.drain().any(|message| matches!(message, RecvAncillaryMessage::ScmRights(_)));
            let number = i64::from_le_bytes(bytes);
            match (self.messages, with_fd) {
                (0, false) => assert_eq!(number, 0, "the version"),
                (1, false) => self.id = number,
                (2, true) => assert_eq!(number, -1, "the memory"),
                (0..=2, _) => panic!("greeted with {number}, descriptor: {with_fd}"),
                (_, true) => {
                    let known = self.known.entry(number).or_default();
                    *known += 1;
                    assert!(*known <= vectors, "peer {number} has more doorbells than vectors");
                }
                // It may have left before all its doorbells were told of.
                (_, false) => assert!(self.known.remove(&number).is_some(), "peer {number} left and never came"),
            }
            self.messages += 1;
        }
        true
    }
}

/// Clients that come, read a little or nothing, talk nonsense and go, at random: whoever stays is told of everyone once, in
/// the protocol's order, and in the end knows exactly those that are there.
#[test]
fn whoever_comes_and_goes_the_others_are_told_right() {
    for seed in 0..12 {
        let vectors = 1 + (seed % 3) as u16;
        let rig = Rig::new(vectors);
        let mut random = crate::random::Random::new(seed);
        let mut clients: Vec<Watched> = Vec::new();
        for _ in 0..150 {
            let index = random.below(clients.len() as u64) as usize;
            match random.below(10) {
                0..=2 if clients.len() < 12 => {
                    let known = std::collections::BTreeMap::new();
                    clients.push(Watched { connection: rig.connect(), messages: 0, id: -1, known });
                }
                3 if !clients.is_empty() => drop(clients.swap_remove(index)),
                4 if !clients.is_empty() => {
                    let mut client = clients.swap_remove(index);
                    let _ = client.connection.write_all(&[7; 5][..1 + random.below(5) as usize]);
                }
                _ => {
                    let most = random.below(20);
                    if let Some(client) = clients.get_mut(index) {
                        assert!(client.read(most, vectors), "seed {seed}: an honest client was dropped");
                    }
                }
            }
        }
        // Until all that is under way has come: everybody knows everybody, and no more.
        let begun = std::time::Instant::now();
        loop {
            for client in &mut clients {
                assert!(client.read(u64::MAX, vectors), "seed {seed}: an honest client was dropped");
            }
            let ids: std::collections::BTreeMap<i64, u16> = clients.iter().map(|client| (client.id, vectors)).collect();
            assert!(
                clients.is_empty() || ids.len() == clients.len() || ids.contains_key(&-1),
                "seed {seed}: two of one id"
            );
            if clients.iter().all(|client| client.known == ids) {
                break;
            }
            assert!(begun.elapsed() < LIMIT, "seed {seed}: not all know {ids:?}");
            thread::sleep(Duration::from_millis(2));
        }
    }
}
