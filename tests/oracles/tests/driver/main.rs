// SPDX-License-Identifier: Apache-2.0
//! Tests this module's driver against rust-vmm's `virtio-queue` as the device, over one ring. Both must agree on the
//! ring's content for any order of operations.
//!
//! Each side keeps the ring in its own memory, so the test copies the ring between steps.

mod chains;

use std::collections::VecDeque;

use amp_ivshmem::mem::Bytes;
use amp_ivshmem::mem::fake::Heap;
use amp_ivshmem::virtqueue::{DescriptorToken, Driver, Layout, Suppression, prepare_available, prepare_used};
use amp_ivshmem::wire::vring::DescriptorFlags;
use proptest::prelude::*;
use virtio_queue::{Queue, QueueT};
use vm_memory::{Bytes as _, GuestAddress, GuestMemoryMmap};

const SIZE: u16 = 8;
const LEN: u32 = 0x1000;
const LAYOUT: Layout = Layout { size: SIZE, descriptors: 0, available: 0x80, used: 0x100 };
/// Offset and size of the area that each side writes. The driver writes the descriptors and the available ring; the
/// device writes the used ring.
const DRIVERS: (u32, usize) = (0, 0x80 + 6 + 2 * 8);
const DEVICES: (u32, usize) = (0x100, 6 + 8 * 8);

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The driver offers a buffer of this length. If the flag is set, the device may write the buffer.
    Offer(u32, bool),
    /// The device pops the next buffer.
    Take,
    /// The device returns one of the popped buffers, and reports this number of written bytes.
    GiveBack(usize, u32),
    /// The driver pops a used buffer.
    Collect,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (1..0x1_0000_u32, any::<bool>()).prop_map(|(length, write)| Step::Offer(length, write)),
        Just(Step::Take),
        (any::<usize>(), any::<u32>()).prop_map(|(which, length)| Step::GiveBack(which, length)),
        Just(Step::Collect),
    ]
}

proptest! {
    #[test]
    fn driver_and_virtio_queue_agree(steps in proptest::collection::vec(step(), 1..400), events in any::<bool>()) {
        let heap = Heap::new(LEN);
        let ours = Bytes::new(&heap.region(), 0, LEN).unwrap();
        let theirs: GuestMemoryMmap = GuestMemoryMmap::from_ranges(&[(GuestAddress(0), LEN as usize)]).unwrap();
        let over = |(at, len): (u32, usize)| {
            let mut bytes = vec![0; len];
            ours.read(at, &mut bytes).unwrap();
            theirs.write_slice(&bytes, GuestAddress(at.into())).unwrap();
        };
        let back = |(at, len): (u32, usize)| {
            let mut bytes = vec![0; len];
            theirs.read_slice(&mut bytes, GuestAddress(at.into())).unwrap();
            ours.write(at, &bytes).unwrap();
        };
        let suppression = if events { Suppression::Events } else { Suppression::Flags };
        prepare_available(&heap.region(), LAYOUT.available, SIZE, suppression).unwrap();
        prepare_used(&heap.region(), LAYOUT.used, SIZE).unwrap();
        let mut driver: Driver<_, { SIZE as usize }> = Driver::new(&heap.region(), LAYOUT, suppression).unwrap();
        let mut device = Queue::new(SIZE).unwrap();
        device.set_desc_table_address(Some(LAYOUT.descriptors), Some(0));
        device.set_avail_ring_address(Some(LAYOUT.available), Some(0));
        device.set_used_ring_address(Some(LAYOUT.used), Some(0));
        device.set_event_idx(events);
        device.set_ready(true);
        over(DRIVERS);
        over(DEVICES);
        prop_assert!(device.is_valid(&theirs));

        let mut offered = VecDeque::new();
        let mut taken = Vec::new();
        let mut given = VecDeque::new();
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Offer(length, write) => {
                    let Some(free) = driver.alloc() else {
                        prop_assert_eq!(offered.len() + taken.len() + given.len(), usize::from(SIZE));
                        continue;
                    };
                    let address = 0x1_0000_0000 + 0x1_0000 * number as u64;
                    let flags = if write { DescriptorFlags::WRITE } else { DescriptorFlags::empty() };
                    driver.describe(&free, address, length, flags);
                    offered.push_back((free.id(), address, length, write));
                    driver.add_avail(free);
                    over(DRIVERS);
                }
                Step::Take => {
                    let chain = device.pop_descriptor_chain(&theirs);
                    let expected = offered.pop_front();
                    prop_assert_eq!(chain.is_some(), expected.is_some());
                    let (Some(mut chain), Some((id, address, length, write))) = (chain, expected) else { continue };
                    prop_assert_eq!(chain.head_index(), id);
                    let descriptor = chain.next().unwrap();
                    prop_assert_eq!(descriptor.addr().0, address);
                    prop_assert_eq!((descriptor.len(), descriptor.is_write_only()), (length, write));
                    prop_assert!(chain.next().is_none(), "one descriptor, never a chain");
                    taken.push(id);
                }
                Step::GiveBack(which, length) => {
                    if !taken.is_empty() {
                        let id = taken.remove(which % taken.len());
                        device.add_used(&theirs, id, length).unwrap();
                        given.push_back(id);
                        back(DEVICES);
                    }
                }
                Step::Collect => {
                    let used = driver.pop_used().unwrap();
                    prop_assert_eq!(used.as_ref().map(DescriptorToken::id), given.pop_front());
                    if let Some(used) = used {
                        driver.free(used);
                    }
                }
            }
        }
    }
}
