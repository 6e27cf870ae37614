// SPDX-License-Identifier: Apache-2.0
//! Fuzzes the host and the remote of the `openamp` profile. They start and die in any order, with or without a peer
//! that writes random values. Within an incarnation, no message may be duplicated, reordered or misdelivered. No
//! message may be lost unless one side has restarted alone. No call may panic or exceed its limit of memory accesses.

mod exchange;
mod world;

use self::world::{Act, world};
use crate::memory;
use crate::scribbler::{Scribbler, Target};
use crate::user::SIZE;

const LEN: u32 = 0x400 + 8 * SIZE;
const TARGETS: &[Target] = &[
    Target { at: 0, stride: 1, slots: 1 },
    Target { at: 0x100, stride: 2, slots: 70 },
    Target { at: 0x200, stride: 2, slots: 70 },
    Target { at: 0x400, stride: 4, slots: 128 },
];

/// Runs one input.
pub fn run(data: &[u8]) {
    let (world, peer) = (world(), Scribbler::start(data, TARGETS));
    let Some(first) = peer.input.byte() else { return };
    memory::clear(LEN);
    let honest = first & 1 == 0;
    world.reset(peer, honest);
    for which in [0, 1] {
        if first & 2 << which != 0 {
            world.toggle_prompt(which);
        }
    }
    if !honest {
        peer.arm();
    }
    while let Some(byte) = peer.input.byte() {
        let (which, next) = (usize::from(byte >> 7), || peer.input.byte().unwrap_or(0));
        match byte & 0x1f {
            0..=7 => drop(world.act(which, Act::Turn)),
            8..=11 => drop(world.act(which, Act::Send { in_place: false })),
            12 | 13 => drop(world.act(which, Act::Send { in_place: true })),
            14 => drop(world.act(which, Act::Reserve)),
            15 => drop(world.act(which, Act::Cancel)),
            16 => world.wait(u64::from(byte >> 5) * 20_000),
            17 => world.restart_host(),
            18 => world.start_remote(),
            19 | 20 => world.stray(which),
            21 | 22 => world.disturb(which, next()),
            23 => drop(world.act(which, Act::Hold(next() % 6))),
            24 => drop(world.act(which, Act::Release(next()))),
            25 => drop(world.act(which, Act::UseStale)),
            26 => world.toggle_prompt(which),
            27 | 28 => {
                let plan = next();
                world.plan(which, plan & 0x0f, plan >> 4);
            }
            _ => drop(world.act(which, Act::ToggleExtra)),
        }
    }
    world.calm();
    world.check();
    world.end();
}
