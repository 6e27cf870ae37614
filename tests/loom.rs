//! The hand-over of a ring under every order of accesses: run with
//! `RUSTFLAGS="--cfg loom" cargo test --release --features fakes --test loom`.
#![cfg(loom)]

use amp_ivshmem::mem::Bytes;
use amp_ivshmem::mem::fake::Model;
use amp_ivshmem::virtqueue::{Device, Driver, Layout, Suppression, prepare_available, prepare_used};
use amp_ivshmem::wire::vring::DescriptorFlags;
use loom::sync::Arc;
use loom::sync::atomic::{AtomicBool, Ordering};
use loom::thread;

const LAYOUT: Layout = Layout { size: 2, descriptors: 0, available: 32, used: 44 };
const BUFFERS: u32 = 68;

fn prepared() -> Model {
    let memory = Model::new(BUFFERS + 2);
    prepare_available(&memory, LAYOUT.available, LAYOUT.size).unwrap();
    prepare_used(&memory, LAYOUT.used, LAYOUT.size).unwrap();
    memory
}

/// Offers `count` one-byte messages, the byte being the message's number, as far as there are buffers; whether each
/// needs a doorbell.
fn send(memory: &Model, driver: &mut Driver<Model, 2>, number: u8) -> bool {
    let buffers = Bytes::new(memory, BUFFERS, 2).unwrap();
    let id = driver.take().or_else(|| driver.collect().unwrap().map(|used| used.id)).unwrap();
    buffers.write(id.into(), &[number]).unwrap();
    driver.offer(id, u64::from(id), 1, DescriptorFlags::empty());
    driver.must_notify()
}

/// Takes one message, if there is one, and gives its buffer back.
fn receive(memory: &Model, device: &mut Device<Model, 2>) -> Option<u8> {
    let buffers = Bytes::new(memory, BUFFERS, 2).unwrap();
    let buffer = device.take().unwrap()?;
    let mut byte = [0];
    buffers.read(buffer.address as u32, &mut byte).unwrap();
    device.give_back(buffer.id, 0);
    Some(byte[0])
}

/// What is seen of a message is all of it.
fn contents_arrive_with_the_index(suppression: Suppression) {
    loom::model(move || {
        let memory = prepared();
        let mut driver = Driver::new(&memory, LAYOUT, suppression).unwrap();
        let mut device = Device::new(&memory, LAYOUT, suppression).unwrap();
        let there = memory.clone();
        let sender = thread::spawn(move || {
            send(&memory, &mut driver, 1);
            send(&memory, &mut driver, 2);
        });
        let first = receive(&there, &mut device);
        let second = receive(&there, &mut device);
        assert!(matches!((first, second), (None, None | Some(1)) | (Some(1), None | Some(2))), "{first:?} {second:?}");
        sender.join().unwrap();
    });
}

/// A receiver that sleeps although a message is there is rung for it.
fn no_wake_up_is_lost(suppression: Suppression) {
    loom::model(move || {
        let memory = prepared();
        let mut driver = Driver::new(&memory, LAYOUT, suppression).unwrap();
        let mut device = Device::new(&memory, LAYOUT, suppression).unwrap();
        device.refuse_notifications();
        let rung = Arc::new(AtomicBool::new(false));
        let (there, bell) = (memory.clone(), rung.clone());
        let sender = thread::spawn(move || {
            if send(&memory, &mut driver, 1) {
                bell.store(true, Ordering::Relaxed);
            }
        });
        let first = receive(&there, &mut device);
        let sleeps = first.is_none() && device.ask_for_notifications();
        sender.join().unwrap();
        assert!(!sleeps || rung.load(Ordering::Relaxed), "asleep, and nobody rings");
    });
}

/// A buffer that came back is the sender's again: it may write it.
#[test]
fn buffers_come_back_unread() {
    loom::model(|| {
        let memory = prepared();
        let mut driver = Driver::new(&memory, LAYOUT, Suppression::Events).unwrap();
        let mut device = Device::new(&memory, LAYOUT, Suppression::Events).unwrap();
        send(&memory, &mut driver, 1);
        let there = memory.clone();
        let receiver = thread::spawn(move || assert_eq!(receive(&there, &mut device), Some(1)));
        if let Some(used) = driver.collect().unwrap() {
            Bytes::new(&memory, BUFFERS, 2).unwrap().write(used.id.into(), &[9]).unwrap();
        }
        receiver.join().unwrap();
    });
}

#[test]
fn contents_arrive_with_the_index_by_events() {
    contents_arrive_with_the_index(Suppression::Events);
}

#[test]
fn no_wake_up_is_lost_by_events() {
    no_wake_up_is_lost(Suppression::Events);
}

#[test]
fn no_wake_up_is_lost_by_flags() {
    no_wake_up_is_lost(Suppression::Flags);
}
