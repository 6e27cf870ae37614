// SPDX-License-Identifier: Apache-2.0
//! Tests the server with clients that come and go at random. Checks every message to them against the protocol.

use std::collections::BTreeMap;
use std::io::{IoSliceMut, Write};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;
use std::thread;
use std::time::{Duration, Instant};

use rustix::io::Errno;
use rustix::net::{RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, recvmsg};

use super::{LIMIT, Rig};
use crate::random::Random;

/// A client that checks its messages against the protocol as they arrive.
struct Watched {
    connection: UnixStream,
    messages: u32,
    id: i64,
    known: BTreeMap<i64, u16>,
}

impl Watched {
    /// Reads the messages that have arrived. Returns false if the server has closed the connection.
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
                // The peer may have left before all its doorbells were announced.
                (_, false) => assert!(self.known.remove(&number).is_some(), "peer {number} left and never came"),
            }
            self.messages += 1;
        }
        true
    }
}

/// Random clients join, read little or nothing, send invalid data and leave. A client that stays gets each announcement
/// once, in the protocol's order. At the end, it knows exactly the clients that are connected.
#[test]
fn whoever_comes_and_goes_the_others_are_told_right() {
    for seed in 0..12 {
        let vectors = 1 + (seed % 3) as u16;
        let rig = Rig::new(vectors);
        let mut random = Random::new(seed);
        let mut clients: Vec<Watched> = Vec::new();
        for _ in 0..150 {
            let index = random.below(clients.len() as u64) as usize;
            match random.below(10) {
                0..=2 if clients.len() < 12 => {
                    let known = BTreeMap::new();
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
        // Waits until all messages have arrived. Each client then knows exactly the clients that are connected.
        let begun = Instant::now();
        loop {
            for client in &mut clients {
                assert!(client.read(u64::MAX, vectors), "seed {seed}: an honest client was dropped");
            }
            let ids: BTreeMap<i64, u16> = clients.iter().map(|client| (client.id, vectors)).collect();
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
