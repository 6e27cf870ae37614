// SPDX-License-Identifier: Apache-2.0
//! Tests the two sides against each other, against a model, and against a peer that writes random values.

use std::collections::VecDeque;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::mem::fake::Heap;
use crate::mem::{Bytes, MemoryError, Region, Store};
use crate::wire::vring::{DescriptorFlags, available, available_len, descriptor, descriptor_table_len, used, used_len};

const LAYOUT: Layout = Layout { size: 8, descriptors: 0, available: 0x80, used: 0x100 };
const MEMORY: u32 = 0x1000;

type Pair<'m> = (Driver<Region<'m>, 8>, Device<Region<'m>, 8>);

fn pair(heap: &Heap, suppression: Suppression) -> Pair<'_> {
    prepare_available(&heap.region(), LAYOUT.available, LAYOUT.size, suppression).unwrap();
    prepare_used(&heap.region(), LAYOUT.used, LAYOUT.size).unwrap();
    let driver = Driver::new(&heap.region(), LAYOUT, suppression).unwrap();
    let device = Device::new(&heap.region(), LAYOUT, suppression).unwrap();
    (driver, device)
}

#[test]
fn the_test_layout_does_not_overlap() {
    assert!(descriptor_table_len(8) <= LAYOUT.available && LAYOUT.available + available_len(8) <= LAYOUT.used);
    assert!(LAYOUT.used + used_len(8) <= MEMORY);
}

#[test]
fn a_queue_that_does_not_fit_is_refused() {
    let heap = Heap::new(MEMORY);
    let memory = heap.region();
    let new = |layout| Driver::<_, 8>::new(&memory, layout, Suppression::Events).map(|_| ());
    assert_eq!(new(Layout { size: 16, ..LAYOUT }), Err(LayoutError::TooLarge { size: 16, capacity: 8 }));
    assert_eq!(new(Layout { size: 6, ..LAYOUT }), Err(MemoryError::NotPowerOfTwo { count: 6 }.into()));
    assert_eq!(new(Layout { size: 0, ..LAYOUT }), Err(MemoryError::NotPowerOfTwo { count: 0 }.into()));
    assert_eq!(
        new(Layout { used: MEMORY - 8, ..LAYOUT }),
        Err(MemoryError::OutOfBounds { offset: MEMORY - 8, len: 70, size: MEMORY }.into())
    );
    assert_eq!(new(Layout { used: 0x102, ..LAYOUT }), Err(MemoryError::Misaligned { offset: 0x102, align: 4 }.into()));
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Offer,
    PutBack,
    Take,
    GiveBack(usize),
    Collect,
    DriverSleeps,
    DeviceSleeps,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => Just(Step::Offer),
        1 => Just(Step::PutBack),
        4 => Just(Step::Take),
        4 => (0..8usize).prop_map(Step::GiveBack),
        4 => Just(Step::Collect),
        1 => Just(Step::DriverSleeps),
        1 => Just(Step::DeviceSleeps),
    ]
}

