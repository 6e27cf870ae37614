// SPDX-License-Identifier: Apache-2.0
//! Fuzzes the device side of chains. The driver writes random values to rings, descriptors and indirect tables at any
//! time. Each walk must stay within its budget and yield only elements that the device may access, and no chain may be
//! held twice.

use amp_ivshmem::mem::fake::Hooked;
use amp_ivshmem::virtqueue::chain::{AddressMap, Chain, ChainDevice, QueueId, Segment, Segments, Window};
use amp_ivshmem::virtqueue::{Indirect, Suppression};

use crate::memory;
use crate::queue::{LAYOUT, prepare};
use crate::scribbler::{Scribbler, Target};

/// Start of the address range. It is close to 0, so that small numbers are also valid addresses.
const ADDRESS: u64 = 0x100;
/// The driver's section, which contains the indirect tables, and a section that both sides may write.
const SECTIONS: [Window; 2] = [
    Window { address: ADDRESS, offset: 0, length: 0x1000, writable: false },
    Window { address: ADDRESS + 0x1000, offset: 0x2000, length: 0x1000, writable: true },
];

const TARGETS: &[Target] = &[
    // Index and entries of the available ring.
    Target { at: 0x82, stride: 2, slots: 1 },
    Target { at: 0x84, stride: 2, slots: 9 },
    // Descriptors: any word, the flags, the next descriptor, and the high half of the address.
    Target { at: 0, stride: 4, slots: 32 },
    Target { at: 0x0c, stride: 16, slots: 8 },
    Target { at: 0x0e, stride: 16, slots: 8 },
    Target { at: 0x04, stride: 16, slots: 8 },
    Target { at: 0x100, stride: 2, slots: 35 },
    // An indirect table.
    Target { at: 0x200, stride: 4, slots: 36 },
    Target { at: 0x20c, stride: 16, slots: 9 },
    Target { at: 0x20e, stride: 16, slots: 9 },
];

/// The maximum number of memory accesses per walk: five words for each descriptor of the queue, and five for one more
/// descriptor, which refers to an indirect table.
const MOST_OF_A_WALK: u32 = 9 * 5;
/// The maximum number of memory accesses in any other call.
const MOST_ACCESSES: u32 = 8;

type Memory = Hooked<'static, Scribbler>;
type Device = ChainDevice<Memory, [Window; 2], 8>;

/// A held chain and the progress of its walk.
struct Held {
    chain: Chain,
    steps: u32,
    last: Option<Segment>,
    over: bool,
}

/// Sets up a chain of four descriptors, two of which are in an indirect table. A few bytes of input are then enough to
/// corrupt it.
fn start_with_a_chain() {
    let word = |address: u64, length: u32, flags: u16, next: u16| {
        let mut bytes = [0; 16];
        bytes[..8].copy_from_slice(&address.to_le_bytes());
        bytes[8..12].copy_from_slice(&length.to_le_bytes());
        bytes[12..14].copy_from_slice(&flags.to_le_bytes());
        bytes[14..].copy_from_slice(&next.to_le_bytes());
        bytes
    };
    let write = |at: u32, bytes: &[u8]| memory::bytes().write(at, bytes).expect("inside");
    write(0, &word(ADDRESS + 0x400, 16, 1, 1));
    write(16, &word(ADDRESS + 0x500, 16, 1, 2));
    write(32, &word(ADDRESS + 0x200, 32, 4, 0));
    write(0x200, &word(ADDRESS + 0x1000, 16, 3, 1));
    write(0x210, &word(ADDRESS + 0x1100, 16, 2, 0));
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let peer = Scribbler::start(data, TARGETS);
    let Some(first) = peer.input.byte() else { return };
    let suppression = if first & 1 == 0 { Suppression::Events } else { Suppression::Flags };
    let indirect = if first & 2 == 0 { Indirect::Allowed } else { Indirect::Forbidden };
    // A table may be in either section.
    memory::clear(0x3000);
    prepare(suppression);
    start_with_a_chain();
    let memory = peer.view();
    let new = |id| Device::new(&memory, LAYOUT, suppression, indirect, SECTIONS, QueueId(id)).expect("fits");
    // A second queue on the same rings. The first queue must reject its chains.
    let (mut device, mut other) = (new(1), new(2));
    peer.arm();
    let mut held: Vec<Held> = Vec::new();
    while let Some(byte) = peer.input.byte() {
        let which = usize::from(byte >> 4) % held.len().max(1);
        match byte & 7 {
            0 | 1 => pop(&mut device, byte & 8 == 0, &mut held),
            2 | 3 => {
                if let Some(held) = held.get_mut(which) {
                    step(&mut device, held);
                }
                peer.bounded(MOST_OF_A_WALK);
            }
            4 => {
                if let Some(held) = held.get_mut(which) {
                    gather(&mut device, &memory, held);
                }
                // The fake peer also copies each element.
                peer.bounded(MOST_OF_A_WALK + 8);
            }
            5 | 6 => {
                if which < held.len() {
                    let walked = held[which].chain.writable();
                    let chain = held.swap_remove(which).chain;
                    let (_, chain) = other.add_used(chain, 1).expect_err("another queue's chain");
                    assert!(device.add_used(chain, u32::from(byte)).is_ok());
                    assert!(walked <= 2 * 0x1000 * 8, "{walked} bytes, more than the memory has");
                }
            }
            _ if byte & 8 == 0 => {
                let _ = device.enable_notification();
            }
            _ => device.disable_notification(),
        }
        peer.bounded(MOST_ACCESSES);
    }
}

