// SPDX-License-Identifier: Apache-2.0
//! Loom model of the hand-over between the two sides of a ring. Loom tries every order of accesses.
//!
//! Run it with `RUSTFLAGS="--cfg loom" cargo test --release --features fakes --test loom`.
#![cfg(loom)]

use amp_ivshmem::mem::Bytes;
use amp_ivshmem::mem::fake::{Model, Weakening};
use amp_ivshmem::virtqueue::chain::{ChainDevice, ChainDriver, Element, QueueId, Segments, Window};
use amp_ivshmem::virtqueue::{Device, Driver, Indirect, Layout, Suppression, prepare_available, prepare_used};
use amp_ivshmem::wire::vring::DescriptorFlags;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

const LAYOUT: Layout = Layout { size: 2, descriptors: 0, available: 32, used: 44 };
const BUFFERS: u32 = 68;

/// Memory orderings removed from the driver's accesses and from the device's accesses.
type Weak = [Option<Weakening>; 2];
const SOUND: Weak = [None, None];

fn prepared(suppression: Suppression) -> Model {
    let memory = Model::new(BUFFERS + 2);
    prepare_available(&memory, LAYOUT.available, LAYOUT.size, suppression).unwrap();
    prepare_used(&memory, LAYOUT.used, LAYOUT.size).unwrap();
    memory
}

/// Sends the one-byte message `number`. Returns true if the peer must be notified.
fn send(memory: &Model, driver: &mut Driver<Model, 2>, number: u8) -> bool {
    let buffers = Bytes::new(memory, BUFFERS, 2).unwrap();
    let taken = driver.alloc().or_else(|| driver.pop_used().unwrap()).unwrap();
    let id = taken.id();
    buffers.write(id.into(), &[number]).unwrap();
    driver.describe(&taken, u64::from(id), 1, DescriptorFlags::empty());
    driver.add_avail(taken)
}

/// Receives a message if there is one, and marks its buffer as used. Returns the message's byte, and true if the driver
/// must be notified.
fn receive(memory: &Model, device: &mut Device<Model, 2>) -> Option<(u8, bool)> {
    let buffers = Bytes::new(memory, BUFFERS, 2).unwrap();
    let id = device.pop_avail().unwrap()?;
    let mut byte = [0];
    buffers.read(device.buffer(id).unwrap().address as u32, &mut byte).unwrap();
    Some((byte[0], device.add_used(id, 0)))
}

/// Checks that a receiver reads the complete payload of each message that it sees.
fn contents_arrive_with_the_index(suppression: Suppression, [driver_lacks, device_lacks]: Weak) {
    loom::model(move || {
        let memory = prepared(suppression).weakened(driver_lacks);
        let there = memory.weakened(device_lacks);
        let mut driver = Driver::new(&memory, LAYOUT, suppression).unwrap();
        let mut device = Device::new(&there, LAYOUT, suppression).unwrap();
        let sender = thread::spawn(move || {
            send(&memory, &mut driver, 1);
            send(&memory, &mut driver, 2);
        });
        let mut receive = || receive(&there, &mut device).map(|(byte, _)| byte);
        let (first, second) = (receive(), receive());
        assert!(matches!((first, second), (None, None | Some(1)) | (Some(1), None | Some(2))), "{first:?} {second:?}");
        sender.join().unwrap();
    });
}

/// A receiver's check for messages. Returns true if the receiver goes to sleep.
type Sleeps = fn(&Model, &mut Device<Model, 2>) -> bool;

/// Checks for a message, enables notifications, and checks again.
fn looks_first(memory: &Model, device: &mut Device<Model, 2>) -> bool {
    receive(memory, device).is_none() && device.enable_notification()
}

/// Enables notifications before the first check. They are still enabled during the second check.
fn asks_first(_: &Model, device: &mut Device<Model, 2>) -> bool {
    device.pop_avail_or_enable().unwrap().is_none() && device.pop_avail_or_enable().unwrap().is_none()
}

/// Checks that the sender notifies a receiver that went to sleep while a message was available.
fn no_wake_up_is_lost(sleeps: Sleeps, suppression: Suppression, [driver_lacks, device_lacks]: Weak) {
    loom::model(move || {
        let memory = prepared(suppression).weakened(driver_lacks);
        let there = memory.weakened(device_lacks);
        let mut driver = Driver::new(&memory, LAYOUT, suppression).unwrap();
        let mut device = Device::new(&there, LAYOUT, suppression).unwrap();
        device.disable_notification();
        let rung = Arc::new(AtomicBool::new(false));
        let bell = rung.clone();
        let sender = thread::spawn(move || {
            if send(&memory, &mut driver, 1) {
                bell.store(true, Ordering::Relaxed);
            }
        });
        let asleep = sleeps(&there, &mut device);
        sender.join().unwrap();
        assert!(!asleep || rung.load(Ordering::Relaxed), "asleep, and nobody rings");
    });
}

