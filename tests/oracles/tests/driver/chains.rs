// SPDX-License-Identifier: Apache-2.0
//! Tests this module's chain driver against rust-vmm's `virtio-queue`. Both must agree on the elements and on their
//! content. The elements may be in the descriptor table or in an indirect table.

use std::collections::{HashMap, VecDeque};

use amp_ivshmem::mem::Bytes;
use amp_ivshmem::mem::fake::Heap;
use amp_ivshmem::virtqueue::chain::{AddError, ChainDriver, Completion, Element, IndirectTables, QueueId};
use amp_ivshmem::virtqueue::{Layout, Suppression, prepare_available, prepare_used};
use proptest::prelude::*;
use virtio_queue::{Queue, QueueT};
use vm_memory::{Bytes as _, GuestAddress, GuestMemoryMmap};

const SIZE: u16 = 8;
const LEN: u32 = 0x4000;
const LAYOUT: Layout = Layout { size: SIZE, descriptors: 0, available: 0x80, used: 0x100 };
const TABLES: u32 = 0x200;
/// Number of entries in an indirect table.
const ENTRIES: u16 = 4;
const BUFFERS: u32 = 0x400;
/// Offset and size of each area that the driver writes, except for the buffers.
const DRIVERS: [(u32, u32); 2] = [(0, 0x80 + 6 + 2 * 8), (TABLES, BUFFERS - TABLES)];
/// Offset and size of the area that the device writes, except for the buffers.
const DEVICES: (u32, u32) = (0x100, 6 + 8 * 8);

#[derive(Clone, Debug)]
enum Step {
    /// The driver adds a chain with readable and writable elements of these lengths.
    Add(Vec<u32>, Vec<u32>),
    /// The device pops the next chain.
    Pop,
    /// The device returns one of the popped chains after writing some of its bytes.
    Return(usize, u32),
    /// The driver pops a completed chain.
    Complete,
    /// The device enables or disables notifications.
    DeviceWaits(bool),
    /// The driver enables notifications.
    DriverWaits,
}

fn step() -> impl Strategy<Value = Step> {
    let lengths = || proptest::collection::vec(1..100_u32, 0..5);
    prop_oneof![
        3 => (lengths(), lengths()).prop_map(|(readable, writable)| Step::Add(readable, writable)),
        3 => Just(Step::Pop),
        3 => (any::<usize>(), any::<u32>()).prop_map(|(which, part)| Step::Return(which, part)),
        3 => Just(Step::Complete),
        1 => any::<bool>().prop_map(Step::DeviceWaits),
        1 => Just(Step::DriverWaits),
    ]
}

/// Lays out elements with these lengths one after the other, starting at `at`. Advances `at` past the last element.
fn lay_out(at: &mut u32, lengths: &[u32]) -> Vec<Element> {
    let element = |&length: &u32| {
        let address = u64::from(*at);
        *at += length;
        Element { address, length }
    };
    lengths.iter().map(element).collect()
}

