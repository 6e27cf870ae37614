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
    Taken,
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
                Some(id) => {
                    assert_eq!(states[usize::from(id)], State::Free, "taken twice");
                    states[usize::from(id)] = State::Taken;
                }
                None => assert!(states.iter().all(|state| *state != State::Free), "a free one was lost"),
            },
            2 => {
                driver.offer(id, 7, 8, DescriptorFlags::empty());
                if state == Some(State::Taken) {
                    states[usize::from(id)] = State::Offered;
                }
            }
            3 => {
                driver.put_back(id);
                if state == Some(State::Taken) {
                    states[usize::from(id)] = State::Free;
                }
            }
            4 | 5 => {
                if let Ok(Some(used)) = driver.collect() {
                    assert_eq!(states[usize::from(used.id)], State::Offered, "collected without being offered");
                    states[usize::from(used.id)] = State::Taken;
                }
            }
            6 => {
                let _ = driver.ask_for_notifications();
            }
            _ if byte & 8 == 0 => {
                let _ = driver.must_notify();
            }
            _ => driver.refuse_notifications(),
        }
        peer.bounded(MOST_ACCESSES);
    }
}
