// SPDX-License-Identifier: Apache-2.0
//! Fuzzes two honest sides of a native link. They start, die, lose doorbells, and take turns between any two accesses,
//! in any order. Rival sides may start in a role that is already taken. No message may be duplicated, reordered, lost
//! within a session, or delivered to the wrong incarnation or endpoint. No buffer may be lost, and at the end the two
//! sides must exchange messages.

mod exchange;
mod rivalry;
mod side;
mod view;
mod world;

use self::world::{SIDES, World, world};
use crate::memory;
use crate::user::User;

/// Number of 10 ms steps at the end in which the two sides are not disturbed. Recovery must take less than a second.
const QUIET_STEPS: u32 = 100;
/// Number of steps if there are rivals. A side that has yielded waits for ten heartbeats, and may first have to detect
/// that it has lost the link.
const RIVAL_STEPS: u32 = 400;

/// Runs one input.
pub fn run(data: &[u8]) {
    let world = world();
    world.reset(data);
    memory::clear(memory::LEN);
    let Some(first) = world.input.byte() else { return };
    world.configure(first);
    play(world);
    quiet(world, first >> 5);
    world.end();
}

fn play(world: &'static World) {
    while let Some(byte) = world.input.byte() {
        let (role, rival) = (usize::from(byte >> 7), usize::from(byte >> 5 & 2));
        let which = if world.is_there(role | rival) { role | rival } else { role };
        let (kind, next) = (byte & 0x20 != 0, || world.input.byte().unwrap_or(0));
        match byte & 0x1f {
            0..=6 => world.turn(which),
            7..=10 => drop(world.send(which, false)),
            11 => drop(world.send(which, true)),
            12 => world.user(which, User::reserve),
            13 => world.user(which, User::cancel),
            14 => world.wait(u64::from(next()) * 1000),
            15 => world.wait(u64::from(next()) * 10),
            16 => world.lose_bells(),
            17 => world.kill(which),
            18 if kind => world.reopen(which),
            18 => world.leave(which),
            // Schedules an event between later accesses of the side.
            19 | 20 => world.disturb(which, next()),
            21 => world.user(which, |user| user.hold = usize::from(next() % 6)),
            22 => world.user(which, |user| user.release(next())),
            23 => drop(world.stray(which)),
            24 => {
                let plan = next();
                world.plan(which, plan & 0x0f, plan >> 4);
            }
            25 => world.refill(which),
            26 => world.toggle_prompt(which),
            27 => world.user(which, User::toggle_extra),
            28 => world.user(which, User::use_stale),
            29 => world.start(role),
            30 => world.start(role | 2),
            _ if kind => world.part(which),
            _ => SIDES.into_iter().for_each(|which| world.turn(which)),
        }
    }
}

/// Ends the run without further disturbances and checks that the two sides exchange messages. `end` selects the rivals
/// that leave. If all sides stay, exactly one side in each role has the link.
fn quiet(world: &'static World, end: u8) {
    world.calm();
    for role in [0, 1] {
        if world.is_there(role) && world.is_there(role | 2) {
            match end & 3 {
                0 => {}
                1 => world.part(role),
                2 => world.part(role | 2),
                _ => world.leave(role | 2),
            }
        }
        if !world.is_there(role) && !world.is_there(role | 2) {
            world.start(role);
        }
    }
    let most = if world.rivalry() { RIVAL_STEPS } else { QUIET_STEPS };
    for step in 0..most {
        for _ in 0..4 {
            SIDES.into_iter().for_each(|which| world.turn(which));
        }
        let one_each = [0, 1].map(|role| match (world.is_bound(role), world.is_bound(role | 2)) {
            (true, false) if !world.is_up(role | 2) => Some(role),
            (false, true) if !world.is_up(role) => Some(role | 2),
            _ => None,
        });
        // While rivals are present, check only in the second half of the steps, because the link must stay up.
        let lasting = !world.is_disputed_now() || step > RIVAL_STEPS / 2;
        if let [Some(host), Some(remote)] = one_each
            && lasting
        {
            // Both endpoints are bound, but one side may not have detected the restart of the other yet.
            SIDES.into_iter().for_each(|which| world.user(which, User::give_back));
            if world.talk(host, remote) {
                [host, remote].into_iter().for_each(|which| world.is_whole(which));
                return;
            }
        }
        world.wait(10_000);
    }
    panic!("the two do not find each other: {}", world.describe());
}