proptest! {
    #[test]
    fn chains_and_virtio_queue_agree(
        steps in proptest::collection::vec(step(), 1..300),
        events in any::<bool>(),
        indirect in any::<bool>(),
    ) {
        let heap = Heap::new(LEN);
        let memory = heap.region();
        let ours = Bytes::new(&memory, 0, LEN).unwrap();
        let theirs: GuestMemoryMmap = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), LEN as usize)]).unwrap();
        let read = |(at, len): (u32, u32)| {
            let mut bytes = vec![0; len as usize];
            ours.read(at, &mut bytes).unwrap();
            bytes
        };
        let over = |(at, len)| theirs.write_slice(&read((at, len)), GuestAddress(at.into())).unwrap();
        let back = |(at, len): (u32, u32)| {
            let mut bytes = vec![0; len as usize];
            theirs.read_slice(&mut bytes, GuestAddress(at.into())).unwrap();
            ours.write(at, &bytes).unwrap();
        };
        let suppression = if events { Suppression::Events } else { Suppression::Flags };
        prepare_available(&memory, LAYOUT.available, SIZE, suppression).unwrap();
        prepare_used(&memory, LAYOUT.used, SIZE).unwrap();
        let tables = indirect.then(|| IndirectTables::new(&memory, TABLES, TABLES.into(), SIZE, ENTRIES).unwrap());
        let mut driver: ChainDriver<_, { SIZE as usize }> =
            ChainDriver::new(&memory, LAYOUT, suppression, tables, QueueId(1)).unwrap();
        let mut device = Queue::new(SIZE).unwrap();
        device.set_desc_table_address(Some(LAYOUT.descriptors), Some(0));
        device.set_avail_ring_address(Some(LAYOUT.available), Some(0));
        device.set_used_ring_address(Some(LAYOUT.used), Some(0));
        device.set_event_idx(events);
        device.set_ready(true);
        DRIVERS.into_iter().for_each(over);
        over(DEVICES);
        prop_assert!(device.is_valid(&theirs));

        let (mut free, mut places): (Vec<u32>, _) = ((0..9).collect(), HashMap::new());
        let (mut added, mut popped, mut returned) = (VecDeque::new(), Vec::new(), VecDeque::new());
        let (mut device_waits, mut driver_waits) = (false, false);
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Add(readable, writable) => {
                    // There are 9 places and at most 8 chains in the queue, so one place is always free.
                    let place = free.pop().unwrap();
                    let mut at = BUFFERS + place * 0x400;
                    let (readable, writable) = (lay_out(&mut at, &readable), lay_out(&mut at, &writable));
                    for element in &readable {
                        let content = vec![number as u8; element.length as usize];
                        ours.write(element.address as u32, &content).unwrap();
                        over((element.address as u32, element.length));
                    }
                    let count = readable.len() + writable.len();
                    let in_table = indirect && (2..=usize::from(ENTRIES)).contains(&count);
                    match driver.add(&readable, &writable) {
                        Ok(chain) => {
                            prop_assert!(chain.notify || !device_waits, "a waiting device was not notified");
                            device_waits &= !chain.notify;
                            added.push_back((chain.token, readable, writable, number as u8));
                            places.insert(chain.token, place);
                        }
                        Err(AddError::Empty) => prop_assert_eq!(count, 0),
                        Err(AddError::NoDescriptors) => {
                            let needed = if in_table { 1 } else { count };
                            prop_assert!(usize::from(driver.free()) < needed);
                        }
                        Err(error) => prop_assert_eq!(error, AddError::TooManyElements { max: SIZE }),
                    }
                    if !places.values().any(|used| *used == place) {
                        free.push(place);
                    }
                    DRIVERS.into_iter().for_each(over);
                }
                Step::Pop => {
                    let chain = device.pop_descriptor_chain(&theirs);
                    let expected = added.pop_front();
                    prop_assert_eq!(chain.is_some(), expected.is_some());
                    let (Some(chain), Some((token, readable, writable, content))) = (chain, expected) else { continue };
                    prop_assert_eq!(chain.head_index(), token.head());
                    let seen: Vec<_> = chain.clone().map(|it| (it.addr().0, it.len(), it.is_write_only())).collect();
                    let all = readable.iter().map(|it| (it, false)).chain(writable.iter().map(|it| (it, true)));
                    let all: Vec<_> = all.map(|(it, write)| (it.address, it.length, write)).collect();
                    prop_assert_eq!(seen, all);
                    let mut bytes = Vec::new();
                    std::io::Read::read_to_end(&mut chain.reader(&theirs).unwrap(), &mut bytes).unwrap();
                    let length: u32 = readable.iter().map(|it| it.length).sum();
                    prop_assert_eq!(bytes, vec![content; length as usize]);
                    popped.push((token, writable));
                }
                Step::Return(which, part) => if !popped.is_empty() {
                    let (token, writable) = popped.remove(which % popped.len());
                    let all: u32 = writable.iter().map(|it| it.length).sum();
                    let written = part % (all + 1);
                    for element in &writable {
                        let answer = vec![!(number as u8); element.length as usize];
                        theirs.write_slice(&answer, GuestAddress(element.address)).unwrap();
                        back((element.address as u32, element.length));
                    }
                    device.add_used(&theirs, token.head(), written).unwrap();
                    let notified = device.needs_notification(&theirs).unwrap();
                    prop_assert!(notified || !driver_waits, "a waiting driver was not notified");
                    driver_waits &= !notified;
                    returned.push_back((Completion { token, written }, writable, !(number as u8)));
                    back(DEVICES);
                },
                Step::Complete => {
                    let completion = driver.pop_used().unwrap();
                    let expected = returned.pop_front();
                    free.extend(completion.and_then(|it| places.remove(&it.token)));
                    prop_assert_eq!(completion, expected.as_ref().map(|(completion, ..)| *completion));
                    for element in expected.iter().flat_map(|(_, writable, _)| writable) {
                        let answer = read((element.address as u32, element.length));
                        prop_assert!(answer.iter().all(|byte| Some(*byte) == expected.as_ref().map(|it| it.2)));
                    }
                }
                Step::DeviceWaits(true) => {
                    device_waits = !device.enable_notification(&theirs).unwrap();
                    prop_assert_eq!(device_waits, added.is_empty());
                    back(DEVICES);
                }
                Step::DeviceWaits(false) => {
                    device.disable_notification(&theirs).unwrap();
                    device_waits = false;
                    back(DEVICES);
                }
                Step::DriverWaits => {
                    driver_waits = driver.enable_notification();
                    prop_assert_eq!(driver_waits, returned.is_empty());
                    DRIVERS.into_iter().for_each(over);
                }
            }
        }
    }
}
