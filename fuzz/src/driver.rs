// SPDX-License-Identifier: Apache-2.0
//! Fuzzes the driver side of a queue. The device writes random values at any time. No descriptor may be free twice, or
//! be popped without having been made available.

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

/// The maximum number of memory accesses per call.
const MOST_ACCESSES: u32 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Free,
    Held,
    WithDevice,
}

/// Runs one input.
pub fn run(data: &[u8]) {
    let peer = Scribbler::start(data, TARGETS);
    let Some(first) = peer.input.byte() else { return };
    let suppression = if first & 1 == 0 { Suppression::Events } else { Suppression::Flags };
    prepare(suppression);
    let mut driver: Driver<_, 8> = Driver::new(&peer.view(), LAYOUT, suppression).expect("fits");
    peer.arm();
    let mut states = [State::Free; 8];
    while let Some(byte) = peer.input.byte() {
        let id = u16::from(byte >> 4);
        let state = states.get(usize::from(id)).copied();
        match byte & 7 {
            0 | 1 => match driver.alloc() {
                Some(token) => {
                    let id = driver.hold(token);
                    assert_eq!(states[usize::from(id)], State::Free, "allocated twice");
                    states[usize::from(id)] = State::Held;
                }
                None => assert!(states.iter().all(|state| *state != State::Free), "a free one was lost"),
            },
            2 | 3 => {
                let token = driver.reclaim(id);
                assert_eq!(token.is_some(), state == Some(State::Held));
                let Some(token) = token else { continue };
                if byte & 1 == 0 {
                    driver.describe(&token, 7, 8, DescriptorFlags::empty());
                    driver.add_avail(token);
                    states[usize::from(id)] = State::WithDevice;
                } else {
                    driver.free(token);
                    states[usize::from(id)] = State::Free;
                }
            }
            4 | 5 => {
                if let Ok(Some(token)) = driver.pop_used() {
                    let id = driver.hold(token);
                    assert_eq!(states[usize::from(id)], State::WithDevice, "popped without being made available");
                    states[usize::from(id)] = State::Held;
                }
            }
            6 => {
                let _ = driver.enable_notification();
            }
            _ if byte & 8 == 0 => {
                // A buffer that has just been popped is made available again immediately, without being held in
                // between.
                if let Ok(Some(token)) = driver.pop_used() {
                    assert_eq!(
                        states[usize::from(token.id())],
                        State::WithDevice,
                        "popped without being made available"
                    );
                    driver.add_avail(token);
                }
            }
            _ => driver.disable_notification(),
        }
        peer.bounded(MOST_ACCESSES);
    }
}