fn pop(device: &mut Device, ask: bool, held: &mut Vec<Held>) {
    let before = device.fault();
    match if ask { device.pop_or_enable() } else { device.pop() } {
        Ok(Some(chain)) => {
            assert!(chain.head() < 8 && before.is_none());
            assert!(held.iter().all(|held| held.chain.head() != chain.head()), "held twice");
            held.push(Held { chain, steps: 0, last: None, over: false });
        }
        Ok(None) => assert_eq!(device.fault(), None),
        Err(fault) => assert!(device.fault() == Some(fault) && before.is_none_or(|before| before == fault)),
    }
}

/// Walks to the next element.
fn step(device: &mut Device, held: &mut Held) {
    let broken = device.fault();
    match device.walk(&mut held.chain).expect("its own chain").next() {
        Some(Ok(segment)) => {
            assert!(!held.over && broken.is_none());
            check(segment, held.last);
            (held.steps, held.last) = (held.steps + 1, Some(segment));
            assert!(held.steps <= 8, "longer than the queue");
        }
        Some(Err(fault)) => {
            assert!(broken.is_none_or(|broken| broken == fault) && device.fault() == Some(fault));
            held.over = true;
        }
        None => held.over = true,
    }
}

fn gather(device: &mut Device, memory: &Memory, held: &mut Held) {
    let Ok(all) = Segments::<8>::gather(device.walk(&mut held.chain).expect("its own chain")) else { return };
    held.over = true;
    let mut last = held.last;
    for segment in all.readable().iter().chain(all.writable()) {
        check(*segment, last);
        last = Some(*segment);
    }
    let sum = |segments: &[Segment]| segments.iter().map(|segment| segment.length).sum::<u32>();
    assert_eq!((all.readable_bytes(), all.writable_bytes()), (sum(all.readable()), sum(all.writable())));
    let mut bytes = vec![0; all.readable_bytes() as usize];
    assert!(all.read(memory, 0, &mut bytes) && !all.read(memory, 1, &mut bytes) || bytes.is_empty());
    let bytes = vec![7; all.writable_bytes() as usize];
    assert!(all.write(memory, 0, &bytes));
}

/// Checks that an element may follow `last`, and that it is inside a section that permits the access.
fn check(segment: Segment, last: Option<Segment>) {
    let Segment { offset, length, writable } = segment;
    assert!(length > 0 && (writable || last.is_none_or(|last| !last.writable)), "readable after writable");
    let inside = |section: &Window| {
        (section.writable || !writable)
            && offset >= section.offset
            && offset - section.offset <= section.length - length.min(section.length)
            && length <= section.length
    };
    assert!(SECTIONS.iter().any(inside), "{segment:?} is in no section");
    let section = SECTIONS.iter().find(|section| inside(section)).expect("just found");
    let address = section.address + u64::from(offset - section.offset);
    assert!(SECTIONS.offset(address, length, writable).is_some());
}
