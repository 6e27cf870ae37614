// SPDX-License-Identifier: Apache-2.0
//! Tests memories with values that no side would write. Each invalid field must be reported by name, without a panic.

use proptest::prelude::*;

use super::*;
use crate::wire::vring::available;

/// A memory that changes while it is being read. It also counts the reads.
struct Moving<'a> {
    heap: &'a Heap,
    reads: Cell<u32>,
    /// Offsets and values of the words to change. One word changes at each read.
    changes: &'a [(u32, u32)],
}

impl<'a> Moving<'a> {
    fn new(heap: &'a Heap, changes: &'a [(u32, u32)]) -> Self {
        Self { heap, reads: Cell::new(0), changes }
    }

    fn turn(&self) {
        let reads = self.reads.get();
        self.reads.set(reads + 1);
        if let Some(&(at, value)) = self.changes.iter().cycle().nth(reads as usize % self.changes.len().max(1)) {
            poke(self.heap, at, value);
        }
    }
}

impl ReadMemory for Moving<'_> {
    fn size(&self) -> u32 {
        self.heap.region().size()
    }

    fn half(&self, offset: u32) -> Option<u16> {
        self.turn();
        self.heap.region().half(offset)
    }

    fn word(&self, offset: u32) -> Option<u32> {
        self.turn();
        self.heap.region().word(offset)
    }

    fn read(&self, offset: u32, to: &mut [u8]) -> bool {
        self.turn();
        self.heap.region().read(offset, to)
    }
}

/// Brings up two sides, with three messages to the remote in flight.
fn talking(heap: &Heap) {
    let ((mut host, at_host), (mut remote, _)) = (side(heap, 0, Role::Host), side(heap, 1, Role::Remote));
    settle(&mut [&mut host, &mut remote]);
    for text in [&b"one"[..], b"two", b"three"] {
        host.bus().send(at_host, text).unwrap();
    }
    std::mem::forget((host, remote));
}

/// Reads everything and checks that every result is in bounds. Returns the findings.
fn read_all(memory: &dyn ReadMemory) -> Vec<Finding> {
    let mut findings = Vec::new();
    let directory = Directory::new(memory);
    assert!(directory.findings(10_000, |_, finding| findings.push(finding)));
    for link in directory.links() {
        if let Ok(Some(area)) = link.area() {
            assert!(area.span().size <= memory.size());
        }
        for queue in [Role::Host, Role::Remote].into_iter().filter_map(|role| link.queue(role, 0).ok()?) {
            let Ok(messages) = queue.in_flight() else { continue };
            assert!(messages.len() <= usize::from(queue.size()));
            for message in messages.flatten() {
                assert!(message.size <= memory.size() && message.at <= memory.size() - message.size);
                assert_eq!(message.read(&mut [0; 100_000]), message.header.length.into(), "{message:?}");
            }
        }
    }
    findings
}

#[test]
fn each_wrong_field_is_named() {
    let host_block = PAGE;
    let first = host_block + block::QUEUES;
    let entry_of_0 = directory::HEAD;
    let (heap, fresh) = (Heap::new(MEMORY), Heap::new(MEMORY));
    talking(&heap);
    let good = saved(&heap);
    let word = |at| heap.region().word(at).unwrap();
    let ring = word(first + queue::AVAILABLE);
    let memory = heap.region();
    let to_remote = Directory::new(&memory).link(0).unwrap().queue(Role::Host, 0).unwrap().unwrap();
    let oldest = to_remote.in_flight().unwrap().next().unwrap().unwrap();
    let ring_entry = ring + available::HEADER + available::ENTRY * u32::from(oldest.position % BUFFERS);
    let all = Bytes::new(&heap.region(), 0, MEMORY).unwrap();
    for (at, value, expected) in [
        (directory::MAGIC, 4, Field::DirectoryMagic),
        (directory::VERSION, 1, Field::DirectoryVersion),
        (directory::SIZE, MEMORY / 2, Field::DirectorySize),
        (entry_of_0 + entry::OFFSET, 0, Field::EntryOffset),
        (entry_of_0 + entry::OFFSET, PAGE + 4, Field::EntryOffset),
        (entry_of_0 + entry::OFFSET, MEMORY - PAGE, Field::EntryOffset),
        (entry_of_0 + entry::SIZE, MEMORY, Field::EntrySize),
        (entry_of_0 + entry::SIZE, PAGE, Field::EntrySize),
        (entry_of_0 + entry::SHARED, 12 * PAGE, Field::EntryShared),
        (host_block + block::STATE, 5, Field::State),
        (host_block + block::PEER_ID, 0x1_0000, Field::PeerId),
        (first + queue::COUNT, 0, Field::QueueCount),
        (first + queue::COUNT, 9, Field::QueueCount),
        (first + queue::COUNT, 0x1_0000, Field::QueueCount),
        (first + queue::BUFFER_SIZE, 8, Field::BufferSize),
        (first + queue::BUFFER_SIZE, 66, Field::BufferSize),
        (first + queue::DESCRIPTORS, 0, Field::Descriptors),
        (first + queue::AVAILABLE, ring + 1, Field::Available),
        (first + queue::BUFFERS, u32::MAX - 3, Field::Buffers),
        (host_block + PAGE + block::QUEUES + queue::USED, PAGE, Field::Used),
        (ring, 0x1000_0000, Field::AvailableIndex),
        (ring_entry & !3, 0xffff_ffff, Field::AvailableEntry),
        (oldest.at + Header::LENGTH, 49, Field::MessageLength),
    ] {
        all.write(0, &good).unwrap();
        assert_eq!(read_all(&heap.region()), []);
        poke(&heap, at, value);
        let findings = read_all(&heap.region());
        assert!(findings.iter().any(|finding| finding.field == expected), "{at:#x} {value:#x}: {findings:?}");
        let finding = findings[0];
        assert!(std::format!("{finding}").starts_with(&std::format!("{}", finding.field)), "{finding}");
        assert_eq!(finding.at & !3, at & !3, "{finding}");
    }
    assert_eq!(read_all(&fresh.region()), []);
    // A memory that is smaller than a directory.
    let check = Directory::new(&SavedMemory(&[0; 3])).check();
    let problem = Problem::Unreadable { size: 3 };
    assert_eq!(check, Err(Finding { field: Field::DirectoryMagic, at: 0, problem }));
    assert_eq!(Directory::new(&SavedMemory(&[0; 70])).links().count(), 0);
}

