// SPDX-License-Identifier: Apache-2.0
//! Tests chains between the two sides, and mistakes by the caller.

mod faults;
mod random;

use std::vec;
use std::vec::Vec;

use super::*;
use crate::mem::fake::Heap;
use crate::mem::{Bytes, MemoryError, Region};
use crate::virtqueue::{Indirect, Layout, LayoutError, Suppression, prepare_available, prepare_used};

const SIZE: u16 = 8;
const LAYOUT: Layout = Layout { size: SIZE, descriptors: 0, available: 0x80, used: 0x100 };
/// Number of entries in an indirect table.
const LENGTH: u16 = 4;
const TABLES: u32 = 0x200;
const BUFFERS: u32 = 0x600;
const MEMORY: u32 = 0x1000;
/// The address of the first byte of the memory.
const ADDRESS: u64 = 0x7_0000_0000;
const WINDOW: Window = Window { address: ADDRESS, offset: 0, length: MEMORY, writable: true };

type TestDriver<'m> = ChainDriver<Region<'m>, { SIZE as usize }>;
type TestDevice<'m> = ChainDevice<Region<'m>, Window, { SIZE as usize }>;

fn tables(heap: &Heap) -> IndirectTables<Region<'_>> {
    IndirectTables::new(&heap.region(), TABLES, ADDRESS + u64::from(TABLES), SIZE, LENGTH).unwrap()
}

fn pair(heap: &Heap, suppression: Suppression, indirect: Indirect) -> (TestDriver<'_>, TestDevice<'_>) {
    pair_of(heap, suppression, indirect, [QueueId(1), QueueId(2)])
}

fn pair_of(
    heap: &Heap,
    suppression: Suppression,
    indirect: Indirect,
    [of_driver, of_device]: [QueueId; 2],
) -> (TestDriver<'_>, TestDevice<'_>) {
    let memory = heap.region();
    prepare_available(&memory, LAYOUT.available, SIZE, suppression).unwrap();
    prepare_used(&memory, LAYOUT.used, SIZE).unwrap();
    let tables = (indirect == Indirect::Allowed).then(|| tables(heap));
    let driver = ChainDriver::new(&memory, LAYOUT, suppression, tables, of_driver).unwrap();
    let device = ChainDevice::new(&memory, LAYOUT, suppression, indirect, WINDOW, of_device).unwrap();
    (driver, device)
}

/// Returns the element of `length` bytes at `offset` in the buffer area.
fn element(offset: u32, length: u32) -> Element {
    Element { address: ADDRESS + u64::from(BUFFERS + offset), length }
}

fn segment(offset: u32, length: u32, writable: bool) -> Segment {
    Segment { offset: BUFFERS + offset, length, writable }
}

fn walk(device: &mut TestDevice<'_>, chain: &mut Chain) -> Result<Vec<Segment>, ChainFault> {
    device.walk(chain).unwrap().collect()
}

#[test]
fn a_request_goes_over_and_its_answer_comes_back() {
    for indirect in [Indirect::Forbidden, Indirect::Allowed] {
        let heap = Heap::new(MEMORY);
        let (mut driver, mut device) = pair(&heap, Suppression::Events, indirect);
        let bytes = Bytes::new(&heap.region(), BUFFERS, 0x100).unwrap();
        bytes.write(0, b"head").unwrap();
        bytes.write(0x20, b"body").unwrap();
        let added = driver.add(&[element(0, 4), element(0x20, 4)], &[element(0x40, 3), element(0x60, 5)]).unwrap();
        assert!(added.notify && driver.is_pending(added.token));
        assert_eq!(driver.free(), if indirect == Indirect::Allowed { 7 } else { 4 });

        let mut chain = device.pop().unwrap().unwrap();
        let all = Segments::<4>::gather(device.walk(&mut chain).unwrap()).unwrap();
        assert_eq!(all.readable(), [segment(0, 4, false), segment(0x20, 4, false)]);
        assert_eq!(all.writable(), [segment(0x40, 3, true), segment(0x60, 5, true)]);
        assert_eq!((all.readable_bytes(), all.writable_bytes()), (8, 8));
        let mut request = [0; 5];
        assert!(all.read(&heap.region(), 2, &mut request) && request == *b"adbod");
        assert!(!all.read(&heap.region(), 4, &mut request) && !all.read(&heap.region(), 9, &mut []));
        assert!(all.write(&heap.region(), 1, b"answer") && !all.write(&heap.region(), 3, b"answer"));
        assert_eq!(device.add_used(chain, 7), Ok(false));

        let done = driver.pop_used().unwrap().unwrap();
        assert_eq!(done, Completion { token: added.token, written: 7 });
        assert!(!driver.is_pending(added.token) && driver.free() == SIZE);
        let mut answer = [0; 8];
        bytes.read(0x40, &mut answer[..3]).unwrap();
        bytes.read(0x60, &mut answer[3..]).unwrap();
        assert_eq!(answer, *b"\0answer\0");
        assert_eq!(driver.pop_used(), Ok(None));
    }
}

