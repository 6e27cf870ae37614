// SPDX-License-Identifier: Apache-2.0
//! Fuzzes the reader of shared memory with random contents that change at any time. All results must be in bounds, all
//! loops must end, and the reader must not write.

use std::cell::Cell;

use amp_ivshmem::inspect::{Directory, OpenAmp, Queue, Role};
use amp_ivshmem::mem::{ReadMemory, Region};
use amp_ivshmem::openamp::{self, Host, Layout};
use amp_ivshmem::platform::fake::NoDoorbell;
use amp_ivshmem::platform::{Instant, PeerId};
use amp_ivshmem::rpmsg::{Address, Config, Link, Settings};
use amp_ivshmem::wire::session::PAGE;

use crate::input::Input;
use crate::memory;

/// Limits on the number of messages that one call checks, and on the number of reads per run. A run reads both tables
/// of each link, and the messages.
const MOST_MESSAGES: u32 = 5_000;
const MOST_READS: u32 = 2_000_000;
const BUFFERS: usize = 4;

/// Memory that is modified between reads, as directed by `input`.
struct Noisy<'a> {
    region: Region<'static>,
    input: &'a Input,
    reads: Cell<u32>,
}

impl Noisy<'_> {
    fn turn(&self) {
        self.reads.set(self.reads.get() + 1);
        assert!(self.reads.get() < MOST_READS, "a loop without an end");
        poke(self.input);
    }
}

impl ReadMemory for Noisy<'_> {
    fn size(&self) -> u32 {
        self.region.size()
    }

    fn half(&self, offset: u32) -> Option<u16> {
        self.turn();
        self.region.half(offset)
    }

    fn word(&self, offset: u32) -> Option<u32> {
        self.turn();
        self.region.word(offset)
    }

    fn read(&self, offset: u32, to: &mut [u8]) -> bool {
        self.turn();
        self.region.read(offset, to)
    }
}

/// Does what the next input bytes encode: nothing, a write to a word that matters, or a write anywhere.
fn poke(input: &Input) {
    let Some(kind) = input.byte() else { return };
    let near = |input: &Input, base: u32| input.byte().map(|at| base + u32::from(at & 0x3f) * 4);
    let at = match kind & 7 {
        0..=2 => None,
        // The directory with its first entry, both blocks, and the start of the data.
        3 => near(input, 0),
        4 => near(input, PAGE),
        5 => near(input, 2 * PAGE),
        6 => near(input, 3 * PAGE),
        _ => input.half().map(|at| u32::from(at) * 4 % (memory::LEN - 4)),
    };
    let Some(at) = at else { return };
    let value = match kind >> 3 & 3 {
        0 => input.byte().map(u32::from),
        1 => input.byte().map(|page| u32::from(page) * PAGE),
        2 => input.half().map(|half| u32::from(half) * 0x1_0001),
        _ => input.word(),
    };
    let Some(value) = value else { return };
    memory::bytes().write(at, &value.to_le_bytes()).expect("inside");
}

/// Sets up the memory of a native link that is up, with a message in flight.
fn native() {
    let settings = |role| Settings { buffer_count: BUFFERS as u16, buffer_size: 64, ..Settings::new(role) };
    let region = memory::heap().region();
    let side = |id, role| Link::<_, _, 1, BUFFERS>::new(region, NoDoorbell, PeerId(id), settings(role)).expect("fits");
    let (mut host, mut remote) = (side(0, Role::Host), side(1, Role::Remote));
    let endpoint = host.bus().open_with(&Config { peer: Some(Address(7)), ..Config::default() }).expect("free");
    for _ in 0..6 {
        while host.poll(Instant::from_micros(1)).is_some() {}
        while remote.poll(Instant::from_micros(1)).is_some() {}
    }
    host.bus().send(endpoint, b"message").expect("up");
    std::mem::forget((host, remote));
}

/// Returns a layout that fits in the memory.
fn layout() -> Layout {
    Layout::empty(0, 0x100, 0x200, BUFFERS as u16, 4).with_buffers(0x400, 64, 64)
}

/// Sets up the memory as a C host would, with a message in flight.
fn openamp() {
    let settings = openamp::Settings::new(layout());
    let region = memory::heap().region();
    let mut host = Host::<_, _, 1, BUFFERS>::new(region, NoDoorbell, PeerId(0), settings).expect("fits");
    let endpoint = host.bus().open_with(&Config { peer: Some(Address(7)), ..Config::default() }).expect("free");
    host.bus().send(endpoint, b"message").expect("up");
    std::mem::forget(host);
}

/// Reads all messages in flight in a queue.
fn read(queue: &Queue<'_>, size: u32) {
    let Ok(indices) = queue.indices() else { return };
    assert!(indices.in_flight() <= queue.size() && indices.free() <= queue.size(), "{indices:?}");
    let _ = (indices.sender_waits(), indices.receiver_waits());
    let Ok(messages) = queue.in_flight() else { return };
    assert!(messages.len() <= usize::from(queue.size()));
    for message in messages.take(64).flatten() {
        assert!(message.size <= size && message.at <= size - message.size, "outside: {message:?}");
        let mut bytes = [0; 96];
        let copied = message.read(&mut bytes);
        assert_eq!(copied, usize::from(message.header.length).min(bytes.len()), "{message:?}");
    }
}

/// Runs one input.
pub fn run(data: &[u8]) {
    thread_local! {
        static INPUT: &'static Input = Box::leak(Box::default());
    }
    let input = INPUT.with(|input| *input);
    input.set(data);
    let Some(start) = input.byte() else { return };
    memory::clear(memory::LEN);
    match start & 3 {
        0 => (),
        1 => native(),
        _ => openamp(),
    }
    for _ in 0..start >> 2 & 7 {
        poke(input);
    }
    let memory = Noisy { region: memory::heap().region(), input, reads: Cell::new(0) };
    let directory = Directory::new(&memory);
    let _ = directory.findings(MOST_MESSAGES, |_, finding| drop(finding.to_string()));
    for link in directory.links().take(4) {
        for role in [Role::Host, Role::Remote] {
            let Ok(Some(block)) = link.block(role) else { continue };
            let _ = (block.state(), block.id(), block.is_present(), link.offer(role, 0));
            if let Ok(Some(queue)) = link.queue(role, 0) {
                read(&queue, memory.size());
            }
        }
    }
    let count = if start >> 5 == 0 { layout().count } else { u16::from(start) << 8 | 1 };
    let view = OpenAmp::new(&memory, Layout { count, ..layout() }, (start & 0x80 != 0).then_some(0x1000));
    let _ = view.findings(MOST_MESSAGES, |_, finding| drop(finding.to_string()));
    for role in [Role::Host, Role::Remote] {
        if let Ok(Some(queue)) = view.queue(role) {
            read(&queue, memory.size());
        }
    }
}
