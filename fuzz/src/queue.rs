// SPDX-License-Identifier: Apache-2.0
//! Fuzzes two honest sides of a queue with any order of operations. Each buffer must arrive once, in order, and come
//! back once. A side that sleeps after requesting a notification must be notified of the next event.

use amp_ivshmem::mem::Region;
use amp_ivshmem::virtqueue::{Device, Driver, Layout, Suppression, prepare_available, prepare_used};
use amp_ivshmem::wire::vring::DescriptorFlags;

use crate::input::Input;
use crate::memory;

/// The layout of the queue.
pub const LAYOUT: Layout = Layout { size: 8, descriptors: 0, available: 0x80, used: 0x100 };
/// Size of the queue in bytes.
pub const LEN: u32 = 0x150;

/// A FIFO of at most eight elements that does not allocate.
#[derive(Default)]
struct Fifo {
    items: [(u16, u64); 8],
    first: usize,
    count: usize,
}

impl Fifo {
    fn push(&mut self, item: (u16, u64)) {
        assert!(self.count < 8, "more buffers than there are");
        self.items[(self.first + self.count) % 8] = item;
        self.count += 1;
    }

    fn pop(&mut self) -> Option<(u16, u64)> {
        self.count = self.count.checked_sub(1)?;
        let item = self.items[self.first];
        self.first = (self.first + 1) % 8;
        Some(item)
    }
}

/// Initializes the memory of the queue.
pub fn prepare(suppression: Suppression) {
    memory::clear(LEN);
    let region = memory::heap().region();
    prepare_available(&region, LAYOUT.available, LAYOUT.size, suppression).expect("inside");
    prepare_used(&region, LAYOUT.used, LAYOUT.size).expect("inside");
}

/// Runs one input.
pub fn run(data: &[u8]) {
    thread_local! {
        static INPUT: &'static Input = Box::leak(Box::default());
    }
    let input = INPUT.with(|input| *input);
    input.set(data);
    let Some(first) = input.byte() else { return };
    let region = memory::heap().region();
    let suppression = if first & 1 == 0 { Suppression::Events } else { Suppression::Flags };
    prepare(suppression);
    let mut driver: Driver<Region<'_>, 8> = Driver::new(&region, LAYOUT, suppression).expect("fits");
    let mut device: Device<Region<'_>, 8> = Device::new(&region, LAYOUT, suppression).expect("fits");
    // Start both sides at a ring position that the input determines. The core's property tests cover wrapping.
    for _ in 0..first >> 5 {
        let taken = driver.alloc().expect("free");
        driver.add_avail(taken);
        let (id, _) = device_takes(&mut device, false).expect("offered");
        device.add_used(id, 0);
        let back = driver.pop_used().expect("right").expect("used");
        driver.free(back);
    }
    let (mut offered, mut returned, mut held) = (Fifo::default(), Fifo::default(), Fifo::default());
    let (mut free, mut stamp) = (8, 0_u64);
    let (mut driver_sleeps, mut device_sleeps) = (false, false);
    while let Some(byte) = input.byte() {
        match byte % 10 {
            0 | 1 => match driver.alloc() {
                Some(taken) => {
                    free -= 1;
                    stamp += 1;
                    driver.describe(&taken, stamp << 30, 100, DescriptorFlags::empty());
                    offered.push((taken.id(), stamp << 30));
                    let notified = driver.add_avail(taken);
                    assert!(notified || !device_sleeps, "a sleeping device was not notified");
                    device_sleeps &= !notified;
                }
                None => assert_eq!(free, 0),
            },
            2 => {
                if let Some(taken) = driver.alloc() {
                    let id = driver.hold(taken);
                    let again = driver.reclaim(id).expect("kept");
                    assert_eq!(driver.reclaim(id), None, "twice");
                    driver.free(again);
                }
            }
            3 | 4 => match device_takes(&mut device, byte < 128) {
                Some(buffer) => {
                    assert_eq!(Some(buffer), offered.pop());
                    held.push(buffer);
                }
                None => {
                    assert_eq!(offered.count, 0, "a buffer was not seen");
                    device_sleeps |= byte < 128;
                }
            },
            5 => {
                // Move the first buffer to the end, so that buffers are also returned out of order.
                if let Some(buffer) = held.pop() {
                    held.push(buffer);
                }
            }
            6 => {
                if let Some((id, _)) = held.pop() {
                    let notified = device.add_used(id, id.into());
                    assert!(!device.add_used(id, 99), "twice");
                    returned.push((id, 0));
                    assert!(notified || !driver_sleeps, "a sleeping driver was not notified");
                    driver_sleeps &= !notified;
                }
            }
            7 => match driver.pop_used().expect("an honest device") {
                Some(taken) => {
                    assert_eq!(Some(taken.id()), returned.pop().map(|(id, _)| id));
                    driver.free(taken);
                    free += 1;
                }
                None => assert_eq!(returned.count, 0, "a buffer was not seen"),
            },
            8 if byte < 128 => {
                driver_sleeps = driver.enable_notification();
                assert_eq!(driver_sleeps, returned.count == 0);
            }
            8 => {
                driver.disable_notification();
                driver_sleeps = false;
            }
            _ if byte < 128 => {
                device_sleeps = device.enable_notification();
                assert_eq!(device_sleeps, offered.count == 0);
            }
            _ => {
                device.disable_notification();
                device_sleeps = false;
            }
        }
    }
}

/// Pops a buffer. If there is none and `ask` is set, requests a notification.
fn device_takes(device: &mut Device<Region<'_>, 8>, ask: bool) -> Option<(u16, u64)> {
    let id = if ask { device.pop_avail_or_enable() } else { device.pop_avail() }.expect("an honest driver")?;
    Some((id, device.buffer(id).expect("one buffer").address))
}