#[test]
fn a_walk_stops_and_goes_on_and_reads_each_descriptor_once() {
    for indirect in [Indirect::Forbidden, Indirect::Allowed] {
        let heap = Heap::new(MEMORY);
        let (mut driver, mut device) = pair(&heap, Suppression::Flags, indirect);
        assert!(driver.add(&[element(0, 1), element(1, 1)], &[element(2, 2)]).is_ok());
        let mut chain = device.pop().unwrap().unwrap();
        assert_eq!(device.walk(&mut chain).unwrap().next(), Some(Ok(segment(0, 1, false))));
        assert_eq!((chain.readable(), chain.writable()), (1, 0));
        // The peer may overwrite a descriptor once this side has read it.
        Bytes::new(&heap.region(), 16 * u32::from(chain.head()), 12).unwrap().write(0, &[0xff; 12]).unwrap();
        assert_eq!(walk(&mut device, &mut chain), Ok(vec![segment(1, 1, false), segment(2, 2, true)]));
        assert_eq!((chain.readable(), chain.writable()), (2, 2));
        assert_eq!(walk(&mut device, &mut chain), Ok(vec![]));
    }
}

#[test]
fn a_chain_as_long_as_the_queue_goes_through_and_comes_back() {
    let heap = Heap::new(MEMORY);
    let (mut driver, mut device) = pair(&heap, Suppression::Events, Indirect::Allowed);
    let all: Vec<_> = (0..8).map(|n| element(n, 1)).collect();
    for _ in 0..3 {
        // The chain is longer than an indirect table, so it goes into the queue's own table.
        let token = driver.add(&all[..3], &all[3..]).unwrap().token;
        assert_eq!(driver.free(), 0);
        assert_eq!(driver.add(&all[..1], &[]), Err(AddError::NoDescriptors));
        let mut chain = device.pop_or_enable().unwrap().unwrap();
        let too_few = Segments::<7>::gather(device.walk(&mut chain).unwrap());
        assert!(matches!(too_few, Err(GatherError::TooMany { limit: 7 })));
        assert_eq!(device.add_used(chain, 9), Ok(false), "never more than was walked");
        assert_eq!(driver.pop_used(), Ok(Some(Completion { token, written: 5 })));
        assert_eq!(device.pop_or_enable(), Ok(None));
    }
}

#[test]
fn what_no_chain_is_is_refused_and_changes_nothing() {
    let heap = Heap::new(MEMORY);
    let (mut driver, mut device) = pair(&heap, Suppression::Events, Indirect::Forbidden);
    let one = element(0, 1);
    assert_eq!(driver.add(&[], &[]), Err(AddError::Empty));
    assert_eq!(driver.add(&[one; 9], &[]), Err(AddError::TooManyElements { max: 8 }));
    assert_eq!(driver.add(&[one; 4], &[one; 5]), Err(AddError::TooManyElements { max: 8 }));
    assert_eq!(driver.add(&[one, element(0, 0)], &[]), Err(AddError::ZeroLength));
    assert_eq!(driver.add(&[one], &[element(0, 0)]), Err(AddError::ZeroLength));
    assert_eq!(driver.add(&[one], &[element(0, u32::MAX)]), Err(AddError::TooManyBytes));
    assert_eq!((driver.free(), device.pop()), (SIZE, Ok(None)));
    assert!(driver.add(&[element(0, u32::MAX)], &[]).is_ok(), "as many as a length counts");
}