#[test]
fn indices_that_never_hold_still_are_a_finding() {
    let heap = Heap::new(MEMORY);
    talking(&heap);
    // The used ring is at the start of the remote's data. Its index is the second half word.
    let remote = heap.region().word(2 * PAGE + block::QUEUES + queue::USED).unwrap();
    let changes: Vec<_> = (0..64).map(|round| (remote, round << 16)).collect();
    let memory = Moving::new(&heap, &changes);
    let still = heap.region();
    let queue = Directory::new(&memory).link(0).unwrap().queue(Role::Host, 0).unwrap().unwrap();
    assert!(matches!(queue.indices(), Err(Finding { problem: Problem::Moving { .. }, .. })));
    poke(&heap, remote, 0);
    assert!(Directory::new(&still).link(0).unwrap().queue(Role::Host, 0).unwrap().unwrap().indices().is_ok());
}

/// Returns offsets near the words that matter.
fn offset() -> impl Strategy<Value = u32> {
    prop_oneof![0..0x60u32, PAGE..PAGE + 0x60, 2 * PAGE..2 * PAGE + 0x60, 3 * PAGE..4 * PAGE, 0..MEMORY - 4]
        .prop_map(|at| at & !3)
}

fn value() -> impl Strategy<Value = u32> {
    prop_oneof![any::<u32>(), 0..16u32, (0..16u32).prop_map(|page| page * PAGE), (0..32u32).prop_map(|bit| 1 << bit)]
}

proptest! {
    /// Checks random bytes, optionally after a valid magic number so that the reader continues past it.
    #[test]
    fn random_bytes_do_nothing(seed in proptest::collection::vec(any::<u32>(), 64..256), magic in any::<bool>()) {
        let heap = Heap::new(MEMORY);
        for (word, &value) in (0..MEMORY / 4).zip(seed.iter().cycle()) {
            poke(&heap, word * 4, value);
        }
        if magic {
            poke(&heap, directory::MAGIC, directory::MAGIC_VALUE);
            poke(&heap, directory::VERSION, crate::wire::session::VERSION);
            poke(&heap, directory::SIZE, MEMORY);
            for number in 0..directory::ENTRIES {
                poke(&heap, directory::HEAD + directory::ENTRY * number, entry::MAGIC_VALUE);
            }
        }
        let before = saved(&heap);
        let findings = read_all(&heap.region());
        prop_assert!(!findings.is_empty());
        prop_assert!(saved(&heap) == before);
    }

    /// Checks a link that is up, with words that change before and during the read.
    #[test]
    fn words_that_change_do_nothing(
        before in proptest::collection::vec((offset(), value()), 0..6),
        during in proptest::collection::vec((offset(), value()), 0..64),
    ) {
        let heap = Heap::new(MEMORY);
        talking(&heap);
        for &(at, value) in &before {
            poke(&heap, at, value);
        }
        let memory = Moving::new(&heap, &during);
        read_all(&memory);
        prop_assert!(memory.reads.get() < 300_000, "{} reads", memory.reads.get());
    }
}