/// Checks that the receiver notifies a sender that went to sleep while a used buffer was available.
fn no_freed_buffer_is_missed(suppression: Suppression, [driver_lacks, device_lacks]: Weak) {
    loom::model(move || {
        let memory = prepared(suppression).weakened(driver_lacks);
        let there = memory.weakened(device_lacks);
        let mut driver = Driver::new(&memory, LAYOUT, suppression).unwrap();
        let mut device = Device::new(&there, LAYOUT, suppression).unwrap();
        send(&memory, &mut driver, 1);
        let rung = Arc::new(AtomicBool::new(false));
        let bell = rung.clone();
        let receiver = thread::spawn(move || {
            let (byte, rings) = receive(&there, &mut device).unwrap();
            assert_eq!(byte, 1);
            if rings {
                bell.store(true, Ordering::Relaxed);
            }
        });
        let sleeps = driver.enable_notification();
        receiver.join().unwrap();
        assert!(!sleeps || rung.load(Ordering::Relaxed), "asleep, and nobody rings");
    });
}

/// Checks that the sender can safely overwrite a used buffer.
fn buffers_come_back_unread([driver_lacks, device_lacks]: Weak) {
    loom::model(move || {
        let memory = prepared(Suppression::Events).weakened(driver_lacks);
        let there = memory.weakened(device_lacks);
        let mut driver = Driver::new(&memory, LAYOUT, Suppression::Events).unwrap();
        let mut device = Device::new(&there, LAYOUT, Suppression::Events).unwrap();
        send(&memory, &mut driver, 1);
        let receiver = thread::spawn(move || assert_eq!(receive(&there, &mut device).unwrap().0, 1));
        if let Some(taken) = driver.pop_used().unwrap() {
            Bytes::new(&memory, BUFFERS, 2).unwrap().write(driver.hold(taken).into(), &[9]).unwrap();
        }
        receiver.join().unwrap();
    });
}

/// Checks that a chain and its answer arrive complete, and that the driver can then safely rewrite the descriptors.
fn a_chain_and_its_answer_arrive([driver_lacks, device_lacks]: Weak) {
    loom::model(move || {
        let memory = prepared(Suppression::Events).weakened(driver_lacks);
        let there = memory.weakened(device_lacks);
        let mut driver: ChainDriver<_, 2> =
            ChainDriver::new(&memory, LAYOUT, Suppression::Events, None, QueueId(1)).unwrap();
        let window = Window::offsets(BUFFERS + 2);
        let mut device: ChainDevice<_, _, 2> =
            ChainDevice::new(&there, LAYOUT, Suppression::Events, Indirect::Forbidden, window, QueueId(2)).unwrap();
        let peer = thread::spawn(move || {
            let Some(mut chain) = device.pop().unwrap() else { return };
            let all = Segments::<2>::gather(device.walk(&mut chain).unwrap()).unwrap();
            let mut byte = [0];
            assert!(all.read(&there, 0, &mut byte) && byte == [7], "the request is not there");
            assert!(all.write(&there, 0, &[8]));
            assert!(device.add_used(chain, 1).is_ok());
        });
        let buffers = Bytes::new(&memory, BUFFERS, 2).unwrap();
        let elements = [0, 1].map(|at| Element { address: u64::from(BUFFERS) + at, length: 1 });
        buffers.write(0, &[7]).unwrap();
        assert!(driver.add(&elements[..1], &elements[1..]).is_ok());
        if let Some(done) = driver.pop_used().unwrap() {
            let mut byte = [0];
            buffers.read(1, &mut byte).unwrap();
            assert_eq!((done.written, byte), (1, [8]), "the answer is not there");
            buffers.write(0, &[9]).unwrap();
            assert!(driver.add(&elements, &[]).is_ok());
        }
        peer.join().unwrap();
    });
}

#[test]
fn contents_arrive_with_the_index_by_events() {
    contents_arrive_with_the_index(Suppression::Events, SOUND);
}

#[test]
fn no_wake_up_is_lost_by_events() {
    no_wake_up_is_lost(looks_first, Suppression::Events, SOUND);
}

#[test]
fn no_wake_up_is_lost_by_flags() {
    no_wake_up_is_lost(looks_first, Suppression::Flags, SOUND);
}

#[test]
fn no_wake_up_is_lost_by_asking_first_by_events() {
    no_wake_up_is_lost(asks_first, Suppression::Events, SOUND);
}

#[test]
fn no_wake_up_is_lost_by_asking_first_by_flags() {
    no_wake_up_is_lost(asks_first, Suppression::Flags, SOUND);
}

