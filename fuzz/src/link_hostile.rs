// SPDX-License-Identifier: Apache-2.0
//! Fuzzes a native link. A hostile peer writes random values at any time, and there may also be an honest peer. No call
//! may panic or exceed its limit of memory accesses. Each message must be in bounds, no more messages than buffers may
//! be held, and each event must be possible.

use std::time::Duration;

use amp_ivshmem::mem::Region;
use amp_ivshmem::mem::fake::Hooked;
use amp_ivshmem::platform::fake::NoDoorbell;
use amp_ivshmem::platform::{Instant, PeerId};
use amp_ivshmem::rpmsg::{Event, Link, Message, Role, Settings, TxBuffer};

use crate::memory;
use crate::scribbler::{Scribbler, Target};
use crate::told::Told;

const BUFFERS: usize = 4;
/// Both blocks with their first queue, the data of each side (used ring, descriptors, available ring, buffers), and the
/// directory with its first entry.
const TARGETS: &[Target] = &[
    Target { at: 0x1000, stride: 4, slots: 24 },
    Target { at: 0x2000, stride: 4, slots: 24 },
    Target { at: 0x3000, stride: 2, slots: 90 },
    Target { at: 0x4000, stride: 2, slots: 90 },
    Target { at: 0x4080, stride: 4, slots: 64 },
    Target { at: 0, stride: 4, slots: 24 },
];
/// The maximum number of memory accesses per call. A starting host reads all 125 other directory entries, and a poll
/// reads two rings of messages.
const MOST_ACCESSES: u32 = 1200;

type Watched = Link<Hooked<'static, Scribbler>, NoDoorbell, 4, BUFFERS>;
type Other = Link<Region<'static>, NoDoorbell, 4, BUFFERS>;

