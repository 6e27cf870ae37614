// SPDX-License-Identifier: Apache-2.0
//! Fuzzes the name service and the endpoints. The peer sends any message to any address. Events must refer to open
//! endpoints, a reported binding must exist, and no two endpoints may have the same address.

use amp_ivshmem::mem::Region;
use amp_ivshmem::platform::fake::NoDoorbell;
use amp_ivshmem::platform::{Instant, PeerId};
use amp_ivshmem::rpmsg::{Address, Config, Endpoint, Event, Link, Role, Settings};

use crate::input::Input;
use crate::memory;

const BUFFERS: usize = 4;
const NAMES: [&str; 3] = ["a", "b", "a name of thirty-one characters"];

type Side<const E: usize> = Link<Region<'static>, NoDoorbell, E, BUFFERS>;

fn side<const E: usize>(id: u16, role: Role) -> Side<E> {
    let settings = Settings { buffer_count: BUFFERS as u16, buffer_size: 64, ..Settings::new(role) };
    Link::new(memory::heap().region(), NoDoorbell, PeerId(id), settings).expect("fits")
}

/// Runs one input.
pub fn run(data: &[u8]) {
    thread_local! {
        static INPUT: &'static Input = Box::leak(Box::default());
    }
    let input = INPUT.with(|input| *input);
    input.set(data);
    memory::clear(memory::LEN);
    // The endpoint from which the peer sends. Its binding does not matter.
    let (mut peer, mut link) = (side::<1>(1, Role::Host), side::<4>(0, Role::Remote));
    let own = peer.bus().open_with(&Config { address: Some(Address(7)), ..Config::default() }).expect("free");
    for _ in 0..6 {
        let now = Instant::from_micros(1);
        while peer.poll(now).is_some() {}
        while link.poll(now).is_some() {}
    }
    assert!(link.bus().max_message() > 0, "not up");
    let mut open: Vec<Endpoint> = Vec::with_capacity(4);
    while let Some(byte) = input.byte() {
        let argument = usize::from(byte >> 4);
        match byte & 7 {
            0..=2 => {
                let Some(to) = input.byte() else { break };
                let to = match to & 3 {
                    0 | 1 => Address::NAME_SERVICE,
                    2 => Address(1024 + u32::from(to >> 2 & 7)),
                    _ => Address(u32::from(to >> 2)),
                };
                let mut payload = [0; 40];
                let name = NAMES.get(argument & 3).copied().unwrap_or_default();
                payload[..name.len()].copy_from_slice(name.as_bytes());
                let Some(address) = input.byte() else { break };
                let address = if address > 250 { u32::MAX } else { u32::from(address & 15) };
                payload[32..36].copy_from_slice(&address.to_le_bytes());
                payload[36] = byte >> 6 & 1;
                if byte >> 7 == 1 {
                    // An announcement with one corrupted byte.
                    let Some(at) = input.byte() else { break };
                    payload[usize::from(at) % 40] ^= at;
                }
                let length = if byte & 7 == 2 { argument * 3 } else { 40 };
                let _ = peer.bus().send_to(own, to, &payload[..length.min(40)]);
            }
            3 => poll(&mut link, &mut open),
            4 => {
                let name = NAMES.get(argument & 3).copied();
                let address = (argument & 4 != 0).then(|| Address(8 + argument as u32 / 8));
                let peer = (argument & 8 != 0).then_some(Address(3));
                if let Ok(opened) = link.bus().open_with(&Config { name, address, peer }) {
                    assert!(!open.contains(&opened), "two endpoints at {}", opened.address());
                    open.push(opened);
                }
                assert!(open.len() <= 4, "more endpoints than there are");
            }
            5 => {
                if !open.is_empty() {
                    let closed = open.swap_remove(argument % open.len());
                    link.bus().close(closed);
                    assert_eq!(link.bus().peer_of(closed), None, "closed, and still bound");
                    link.bus().close(closed);
                }
            }
            6 => {
                if let Some(&endpoint) = open.get(argument & 3) {
                    let _ = link.bus().send(endpoint, b"x");
                }
            }
            _ => {
                // The peer reads its messages, so that the buffers are returned.
                for _ in 0..8 {
                    match peer.poll(Instant::from_micros(1)) {
                        Some(Event::Message(message)) => peer.bus().release(message),
                        Some(_) => {}
                        None => break,
                    }
                }
            }
        }
    }
    poll(&mut link, &mut open);
    std::mem::forget((peer, link));
}

fn poll(link: &mut Side<4>, open: &mut [Endpoint]) {
    for _ in 0..24 {
        let Some(event) = link.poll(Instant::from_micros(1)) else { return };
        match event {
            Event::Message(message) => {
                assert!(open.contains(&message.endpoint), "a message for {:?}, which is not open", message.endpoint);
                link.bus().release(message);
            }
            Event::Bound { endpoint, peer } => {
                assert!(open.contains(&endpoint), "{endpoint:?} is bound and not open");
                assert_eq!(link.bus().peer_of(endpoint), Some(peer));
            }
            Event::Announced { address, .. } => assert_ne!(address, Address::ANY),
            Event::Unbound { .. } | Event::Withdrawn { .. } => {}
            other => panic!("the peer keeps to the protocol, but {other:?}"),
        }
    }
}