#[test]
fn no_freed_buffer_is_missed_by_events() {
    no_freed_buffer_is_missed(Suppression::Events, SOUND);
}

#[test]
fn no_freed_buffer_is_missed_by_flags() {
    no_freed_buffer_is_missed(Suppression::Flags, SOUND);
}

#[test]
fn buffers_come_back_unread_by_the_indices() {
    buffers_come_back_unread(SOUND);
}

#[test]
fn a_chain_and_its_answer_arrive_by_the_indices() {
    a_chain_and_its_answer_arrive(SOUND);
}

/// Runs the same checks, each with one of the queue's memory orderings removed. A check that does not fail does not
/// test that ordering.
mod weakened {
    use super::*;

    const AVAILABLE_INDEX: u32 = LAYOUT.available + 2;
    const USED_INDEX: u32 = LAYOUT.used + 2;
    const NO_FENCES: Option<Weakening> = Some(Weakening::Fences);

    #[test]
    #[should_panic(expected = "Causality violation: Concurrent read and write accesses")]
    fn the_driver_publishes_what_it_offers_too_early() {
        contents_arrive_with_the_index(Suppression::Events, [Some(Weakening::StoresAt(AVAILABLE_INDEX)), None]);
    }

    #[test]
    #[should_panic(expected = "Causality violation: Concurrent read and write accesses")]
    fn the_device_reads_what_is_offered_too_early() {
        contents_arrive_with_the_index(Suppression::Events, [None, Some(Weakening::LoadsAt(AVAILABLE_INDEX))]);
    }

    #[test]
    #[should_panic(expected = "Causality violation: Concurrent read and write accesses")]
    fn the_device_gives_back_what_it_still_reads() {
        buffers_come_back_unread([None, Some(Weakening::StoresAt(USED_INDEX))]);
    }

    #[test]
    #[should_panic(expected = "Causality violation: Concurrent read and write accesses")]
    fn the_driver_writes_what_is_still_read() {
        buffers_come_back_unread([Some(Weakening::LoadsAt(USED_INDEX)), None]);
    }

    #[test]
    #[should_panic(expected = "asleep")]
    fn the_driver_looks_before_it_has_published() {
        no_wake_up_is_lost(looks_first, Suppression::Events, [NO_FENCES, None]);
    }

    #[test]
    #[should_panic(expected = "asleep")]
    fn the_device_looks_before_it_has_asked() {
        no_wake_up_is_lost(looks_first, Suppression::Events, [None, NO_FENCES]);
    }

    #[test]
    #[should_panic(expected = "asleep")]
    fn the_device_asks_first_and_looks_before_it_has_asked() {
        no_wake_up_is_lost(asks_first, Suppression::Events, [None, NO_FENCES]);
    }

    #[test]
    #[should_panic(expected = "asleep")]
    fn the_device_asks_first_and_looks_before_it_has_asked_by_flags() {
        no_wake_up_is_lost(asks_first, Suppression::Flags, [None, NO_FENCES]);
    }

    #[test]
    #[should_panic(expected = "asleep")]
    fn the_driver_looks_before_it_has_published_by_flags() {
        no_wake_up_is_lost(looks_first, Suppression::Flags, [NO_FENCES, None]);
    }

    #[test]
    #[should_panic(expected = "asleep")]
    fn the_device_looks_before_it_has_asked_by_flags() {
        no_wake_up_is_lost(looks_first, Suppression::Flags, [None, NO_FENCES]);
    }

    #[test]
    #[should_panic(expected = "asleep")]
    fn the_device_looks_before_it_has_given_back() {
        no_freed_buffer_is_missed(Suppression::Events, [None, NO_FENCES]);
    }

    #[test]
    #[should_panic(expected = "asleep")]
    fn the_driver_looks_before_it_has_asked() {
        no_freed_buffer_is_missed(Suppression::Events, [NO_FENCES, None]);
    }

    #[test]
    #[should_panic]
    fn the_driver_publishes_a_chain_too_early() {
        a_chain_and_its_answer_arrive([Some(Weakening::StoresAt(AVAILABLE_INDEX)), None]);
    }

    #[test]
    #[should_panic]
    fn the_device_reads_a_chain_too_early() {
        a_chain_and_its_answer_arrive([None, Some(Weakening::LoadsAt(AVAILABLE_INDEX))]);
    }

    #[test]
    #[should_panic]
    fn the_device_returns_a_chain_too_early() {
        a_chain_and_its_answer_arrive([None, Some(Weakening::StoresAt(USED_INDEX))]);
    }

    #[test]
    #[should_panic]
    fn the_driver_reads_an_answer_too_early() {
        a_chain_and_its_answer_arrive([Some(Weakening::LoadsAt(USED_INDEX)), None]);
    }
}
