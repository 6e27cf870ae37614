// SPDX-License-Identifier: Apache-2.0
//! Tests views of memories written by real links, and of memories with contents that no side would write.

mod native;
mod noise;
mod openamp;
#[cfg(feature = "trace")]
mod trace;

use core::cell::Cell;
use std::vec;
use std::vec::Vec;

use crate::inspect::*;
use crate::mem::fake::Heap;
use crate::mem::{Bytes, ReadMemory, Region, SavedMemory};
use crate::platform::fake::NoDoorbell;
use crate::platform::{Instant, PeerId};
use crate::rpmsg::{Endpoint, Event, Link as RpmsgLink, Message as Received, Settings};
use crate::wire::rpmsg::{Address, Header, NameService};
use crate::wire::session::{Kind, PAGE, Speaks, State, block, directory, entry, queue};

const MEMORY: u32 = 64 * 1024;
const BUFFERS: u16 = 8;

type Side<'m> = RpmsgLink<Region<'m>, NoDoorbell, 2, { BUFFERS as usize }>;

fn side(heap: &Heap, id: u16, role: Role) -> (Side<'_>, Endpoint) {
    let settings = Settings { buffer_count: BUFFERS, buffer_size: 64, ..Settings::new(role) };
    let mut link = RpmsgLink::new(heap.region(), NoDoorbell, PeerId(id), settings).unwrap();
    let endpoint = link.bus().open("talk").unwrap();
    (link, endpoint)
}

/// Polls until there are no more events. Returns the received messages, which the caller must release.
fn settle(sides: &mut [&mut Side<'_>]) -> Vec<Received> {
    let mut messages = Vec::new();
    for _ in 0..8 {
        for side in sides.iter_mut() {
            while let Some(event) = side.poll(Instant::from_micros(1)) {
                if let Event::Message(message) = event {
                    messages.push(message);
                }
            }
        }
    }
    messages
}

/// Returns a copy of the whole memory.
fn saved(heap: &Heap) -> Vec<u8> {
    let mut bytes = vec![0; heap.region().size() as usize];
    assert!(heap.region().read(0, &mut bytes));
    bytes
}

fn poke(heap: &Heap, at: u32, value: u32) {
    let all = Bytes::new(&heap.region(), 0, heap.region().size()).unwrap();
    all.write(at, &value.to_le_bytes()).unwrap();
}

/// Returns the payloads of the messages in flight.
fn payloads(queue: &Queue<'_>) -> Vec<Vec<u8>> {
    let payload = |message: Message<'_>| {
        let mut bytes = [0xaa; 64];
        let len = message.read(&mut bytes);
        assert_eq!(len, usize::from(message.header.length).min(64));
        bytes[..len].to_vec()
    };
    queue.in_flight().unwrap().map(|message| payload(message.unwrap())).collect()
}