proptest! {
    /// Checks that each buffer arrives once, in order and intact, and comes back once, for any sequence of operations.
    /// Also checks that a sleeping side is notified of the next event.
    #[test]
    fn behaves_as_two_queues(
        steps in proptest::collection::vec(step(), 1..400),
        flags in any::<bool>(),
        start in prop_oneof![Just(0u16), 65500..=65535u16],
    ) {
        let heap = Heap::new(MEMORY);
        let (mut driver, mut device) = pair(&heap, if flags { Suppression::Flags } else { Suppression::Events });
        // Move both sides close to the point where the indices wrap.
        for _ in 0..start {
            let taken = driver.alloc().unwrap();
            driver.add_avail(taken);
            let id = device.pop_avail().unwrap().unwrap();
            device.add_used(id, 0);
            let back = driver.pop_used().unwrap().unwrap();
            driver.free(back);
        }
        prop_assert_eq!((driver.avail_count(), driver.used_count()), (start.into(), start.into()));
        let (mut free, mut offered, mut held, mut returned) = (8, VecDeque::new(), Vec::new(), VecDeque::new());
        let (mut driver_sleeps, mut device_sleeps, mut stamp) = (false, false, 0u64);
        for step in steps {
            match step {
                Step::Offer => match driver.alloc() {
                    Some(taken) => {
                        free -= 1;
                        stamp += 1;
                        driver.describe(&taken, stamp << 20, 100, DescriptorFlags::empty());
                        offered.push_back((taken.id(), stamp << 20));
                        let notified = driver.add_avail(taken);
                        prop_assert!(notified || !device_sleeps, "a sleeping device was not notified");
                        device_sleeps &= !notified;
                    }
                    None => prop_assert_eq!(free, 0),
                },
                Step::PutBack => if let Some(taken) = driver.alloc() {
                    let id = driver.hold(taken);
                    let again = driver.reclaim(id).unwrap();
                    prop_assert_eq!(driver.reclaim(id), None, "only once");
                    driver.free(again);
                },
                Step::Take => match device.pop_avail().unwrap() {
                    Some(id) => {
                        let buffer = device.buffer(id).unwrap();
                        prop_assert_eq!(Some((buffer.id, buffer.address)), offered.pop_front());
                        prop_assert_eq!((buffer.length, buffer.writable), (100, false));
                        held.push(buffer.id);
                    }
                    None => prop_assert!(offered.is_empty()),
                },
                Step::GiveBack(which) => if !held.is_empty() {
                    let id = held.remove(which % held.len());
                    let notified = device.add_used(id, u32::from(id));
                    prop_assert!(!device.add_used(id, 1), "only once");
                    returned.push_back(id);
                    prop_assert!(notified || !driver_sleeps, "a sleeping driver was not notified");
                    driver_sleeps &= !notified;
                },
                Step::Collect => match driver.pop_used().unwrap() {
                    Some(taken) => {
                        prop_assert_eq!(Some(taken.id()), returned.pop_front());
                        driver.free(taken);
                        free += 1;
                    }
                    None => prop_assert!(returned.is_empty()),
                },
                Step::DriverSleeps => {
                    driver_sleeps = driver.enable_notification();
                    prop_assert_eq!(driver_sleeps, returned.is_empty());
                }
                Step::DeviceSleeps => {
                    device_sleeps = device.enable_notification();
                    prop_assert_eq!(device_sleeps, offered.is_empty());
                }
            }
        }
    }

    /// Checks that a peer that writes anywhere at any time does not cause a panic, a duplicate descriptor, or an
    /// out-of-bounds access.
    #[test]
    fn survives_a_peer_that_scribbles(
        scribbles in proptest::collection::vec((0..0x150u32, any::<u16>(), step()), 1..300),
        flags in any::<bool>(),
    ) {
        let heap = Heap::new(MEMORY);
        let (mut driver, mut device) = pair(&heap, if flags { Suppression::Flags } else { Suppression::Events });
        let memory = Bytes::new(&heap.region(), 0, MEMORY).unwrap();
        let (mut driver_holds, mut device_holds) = ([false; 8], [false; 8]);
        for (offset, value, step) in scribbles {
            memory.write(offset, &value.to_le_bytes()[..1 + usize::from(value & 1)]).unwrap();
            match step {
                Step::Offer | Step::PutBack => if let Some(taken) = driver.alloc() {
                    prop_assert!(!std::mem::replace(&mut driver_holds[usize::from(taken.id())], true));
                    driver.add_avail(taken);
                },
                Step::Collect => if let Ok(Some(taken)) = driver.pop_used() {
                    prop_assert!(std::mem::replace(&mut driver_holds[usize::from(taken.id())], false));
                    driver.free(taken);
                },
                Step::Take => if let Ok(Some(id)) = device.pop_avail_or_enable() {
                    prop_assert!(!std::mem::replace(&mut device_holds[usize::from(id)], true));
                },
                Step::GiveBack(id) => {
                    device.add_used(id as u16, 0);
                    device_holds[id] = false;
                }
                Step::DriverSleeps => { driver.enable_notification(); }
                Step::DeviceSleeps => { device.enable_notification(); }
            }
        }
    }
}

#[test]
fn names_what_the_peer_broke() {
    let heap = Heap::new(MEMORY);
    let (mut driver, mut device) = pair(&heap, Suppression::Events);
    let other = Ring::new(&heap.region(), LAYOUT, 8).unwrap();

    other.available.store_header::<{ available::INDEX }>(9, Store::Release);
    assert_eq!(device.pop_avail(), Err(Fault::IndexJump { old: 0, new: 9, size: 8 }));
    other.available.store_header::<{ available::INDEX }>(2, Store::Release);
    other.available.store_u16::<{ available::ID }>(0, 8, Store::Relaxed);
    assert_eq!(device.pop_avail(), Err(Fault::NoSuchDescriptor { id: 8, size: 8 }));
    other.available.store_u16::<{ available::ID }>(0, 3, Store::Relaxed);
    other.available.store_u16::<{ available::ID }>(1, 3, Store::Relaxed);
    assert_eq!(device.pop_avail(), Ok(Some(3)));
    assert_eq!(device.pop_avail(), Err(Fault::NotHeld { id: 3 }), "offered twice");
    other.available.store_u16::<{ available::ID }>(1, 4, Store::Relaxed);
    other.descriptors.store_u16::<{ descriptor::FLAGS }>(4, 1, Store::Relaxed);
    assert_eq!(device.pop_avail(), Ok(Some(4)));
    assert_eq!(device.buffer(4), Err(Fault::NotSingle { id: 4, flags: 1 }));

    let first = driver.alloc().unwrap();
    let id = first.id();
    driver.add_avail(first);
    other.used.store_header::<{ used::INDEX }>(2, Store::Release);
    assert_eq!(driver.pop_used(), Err(Fault::IndexJump { old: 0, new: 2, size: 8 }), "more than it was offered");
    let second = driver.alloc().unwrap();
    driver.add_avail(second);
    other.used.store_u32::<{ used::ID }>(0, 0x1_0000 + u32::from(id), Store::Relaxed);
    assert_eq!(driver.pop_used(), Err(Fault::NoSuchDescriptor { id: 0x1_0000 + u32::from(id), size: 8 }));
    other.used.store_u32::<{ used::ID }>(0, id.into(), Store::Relaxed);
    other.used.store_u32::<{ used::ID }>(1, id.into(), Store::Relaxed);
    let back = driver.pop_used().unwrap().unwrap();
    assert_eq!((back.id(), driver.hold(back)), (id, id));
    assert_eq!(driver.pop_used(), Err(Fault::NotHeld { id }), "given back twice");
}