fn settings(role: Role, silence: bool) -> Settings {
    let peer_timeout = silence.then_some(Duration::from_millis(300));
    Settings { buffer_count: BUFFERS as u16, buffer_size: 64, peer_timeout, ..Settings::new(role) }
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let peer = Scribbler::start(data, TARGETS);
    let Some(first) = peer.input.byte() else { return };
    memory::clear(memory::LEN);
    let (role, others) = if first & 1 == 0 { (Role::Host, Role::Remote) } else { (Role::Remote, Role::Host) };
    let other: Result<Other, _> =
        Link::new(memory::heap().region(), NoDoorbell, PeerId(1), settings(others, first & 2 != 0));
    let mut other = other.ok().filter(|_| first & 4 == 0);
    if first & 8 != 0 {
        peer.arm();
    }
    // The peer may already be writing, so creating the link can fail.
    let Ok(mut link) = Watched::new(peer.view(), NoDoorbell, PeerId(0), settings(role, first & 2 != 0)) else { return };
    let (mut now, mut told) = (1, Told::default());
    if first & 8 == 0 {
        // In most runs, the two sides are up before the first hostile write.
        told.opened(link.bus().open("talk").expect("free"));
        if let Some(other) = &mut other {
            let _ = other.bus().open("talk");
            for _ in 0..8 {
                let now = Instant::from_micros(now);
                while let Some(event) = link.poll(now) {
                    told.hear(&event);
                }
                while other.poll(now).is_some() {}
            }
        }
        peer.arm();
    }
    peer.bounded(u32::MAX);
    let (mut endpoint, mut held, mut reserved) = (None, Vec::new(), Vec::<TxBuffer>::new());
    // A message from an earlier session.
    let mut stale: Option<Message> = None;
    let mut stale_buffer: Option<TxBuffer> = None;
    while let Some(byte) = peer.input.byte() {
        let argument = byte >> 4;
        match byte & 0x0f {
            0..=4 => {
                for _ in 0..=argument {
                    let event = link.poll(Instant::from_micros(now));
                    peer.bounded(MOST_ACCESSES);
                    if let Some(event) = &event {
                        told.hear(event);
                    }
                    match event {
                        Some(Event::Message(message)) => {
                            look_at(&mut link, &message);
                            held.push(message);
                        }
                        Some(Event::Bound { endpoint: bound, .. }) => endpoint = Some(bound),
                        Some(Event::Down(_)) => {
                            // The held message becomes void at this point.
                            stale = held.pop().or(stale);
                            held.clear();
                            stale_buffer = reserved.pop().or(stale_buffer);
                            reserved.clear();
                        }
                        Some(_) => {}
                        None => break,
                    }
                }
                assert!(held.len() <= BUFFERS, "{} messages of {BUFFERS} buffers", held.len());
            }
            5 if stale.is_some() => {
                if let Some(message) = stale.take() {
                    assert!(link.bus().read(&message, 0, &mut [0; 4]).is_err(), "a former peer's message was read");
                    link.bus().release(message);
                }
            }
            6 if stale_buffer.is_some() => {
                if let (Some(buffer), Some(endpoint)) = (stale_buffer.take(), endpoint) {
                    assert!(link.bus().write(&buffer, 0, &[0; 4]).is_err(), "a former session's buffer was written");
                    let (_, buffer) = link.bus().send_nocopy(endpoint, buffer, 1).expect_err("and sent");
                    link.bus().cancel(buffer);
                }
            }
            5 | 6 => {
                if !held.is_empty() {
                    let message: Message = held.swap_remove(usize::from(argument) % held.len());
                    look_at(&mut link, &message);
                    link.bus().release(message);
                }
            }
            7 | 8 => {
                if let Some(endpoint) = endpoint {
                    told.sent(&link.bus().send(endpoint, &[argument; 16][..usize::from(argument)]));
                }
            }
            9 => {
                if let Some(endpoint) = endpoint {
                    let result = link.bus().alloc_tx_buffer();
                    told.sent(&result);
                    reserved.extend(result);
                    assert!(reserved.len() <= BUFFERS, "more buffers than there are");
                    if argument & 1 != 0
                        && let Some(buffer) = reserved.pop()
                    {
                        let _ = link.bus().write(&buffer, argument.into(), &[1; 8]);
                        if let Err((_, buffer)) = link.bus().send_nocopy(endpoint, buffer, argument.into()) {
                            link.bus().cancel(buffer);
                        }
                    }
                }
            }
            10 => {
                if let Ok(opened) = link.bus().open(["talk", "more", "again", "talk"][usize::from(argument & 3)]) {
                    told.opened(opened);
                    endpoint = Some(opened);
                }
            }
            11 => {
                if let Some(endpoint) = endpoint.take() {
                    link.bus().close(endpoint);
                    told.closed(endpoint);
                }
            }
            12 | 13 => now += u64::from(argument) * if byte & 1 == 0 { 1000 } else { 40_000 },
            14 => {
                if let Some(other) = &mut other {
                    for _ in 0..8 {
                        match other.poll(Instant::from_micros(now)) {
                            Some(Event::Message(message)) => other.bus().release(message),
                            Some(Event::Bound { endpoint, .. }) => {
                                let _ = other.bus().send(endpoint, b"hello");
                            }
                            Some(_) => {}
                            None => break,
                        }
                    }
                }
            }
            _ => {
                if let Some(other) = &mut other {
                    // Open the endpoint directly, so that the message does not depend on a binding.
                    if let Ok(opened) = other.bus().open_with(&Default::default()) {
                        let to = amp_ivshmem::rpmsg::Address(1024 + u32::from(argument & 3));
                        let _ = other.bus().send_to(opened, to, &[argument; 20]);
                        other.bus().close(opened);
                    }
                }
            }
        }
        peer.bounded(MOST_ACCESSES);
        let _ = (link.deadline(), link.doorbells());
    }
    std::mem::forget(other);
}

/// Reads a whole message, and checks that reading beyond its end fails.
fn look_at(link: &mut Watched, message: &Message) {
    let mut bytes = [0; 64];
    let length = usize::from(message.length);
    assert!(length <= 65_519, "longer than a buffer can be");
    let bytes = &mut bytes[..length.min(64)];
    let _ = link.bus().read(message, 0, bytes);
    assert!(link.bus().read(message, message.length, &mut [0]).is_err(), "beyond its end");
}
