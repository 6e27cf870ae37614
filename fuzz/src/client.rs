// SPDX-License-Identifier: Apache-2.0
//! Fuzzes the Linux port as the client of an ivshmem server. The server sends random messages and descriptors, in
//! pieces of any size. The port must either reject the server or become a peer. It must not block, leak a descriptor,
//! or ring a vector that does not exist.

use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use amp_ivshmem::mem::{Bytes, SharedMemory};
use amp_ivshmem::platform::{Doorbell, PeerId, Port, Vector};
use amp_ivshmem_host::Peer;
use rustix::event::{EventfdFlags, eventfd};
use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};

use crate::input::Input;
use crate::socket;

/// The maximum number of bytes that the server sends per run. A socket can buffer at least this many unread
/// bytes.
const MOST: usize = 128;

/// Descriptors that the server may send.
struct Descriptors {
    memory: OwnedFd,
    small: OwnedFd,
    empty: OwnedFd,
    eventfd: OwnedFd,
}

impl Descriptors {
    fn new() -> Self {
        let memory = |size| {
            let memory = memfd_create("fuzz", MemfdFlags::CLOEXEC).expect("memory");
            ftruncate(&memory, size).expect("its size");
            memory
        };
        let eventfd = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).expect("an eventfd");
        Self { memory: memory(1 << 16), small: memory(100), empty: memory(0), eventfd }
    }

    /// Returns `count` descriptors, at most four. Two bits of `which` select each one.
    fn choose(&self, count: usize, which: u8) -> Vec<BorrowedFd<'_>> {
        let all = [&self.memory, &self.eventfd, &self.small, &self.empty];
        (0..count).map(|at| all[usize::from(which >> (2 * at) & 3)].as_fd()).collect()
    }
}

/// Sends the next message in the input. Most messages are ones that a real server would send. Returns false at the end
/// of the input.
fn send(input: &Input, server: &OwnedFd, descriptors: &Descriptors) -> bool {
    let (Some(kind), Some(value)) = (input.byte(), input.byte()) else { return false };
    let number = match kind & 7 {
        0 => 0,
        1 => -1,
        2 => i64::from(value) << 12,
        3 => -i64::from(value) - 2,
        4 => i64::MIN.wrapping_add(i64::from(value)),
        _ => i64::from(value & 3),
    };
    let count = match kind >> 3 & 3 {
        0 => 0,
        1 | 2 => 1,
        _ => usize::from(value >> 6) + 1,
    };
    let fds = descriptors.choose(count, if kind & 7 == 1 && count == 1 { 0 } else { value >> 2 ^ 1 });
    let bytes = number.to_le_bytes();
    // The message may be sent in two pieces. Its descriptors are attached to one of the two pieces.
    let cut = if kind >> 7 == 1 { 1 + usize::from(kind >> 5 & 3) * 2 } else { 8 };
    let (first, rest) = bytes.split_at(cut);
    let early = kind >> 5 & 1 == 0 || rest.is_empty();
    socket::send(server, first, if early { &fds } else { &[] });
    if !rest.is_empty() {
        socket::send(server, rest, if early { &[] } else { &fds });
    }
    true
}

/// Returns the lowest unused descriptor number.
fn lowest(of: &OwnedFd) -> i32 {
    of.try_clone().expect("a descriptor").as_raw_fd()
}

/// Runs one input.
pub fn run(data: &[u8]) {
    thread_local! {
        static DESCRIPTORS: Descriptors = Descriptors::new();
    }
    let data = &data[..data.len().min(MOST)];
    DESCRIPTORS.with(|descriptors| {
        let before = lowest(&descriptors.eventfd);
        play(data, descriptors);
        // In tests, other threads open descriptors at the same time.
        assert!(cfg!(test) || lowest(&descriptors.eventfd) == before, "a descriptor is left open");
    });
}

fn play(data: &[u8], descriptors: &Descriptors) {
    let input = Input::default();
    input.set(data);
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let (server, client) = socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).expect("a pair");
    let Some(mut head) = input.byte() else { return };
    if head & 1 == 0 {
        // A valid greeting, so that the port continues to read.
        socket::send(&server, &0_i64.to_le_bytes(), &[]);
        socket::send(&server, &1_i64.to_le_bytes(), &[]);
        socket::send(&server, &(-1_i64).to_le_bytes(), &[descriptors.memory.as_fd()]);
        socket::send(&server, &1_i64.to_le_bytes(), &[descriptors.eventfd.as_fd()]);
    }
    head >>= 1;
    for _ in 0..head & 15 {
        if !send(&input, &server, descriptors) {
            break;
        }
    }
    let Ok(mut peer) = Peer::over(client, Duration::ZERO) else { return };
    check(&peer);
    let mut open = Some(server);
    while let Some(byte) = input.byte() {
        match (byte & 3, &open) {
            (0 | 1, Some(server)) => drop(send(&input, server, descriptors)),
            (2, _) => {
                let vector = Vector(u16::from(byte >> 5));
                let rung = peer.doorbell().ring(PeerId(u16::from(byte >> 2 & 7)), vector);
                assert_eq!(rung.is_ok(), vector.0 < peer.vectors(), "{vector:?} of {}", peer.vectors());
            }
            (3, _) if byte >> 2 == 63 => open = None,
            _ => {
                let now = peer.now();
                peer.wait(Some(now));
            }
        }
        check(&peer);
    }
    // The port has read everything, so it must have noticed that the server has closed the connection.
    let gone = open.is_none();
    drop(open);
    let now = peer.now();
    peer.wait(Some(now));
    assert!(!gone || peer.server_has_gone(), "it has closed");
}

fn check(peer: &Peer) {
    assert!((1..=64).contains(&peer.vectors()), "{} vectors", peer.vectors());
    assert!(!peer.others().contains(&peer.id()), "it is no other");
    let memory = peer.memory();
    // Access the last byte to check that the mapping has the stated length.
    let last = Bytes::new(&memory, memory.len() - 8, 8).expect("inside");
    last.write(0, &[1; 8]).expect("inside");
}
