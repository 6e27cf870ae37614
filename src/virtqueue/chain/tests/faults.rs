// SPDX-License-Identifier: Apache-2.0
//! Breaks each chain rule once, as the driver and as the device. Also tests unusual chains that virtio allows.

use super::*;
use crate::mem::{Store, Table};
use crate::virtqueue::Fault;
use crate::virtqueue::descriptor::Descriptors;
use crate::wire::vring::{available, descriptor, used};

const NEXT: u16 = 1;
const WRITE: u16 = 2;
const INDIRECT: u16 = 4;

/// The fields of a descriptor: address, length, flags, next.
type Words = (u64, u32, u16, u16);

/// The address of the first buffer byte.
const BUFFER: u64 = ADDRESS + BUFFERS as u64;
/// The address of an indirect table.
const TABLE: u64 = ADDRESS + TABLES as u64;

fn put(heap: &Heap, offset: u32, count: u32, words: &[Words]) {
    let table: Descriptors<Region<'_>> = Table::new(&heap.region(), offset, count).unwrap();
    for (index, &(address, length, flags, next)) in (0..).zip(words) {
        table.store_u32::<{ descriptor::ADDRESS_LOW }>(index, address as u32, Store::Relaxed);
        table.store_u32::<{ descriptor::ADDRESS_HIGH }>(index, (address >> 32) as u32, Store::Relaxed);
        table.store_u32::<{ descriptor::LENGTH }>(index, length, Store::Relaxed);
        table.store_u16::<{ descriptor::FLAGS }>(index, flags, Store::Relaxed);
        table.store_u16::<{ descriptor::NEXT }>(index, next, Store::Relaxed);
    }
}

/// Makes a device for which the driver has written `queue` to the queue's table and `table` to the indirect table, and
/// has made descriptor 0 available.
fn given<'m>(heap: &'m Heap, queue: &[Words], table: &[Words], indirect: Indirect) -> TestDevice<'m> {
    let (_, device) = pair(heap, Suppression::Events, indirect);
    put(heap, LAYOUT.descriptors, SIZE.into(), queue);
    put(heap, TABLES, 16, table);
    let ring: Table<Region<'_>, { available::ENTRY }, { available::HEADER }, { available::TAIL }> =
        Table::new(&heap.region(), LAYOUT.available, SIZE.into()).unwrap();
    ring.store_u16::<{ available::ID }>(0, 0, Store::Relaxed);
    ring.store_header::<{ available::INDEX }>(1, Store::Release);
    device
}

/// Walks the chain formed by these descriptors, and returns its segments or its fault. Checks that a fault is reported
/// again by later calls.
fn come_to(queue: &[Words], table: &[Words], indirect: Indirect) -> Result<Vec<Segment>, ChainFault> {
    let heap = Heap::new(MEMORY);
    let mut device = given(&heap, queue, table, indirect);
    let mut chain = device.pop().unwrap().unwrap();
    let walked = walk(&mut device, &mut chain);
    if let Err(fault) = walked {
        assert_eq!((device.fault(), device.pop()), (Some(fault), Err(fault)), "it stays");
        assert_eq!(walk(&mut device, &mut chain), Ok(vec![]), "the walk is over");
    }
    walked
}

fn fault(queue: &[Words], table: &[Words]) -> ChainFault {
    come_to(queue, table, Indirect::Allowed).unwrap_err()
}

