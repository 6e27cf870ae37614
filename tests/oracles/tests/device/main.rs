// SPDX-License-Identifier: Apache-2.0
//! Tests this module's device against the driver of the `virtio-drivers` crate, over one ring. For any order of
//! operations, both must agree on the ring's content, and neither may wait for a notification that the other side fails
//! to send.
//!
//! Each side keeps the ring in its own memory, so the test copies the ring between steps.

mod chains;
mod rings;

use std::collections::VecDeque;

use amp_ivshmem::mem::fake::Heap;
use amp_ivshmem::mem::{Bytes, Region};
use amp_ivshmem::virtqueue::{Device, Fault, Layout, Suppression, prepare_used};
use proptest::prelude::*;

use rings::{DEVICES, DRIVERS, Elements, Rings, SIZE};

const LEN: u32 = 0x1000;
const LAYOUT: Layout = Layout { size: SIZE, descriptors: 0, available: 0x80, used: 0x100 };

#[derive(Clone, Copy, Debug)]
enum Step {
    /// The driver adds a buffer of this length. If the flag is set, the device may write the buffer.
    Add(usize, bool),
    /// The device pops the next buffer.
    Take,
    /// The device returns one of the popped buffers, and reports this number of written bytes.
    GiveBack(usize, u32),
    /// The driver pops the next used buffer.
    Pop,
    /// The device enables or disables notifications.
    Wait(bool),
    /// The driver enables or disables notifications through the flags. With event indices, this step has no effect,
    /// because each pop sets the next event.
    Interrupts(bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..0x1_0000_usize, any::<bool>()).prop_map(|(length, write)| Step::Add(length, write)),
        3 => Just(Step::Take),
        3 => (any::<usize>(), any::<u32>()).prop_map(|(which, length)| Step::GiveBack(which, length)),
        3 => Just(Step::Pop),
        1 => any::<bool>().prop_map(Step::Wait),
        1 => any::<bool>().prop_map(Step::Interrupts),
    ]
}

fn suppression(events: bool) -> Suppression {
    if events { Suppression::Events } else { Suppression::Flags }
}

proptest! {
    #[test]
    fn device_and_virtio_drivers_agree(steps in proptest::collection::vec(step(), 1..400), events in any::<bool>()) {
        let heap = Heap::new(LEN);
        prepare_used(&heap.region(), LAYOUT.used, SIZE).unwrap();
        let ours = Bytes::new(&heap.region(), 0, LEN).unwrap();
        let mut driver = Rings::new(events, false);
        let mut device: Device<_, { SIZE as usize }> = Device::new(&heap.region(), LAYOUT, suppression(events)).unwrap();

        let (mut added, mut taken, mut given) = (VecDeque::new(), Vec::new(), VecDeque::new());
        // Number of buffers that the device has returned, and number of buffers that the driver has popped.
        let (mut used, mut popped) = (0, 0);
        let mut interrupts = true;
        for step in steps {
            match step {
                Step::Add(length, write) => {
                    let waits = device.enable_notification();
                    ours_to_driver(&ours, &mut driver);
                    prop_assert_eq!(waits, added.is_empty());
                    match driver.add(length, write) {
                        Some((id, address)) => {
                            added.push_back((id, address, length, write));
                            // A device that may sleep must be notified.
                            prop_assert!(!waits || driver.must_notify());
                        }
                        None => prop_assert_eq!(added.len() + taken.len() + given.len(), usize::from(SIZE)),
                    }
                    driver_to_ours(&ours, &driver);
                }
                Step::Take => {
                    let offered = device.pop_avail().unwrap().map(|id| device.buffer(id).unwrap());
                    let seen = offered.map(|it| (it.id, it.address, it.length as usize, it.writable));
                    prop_assert_eq!(seen, added.pop_front());
                    taken.extend(offered.map(|it| it.id));
                }
                Step::GiveBack(which, length) => {
                    if !taken.is_empty() {
                        let id = taken.remove(which % taken.len());
                        // With event indices, the driver requests a notification for the next buffer that it will pop.
                        let owed = if events { used == popped } else { interrupts };
                        prop_assert_eq!(device.add_used(id, length), owed);
                        // Returning the same buffer again has no effect.
                        prop_assert!(!device.add_used(id, !length));
                        given.push_back((id, length));
                        used += 1;
                        ours_to_driver(&ours, &mut driver);
                    }
                }
                Step::Pop => {
                    let back = driver.pop();
                    prop_assert_eq!(back, given.pop_front());
                    popped += u32::from(back.is_some());
                    driver_to_ours(&ours, &driver);
                }
                Step::Wait(true) => {
                    prop_assert_eq!(device.enable_notification(), added.is_empty());
                    ours_to_driver(&ours, &mut driver);
                }
                Step::Wait(false) => {
                    device.disable_notification();
                    ours_to_driver(&ours, &mut driver);
                    // With event indices, this driver may send one unnecessary notification.
                    prop_assert!(events || !driver.must_notify());
                }
                Step::Interrupts(wanted) if !events => {
                    driver.want_interrupts(wanted);
                    interrupts = wanted;
                    driver_to_ours(&ours, &driver);
                }
                Step::Interrupts(_) => (),
            }
        }
    }
}

fn ours_to_driver(ours: &Bytes<Region<'_>>, driver: &mut Rings) {
    let mut bytes = [0; DEVICES];
    ours.read(LAYOUT.used, &mut bytes).unwrap();
    driver.write_used(&bytes);
}

fn driver_to_ours(ours: &Bytes<Region<'_>>, driver: &Rings) {
    let bytes: [u8; DRIVERS] = driver.read_driver_area();
    ours.write(0, &bytes).unwrap();
}

/// rpmsg does not use descriptor chains. If there is a chain, the device must report a specific fault when it reads the
/// first descriptor.
#[test]
fn a_chain_is_refused() {
    let heap = Heap::new(LEN);
    prepare_used(&heap.region(), LAYOUT.used, SIZE).unwrap();
    let ours = Bytes::new(&heap.region(), 0, LEN).unwrap();
    let mut driver = Rings::new(true, false);
    let mut device: Device<_, { SIZE as usize }> = Device::new(&heap.region(), LAYOUT, Suppression::Events).unwrap();
    driver.add_chain(Elements { readable: vec![vec![0], vec![0]], writable: vec![] });
    driver_to_ours(&ours, &driver);
    assert_eq!(device.pop_avail(), Ok(Some(0)));
    assert!(matches!(device.buffer(0), Err(Fault::NotSingle { id: 0, .. })));
}
