// SPDX-License-Identifier: Apache-2.0
//! Tests this module's chain device against the driver queue of `virtio-drivers`. Both must agree on the elements and
//! on their content. The elements may be in the descriptor table or in an indirect table.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

use amp_ivshmem::mem::Bytes;
use amp_ivshmem::mem::fake::Heap;
use amp_ivshmem::virtqueue::chain::{AddressMap, Chain, ChainDevice, QueueId, Segments};
use amp_ivshmem::virtqueue::{Indirect, prepare_used};
use proptest::prelude::*;

use super::rings::{Elements, Rings, SIZE};
use super::{LAYOUT, driver_to_ours, ours_to_driver, suppression};

/// Number of bytes reserved per token in this test's memory. The buffers come first, and the indirect table is at
/// offset `TABLE`.
const PLACE: u32 = 0x1000;
const TABLE: u32 = 0xc00;
const LEN: u32 = PLACE * (1 + SIZE as u32);
const INDIRECT: u16 = 4;

/// Copies of the driver's buffers. Contains each buffer's length and the offset of its copy, keyed by the buffer's
/// address.
#[derive(Clone, Debug, Default)]
struct Copies(Rc<RefCell<HashMap<u64, (u32, u32)>>>);

impl AddressMap for Copies {
    fn offset(&self, address: u64, length: u32, _: bool) -> Option<u32> {
        self.0.borrow().get(&address).filter(|(lent, _)| *lent == length).map(|(_, offset)| *offset)
    }
}

#[derive(Clone, Debug)]
enum Step {
    /// The driver adds a buffer with readable and writable elements of these lengths.
    Add(Vec<usize>, Vec<usize>),
    /// The device pops the next chain.
    Pop,
    /// The device returns one of the popped chains after writing some of its bytes.
    Return(usize, u32),
    /// The driver pops the next used buffer.
    Complete,
}

fn step() -> impl Strategy<Value = Step> {
    let lengths = || proptest::collection::vec(1..300_usize, 0..5);
    prop_oneof![
        3 => (lengths(), lengths()).prop_map(|(readable, writable)| Step::Add(readable, writable)),
        3 => Just(Step::Pop),
        3 => (any::<usize>(), any::<u32>()).prop_map(|(which, part)| Step::Return(which, part)),
        3 => Just(Step::Complete),
    ]
}

proptest! {
    #[test]
    fn chains_and_virtio_drivers_agree(
        steps in proptest::collection::vec(step(), 1..200),
        events in any::<bool>(),
        indirect in any::<bool>(),
    ) {
        let heap = Heap::new(LEN);
        let memory = heap.region();
        prepare_used(&memory, LAYOUT.used, SIZE).unwrap();
        let (ours, copies) = (Bytes::new(&memory, 0, LEN).unwrap(), Copies::default());
        let mut driver = Rings::new(events, indirect);
        let uses = if indirect { Indirect::Allowed } else { Indirect::Forbidden };
        let mut device: ChainDevice<_, _, { SIZE as usize }> =
            ChainDevice::new(&memory, LAYOUT, suppression(events), uses, copies.clone(), QueueId(1)).unwrap();

        let (mut added, mut popped, mut returned) = (VecDeque::new(), Vec::<(Chain, _, _)>::new(), VecDeque::new());
        for (number, step) in steps.into_iter().enumerate() {
            match step {
                Step::Add(readable, writable) => {
                    let count = readable.len() + writable.len();
                    if count == 0 {
                        continue;
                    }
                    let waits = device.enable_notification();
                    prop_assert_eq!(waits, added.is_empty());
                    ours_to_driver(&ours, &mut driver);
                    let fill = |lengths: Vec<usize>| lengths.into_iter().map(|it| vec![number as u8; it]).collect();
                    let elements = Elements { readable: fill(readable), writable: fill(writable) };
                    let Some((token, addresses)) = driver.add_chain(elements.clone()) else { continue };
                    prop_assert!(!waits || driver.must_notify());
                    driver_to_ours(&ours, &driver);
                    let mut at = PLACE * (1 + u32::from(token));
                    for (element, address) in elements.readable.iter().chain(&elements.writable).zip(&addresses) {
                        copies.0.borrow_mut().insert(*address, (element.len() as u32, at));
                        ours.write(at, element).unwrap();
                        at += element.len() as u32;
                    }
                    copy_table(&ours, &driver, &copies, token, count);
                    added.push_back((token, elements, addresses));
                }
                Step::Pop => {
                    let chain = device.pop().unwrap();
                    let expected = added.pop_front();
                    prop_assert_eq!(chain.as_ref().map(Chain::head), expected.as_ref().map(|it| it.0));
                    let (Some(mut chain), Some((_, elements, addresses))) = (chain, expected) else { continue };
                    let all = Segments::<8>::gather(device.walk(&mut chain).unwrap()).unwrap();
                    let lengths = |segments: &[_]| segments.iter().map(|it: &amp_ivshmem::virtqueue::chain::Segment| it.length as usize).collect::<Vec<_>>();
                    let expected = |elements: &[Vec<u8>]| elements.iter().map(Vec::len).collect::<Vec<_>>();
                    prop_assert_eq!(lengths(all.readable()), expected(&elements.readable));
                    prop_assert_eq!(lengths(all.writable()), expected(&elements.writable));
                    let mut bytes = vec![0; all.readable_bytes() as usize];
                    prop_assert!(all.read(&memory, 0, &mut bytes));
                    prop_assert_eq!(bytes, elements.readable.concat());
                    popped.push((chain, all, (elements, addresses)));
                }
                Step::Return(which, part) => if !popped.is_empty() {
                    let (chain, all, (mut elements, addresses)) = popped.remove(which % popped.len());
                    let (token, written) = (chain.head(), part % (all.writable_bytes() + 1));
                    prop_assert!(all.write(&memory, 0, &vec![!(number as u8); written as usize]));
                    for (index, segment) in all.writable().iter().enumerate() {
                        ours.read(segment.offset, &mut elements.writable[index]).unwrap();
                        driver.write(addresses[elements.readable.len() + index], &elements.writable[index]);
                    }
                    let answered = elements.writable.concat();
                    prop_assert!(answered[..written as usize].iter().all(|byte| *byte == !(number as u8)));
                    prop_assert!(device.add_used(chain, written).is_ok());
                    ours_to_driver(&ours, &mut driver);
                    copies.0.borrow_mut().retain(|address, _| !addresses.contains(address));
                    returned.push_back((token, written, elements));
                },
                Step::Complete => {
                    prop_assert_eq!(driver.pop_chain(), returned.pop_front());
                    driver_to_ours(&ours, &driver);
                }
            }
        }
    }
}

/// Copies the indirect table that descriptor `token` refers to, if there is one.
fn copy_table(ours: &Bytes<super::Region<'_>>, driver: &Rings, copies: &Copies, token: u16, count: usize) {
    let mut descriptor = [0; 16];
    ours.read(16 * u32::from(token), &mut descriptor).unwrap();
    let [address @ .., _, _, _, _, _, _, _, _] = descriptor;
    let flags = u16::from_le_bytes([descriptor[12], descriptor[13]]);
    if flags & INDIRECT != 0 {
        let (address, length) = (u64::from_le_bytes(address), 16 * count);
        let offset = PLACE * (1 + u32::from(token)) + TABLE;
        ours.write(offset, &driver.read_table(address, length)).unwrap();
        copies.0.borrow_mut().insert(address, (length as u32, offset));
    }
}