#[test]
fn a_queue_takes_only_its_own_chains_and_tokens() {
    let heaps = [Heap::new(MEMORY), Heap::new(MEMORY)];
    let new = |heap, ids| pair_of(heap, Suppression::Events, Indirect::Forbidden, ids);
    let (mut driver, mut device) = new(&heaps[0], [QueueId(1), QueueId(2)]);
    let (mut other_driver, mut other_device) = new(&heaps[1], [QueueId(3), QueueId(4)]);
    let [token, other] = [&mut driver, &mut other_driver].map(|it| it.add(&[element(0, 1)], &[]).unwrap().token);
    assert_eq!(token.head(), other.head());
    assert!(token != other && !driver.is_pending(other) && !other_driver.is_pending(token));
    let mut chain = device.pop().unwrap().unwrap();
    let mut foreign = other_device.pop().unwrap().unwrap();
    assert_eq!(device.walk(&mut foreign).map(|_| ()), Err(WrongQueue));
    let (error, foreign) = device.add_used(foreign, 0).unwrap_err();
    assert_eq!((error, driver.pop_used()), (WrongQueue, Ok(None)));
    assert_eq!(walk(&mut device, &mut chain).unwrap().len(), 1, "the queue is as it was");
    assert!(device.add_used(chain, 0).is_ok() && other_device.add_used(foreign, 0).is_ok());
    assert_eq!(driver.pop_used().unwrap().unwrap().token, token);
    assert_ne!(driver.add(&[element(0, 1)], &[]).unwrap().token, token, "the next one there is another");
}

#[test]
fn tables_that_cannot_be_are_refused() {
    let heap = Heap::new(MEMORY);
    let memory = heap.region();
    let new = |offset, size, length| IndirectTables::new(&memory, offset, 0, size, length).map(|_| ()).unwrap_err();
    assert_eq!(IndirectTables::<Region<'_>>::bytes(SIZE, LENGTH), 8 * 4 * 16);
    assert_eq!(new(0, 8, 3), MemoryError::NotPowerOfTwo { count: 3 }.into());
    assert_eq!(new(0, 6, 4), MemoryError::NotPowerOfTwo { count: 24 }.into());
    assert_eq!(new(2, 8, 4), MemoryError::Misaligned { offset: 2, align: 4 }.into());
    let out = MemoryError::OutOfBounds { offset: 0xe04, len: 0x200, size: MEMORY };
    assert_eq!(new(0xe04, 8, 4), out.into());
    let few = IndirectTables::new(&memory, TABLES, 0, 4, LENGTH).unwrap();
    let driver = ChainDriver::<_, 8>::new(&memory, LAYOUT, Suppression::Events, Some(few), QueueId(1));
    assert_eq!(driver.map(|_| ()), Err(LayoutError::TooLarge { size: 8, capacity: 4 }));
}

#[test]
fn a_window_maps_its_run_and_no_more() {
    let read_only = Window { address: 0x100, offset: 0x40, length: 0x10, writable: false };
    let windows = [read_only, Window { address: 0x200, offset: u32::MAX - 4, length: 8, writable: true }];
    for (address, length, writable, offset) in [
        (0x100, 0x10, false, Some(0x40)),
        (0x10f, 1, false, Some(0x4f)),
        (0x110, 0, false, Some(0x50)),
        (0x100, 0x10, true, None),
        (0x10f, 2, false, None),
        (0xff, 1, false, None),
        (0x200, 8, true, Some(u32::MAX - 4)),
        (0x205, 1, true, None),
        (u64::MAX, u32::MAX, false, None),
        (0x1_0000_0100, 1, false, None),
    ] {
        assert_eq!(windows.offset(address, length, writable), offset, "{address:#x} {length} {writable}");
    }
}