#[test]
fn what_virtio_allows_is_taken() {
    let two = [(BUFFER, 1, NEXT, 1), (BUFFER + 1, 2, WRITE, 77)];
    let expected = vec![segment(0, 1, false), segment(1, 2, true)];
    assert_eq!(come_to(&two, &[], Indirect::Forbidden).as_ref(), Ok(&expected), "without NEXT, next says nothing");
    for flags in [INDIRECT, INDIRECT | WRITE] {
        let queue = [(TABLE, 32, flags, 99)];
        assert_eq!(come_to(&queue, &two, Indirect::Allowed).as_ref(), Ok(&expected), "{flags}: WRITE is ignored");
    }
    // Chained descriptors, then an indirect table whose entries are linked out of order.
    let queue =
        [(BUFFER + 9, 3, NEXT, 5), (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (TABLE, 64, INDIRECT, 0)];
    let table = [(BUFFER, 1, NEXT, 3), (BUFFER + 1, 2, WRITE, 0), (0, 0, 0, 0), (BUFFER, 1, NEXT | WRITE, 1)];
    let all = [segment(9, 3, false), segment(0, 1, false), segment(0, 1, true), segment(1, 2, true)];
    assert_eq!(come_to(&queue, &table, Indirect::Allowed), Ok(all.to_vec()));
    // Unknown flags, and empty elements at arbitrary addresses.
    let empty = [(u64::MAX, 0, NEXT, 1), (BUFFER, 1, NEXT | 0xfff8, 2), (7, 0, WRITE, 0)];
    assert_eq!(come_to(&empty, &[], Indirect::Allowed), Ok(vec![segment(0, 1, false)]));
    // A chain of maximum length that spans both tables.
    let queue = [(BUFFER, 1, NEXT, 1), (TABLE, 16 * 7, INDIRECT, 0)];
    let table: Vec<Words> = (1..8).map(|n| (BUFFER, 1, if n < 7 { NEXT } else { 0 }, n)).collect();
    assert_eq!(come_to(&queue, &table, Indirect::Allowed).map(|all| all.len()), Ok(8));
    // An element that ends at the last byte of the memory.
    let last = [(ADDRESS + u64::from(MEMORY) - 1, 1, 0, 0)];
    assert!(come_to(&last, &[], Indirect::Allowed).is_ok());
}

#[test]
fn a_loop_ends_at_the_queues_size() {
    let too_many = ChainFault::TooManyDescriptors { size: SIZE };
    assert_eq!(fault(&[(BUFFER, 1, NEXT, 0)], &[]), too_many);
    assert_eq!(fault(&[(BUFFER, 0, NEXT, 0)], &[]), too_many, "also of elements without a byte");
    assert_eq!(fault(&[(BUFFER, 1, NEXT, 1), (BUFFER, 1, NEXT, 0)], &[]), too_many);
    assert_eq!(fault(&[(TABLE, 32, INDIRECT, 0)], &[(BUFFER, 1, NEXT, 1), (BUFFER, 1, NEXT, 0)]), too_many);
    let queue = [(BUFFER, 1, NEXT, 1), (TABLE, 16 * 8, INDIRECT, 0)];
    let table: Vec<Words> = (1..9).map(|n| (BUFFER, 1, if n < 8 { NEXT } else { 0 }, n)).collect();
    assert_eq!(fault(&queue, &table), too_many, "longer than the queue, although it ends");
}

#[test]
fn a_next_descriptor_is_one_of_its_table() {
    assert_eq!(fault(&[(BUFFER, 1, NEXT, 8)], &[]), ChainFault::NextOutOfRange { next: 8, count: 8 });
    let table = [(BUFFER, 1, NEXT, 2), (BUFFER, 1, 0, 0)];
    assert_eq!(fault(&[(TABLE, 32, INDIRECT, 0)], &table), ChainFault::NextOutOfRange { next: 2, count: 2 });
}

#[test]
fn readable_elements_come_first() {
    let queue = [(BUFFER, 1, NEXT | WRITE, 1), (BUFFER, 1, 0, 0)];
    assert_eq!(fault(&queue, &[]), ChainFault::ReadableAfterWritable);
    assert_eq!(fault(&[(TABLE, 32, INDIRECT, 0)], &queue), ChainFault::ReadableAfterWritable);
    // Readable after writable, across the two tables.
    let queue = [(BUFFER, 1, NEXT | WRITE, 1), (TABLE, 16, INDIRECT, 0)];
    assert_eq!(fault(&queue, &[(BUFFER, 1, 0, 0)]), ChainFault::ReadableAfterWritable);
    // The rule also applies to empty elements.
    assert_eq!(fault(&[(BUFFER, 0, NEXT | WRITE, 1), (BUFFER, 1, 0, 0)], &[]), ChainFault::ReadableAfterWritable);
}

#[test]
fn elements_are_inside_the_memory_and_countable() {
    let end = ADDRESS + u64::from(MEMORY);
    for (address, length, flags) in
        [(end, 1, 0), (end - 1, 2, WRITE), (ADDRESS - 1, 1, 0), (0, 1, 0), (u64::MAX, 1, WRITE)]
    {
        let writable = flags == WRITE;
        assert_eq!(fault(&[(address, length, flags, 0)], &[]), ChainFault::Outside { address, length, writable });
    }
    let queue = [(BUFFER, 2, NEXT, 1), (BUFFER, u32::MAX - 1, 0, 0)];
    assert_eq!(fault(&queue, &[]), ChainFault::TooManyBytes);
    let queue = [(BUFFER, 2, NEXT, 1), (BUFFER, u32::MAX - 1, WRITE, 0)];
    assert_eq!(fault(&queue, &[]), ChainFault::TooManyBytes);
}

#[test]
fn an_indirect_table_is_one_whole_table_within_the_memory() {
    let end = ADDRESS + u64::from(MEMORY);
    for (address, length) in
        [(TABLE, 0), (TABLE, 8), (TABLE, 17), (end - 16, 32), (TABLE + 2, 16), (0, 16), (TABLE, 0xffff_fff0)]
    {
        assert_eq!(
            fault(&[(address, length, INDIRECT, 0)], &[(BUFFER, 1, 0, 0)]),
            ChainFault::IndirectTable { address, length }
        );
    }
    let nested = [(BUFFER, 1, NEXT, 1), (TABLE, 16, INDIRECT, 0)];
    assert_eq!(fault(&[(TABLE, 32, INDIRECT, 0)], &nested), ChainFault::IndirectNested);
    assert_eq!(fault(&[(TABLE, 16, INDIRECT, 0)], &[(TABLE, 16, INDIRECT, 0)]), ChainFault::IndirectNested);
    assert_eq!(fault(&[(TABLE, 16, INDIRECT | NEXT, 0)], &[(BUFFER, 1, 0, 0)]), ChainFault::IndirectWithNext);
    let forbidden = come_to(&[(TABLE, 16, INDIRECT, 0)], &[(BUFFER, 1, 0, 0)], Indirect::Forbidden);
    assert_eq!(forbidden, Err(ChainFault::IndirectForbidden));
}

#[test]
fn a_device_names_what_it_holds_and_writes_no_more_than_it_may() {
    let heap = Heap::new(MEMORY);
    let ring = || -> Table<Region<'_>, { used::ENTRY }, { used::HEADER }, { used::TAIL }> {
        Table::new(&heap.region(), LAYOUT.used, SIZE.into()).unwrap()
    };
    let say = |id, length| {
        ring().store_u32::<{ used::ID }>(0, id, Store::Relaxed);
        ring().store_u32::<{ used::LENGTH }>(0, length, Store::Relaxed);
        ring().store_header::<{ used::INDEX }>(1, Store::Release);
    };
    let added = || {
        let (mut driver, _) = pair(&heap, Suppression::Events, Indirect::Forbidden);
        let token = driver.add(&[element(0, 9)], &[element(9, 2), element(11, 2)]).unwrap().token;
        (driver, token)
    };
    for (id, length, fault) in [
        (2, 5, ChainFault::Written { written: 5, writable: 4 }),
        (2, u32::MAX, ChainFault::Written { written: u32::MAX, writable: 4 }),
        (1, 0, Fault::NotHeld { id: 1 }.into()),
        (3, 0, Fault::NotHeld { id: 3 }.into()),
        (8, 0, Fault::NoSuchDescriptor { id: 8, size: 8 }.into()),
    ] {
        let (mut driver, token) = added();
        assert_eq!(token.head(), 2, "the last of the chain is described first");
        say(id, length);
        assert_eq!(driver.pop_used(), Err(fault));
        say(2, 0);
        assert_eq!((driver.pop_used(), driver.fault()), (Err(fault), Some(fault)), "it stays");
        assert_eq!(driver.add(&[element(0, 1)], &[]), Err(AddError::Broken));
    }
    let (mut driver, token) = added();
    say(2, 4);
    assert_eq!(driver.pop_used(), Ok(Some(Completion { token, written: 4 })));
}
