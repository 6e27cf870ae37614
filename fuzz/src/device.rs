// SPDX-License-Identifier: Apache-2.0
//! Fuzzes the device side of a queue. The driver writes random values at any time. The device must never hold a
//! descriptor twice or hold one that does not exist.

use amp_ivshmem::virtqueue::{Device, Suppression};

use crate::queue::{LAYOUT, prepare};
use crate::scribbler::{Scribbler, Target};

const TARGETS: &[Target] = &[
    Target { at: 0x82, stride: 2, slots: 1 },
    Target { at: 0x84, stride: 2, slots: 9 },
    Target { at: 0, stride: 4, slots: 32 },
    Target { at: 0x0c, stride: 16, slots: 8 },
    Target { at: 0x100, stride: 2, slots: 35 },
];

/// The maximum number of memory accesses per call.
const MOST_ACCESSES: u32 = 8;

/// Runs one input.
pub fn run(data: &[u8]) {
    let peer = Scribbler::start(data, TARGETS);
    let Some(first) = peer.input.byte() else { return };
    let suppression = if first & 1 == 0 { Suppression::Events } else { Suppression::Flags };
    prepare(suppression);
    let mut device: Device<_, 8> = Device::new(&peer.view(), LAYOUT, suppression).expect("fits");
    peer.arm();
    let mut held = [false; 8];
    // If a fault occurs while a descriptor is being taken, the descriptor is lost to both sides, because the link ends.
    let mut broken = false;
    while let Some(byte) = peer.input.byte() {
        let id = u16::from(byte >> 4);
        match byte & 7 {
            0..=2 => match if byte & 8 == 0 { device.pop_avail() } else { device.pop_avail_or_enable() } {
                Ok(Some(id)) => {
                    let held = &mut held[usize::from(id)];
                    assert!(!std::mem::replace(held, true), "held twice");
                    broken = device.buffer(id).is_err();
                }
                Ok(None) => {}
                Err(_) => broken = true,
            },
            3 | 4 => {
                let rings = device.add_used(id, 0);
                let was = held.get_mut(usize::from(id)).is_some_and(std::mem::take);
                assert!(was || !rings, "nothing was given back");
            }
            5 | 6 => {
                let _ = device.enable_notification();
            }
            _ if byte & 8 == 0 => device.disable_notification(),
            _ => {
                let _ = device.is_intact();
            }
        }
        peer.bounded(MOST_ACCESSES);
        if broken {
            return;
        }
    }
}
