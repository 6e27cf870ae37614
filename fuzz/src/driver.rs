//! The driver side against a device that writes anything at any time: a descriptor is never free twice, nor collected
//! without having been offered.

use amp_ivshmem::virtqueue::{Driver, Suppression};
use amp_ivshmem::wire::vring::DescriptorFlags;

use crate::queue::{LAYOUT, prepare};
use crate::scribbler::{Scribbler, Target};

const TARGETS: &[Target] = &[
    Target { at: 0x100, stride: 2, slots: 2 },
    Target { at: 0x104, stride: 8, slots: 8 },
    Target { at: 0x104, stride: 4, slots: 17 },
    Target { at: 0x80, stride: 2, slots: 11 },
];

/// No single call looks at the memory more often.
const MOST_ACCESSES: u32 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Kept,
    Offered,
}

/// One run.
pub fn run(data: &[u8]) {
    let peer = Scribbler::start(data, TARGETS);
    let Some(first) = peer.input.byte() else { return };
    prepare();
    let suppression = if first & 1 == 0 { Suppression::Events } else { Suppression::Flags };
    let mut driver: Driver<_, 8> = Driver::new(&peer.view(), LAYOUT, suppression).expect("fits");
    peer.arm();
    let mut states = [State::Free; 8];
    while let Some(byte) = peer.input.byte() {
        let id = u16::from(byte >> 4);
        let state = states.get(usize::from(id)).copied();
        match byte & 7 {
            0 | 1 => match driver.take() {
                Some(taken) => {
                    let id = driver.keep(taken);
                    assert_eq!(states[usize::from(id)], State::Free, "taken twice");
                    states[usize::from(id)] = State::Kept;
                }
                None => assert!(states.iter().all(|state| *state != State::Free), "a free one was lost"),
            },
            2 | 3 => {
                let taken = driver.resume(id);
                assert_eq!(taken.is_some(), state == Some(State::Kept));
                let Some(taken) = taken else { continue };
                if byte & 1 == 0 {
                    driver.describe(&taken, 7, 8, DescriptorFlags::empty());
                    driver.offer(taken);
                    states[usize::from(id)] = State::Offered;
                } else {
                    driver.put_back(taken);
                    states[usize::from(id)] = State::Free;
                }
            }
            4 | 5 => {
                if let Ok(Some(taken)) = driver.collect() {
                    let id = driver.keep(taken);
                    assert_eq!(states[usize::from(id)], State::Offered, "collected without being offered");
                    states[usize::from(id)] = State::Kept;
                }
            }
            6 => {
                let _ = driver.ask_for_notifications();
            }
            _ if byte & 8 == 0 => {
                // What is sent in the buffer that has just come back is not kept in between.
                if let Ok(Some(taken)) = driver.collect() {
                    assert_eq!(states[usize::from(taken.id())], State::Offered, "collected without being offered");
                    driver.offer(taken);
                }
            }
            _ => driver.refuse_notifications(),
        }
        peer.bounded(MOST_ACCESSES);
    }
}
