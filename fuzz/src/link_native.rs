//! Both sides of a native link, honest, in any order of starts, deaths, lost doorbells and switches between any two
//! accesses: nothing twice, out of order, lost within a session, or to a wrong incarnation; and in the end the two find
//! each other.

mod world;

use amp_ivshmem::link::Role;

use self::world::{World, world};
use crate::memory;

/// How long the two have at the end, in steps of 10 ms: recovery is to take less than a second.
const QUIET_STEPS: u32 = 100;

/// One run.
pub fn run(data: &[u8]) {
    let world = world();
    world.reset(data);
    memory::clear(memory::LEN);
    play(world);
    quiet(world);
    world.end();
}

fn play(world: &'static World) {
    let Some(first) = world.input.byte() else { return };
    world.configure(first);
    while let Some(byte) = world.input.byte() {
        let which = usize::from(byte >> 7);
        match byte & 0x0f {
            0..=4 => world.turn(which),
            5..=7 => {
                world.send(which);
            }
            8 => world.wait(u64::from(byte & 0x70) * 1000),
            9 => world.wait(u64::from(byte & 0x70) * 10),
            10 => world.lose_bells(),
            11 => world.kill(which),
            12 => world.leave(which),
            // Something happens between its next accesses.
            13 => world.disturb(which, byte >> 4 & 7),
            14 => world.hold(which),
            _ => world.release(which),
        }
    }
}

/// Nothing bad happens any more: the two must find each other, and talk both ways.
fn quiet(world: &'static World) {
    world.calm();
    for which in [0, 1] {
        world.start_if_absent(which, if which == 0 { Role::Host } else { Role::Remote });
    }
    for _ in 0..QUIET_STEPS {
        for _ in 0..4 {
            world.turn(0);
            world.turn(1);
        }
        if world.is_bound(0) && world.is_bound(1) {
            // Bound on both sides is not yet settled: one may still be about to notice the other's new start.
            world.release(0);
            world.release(1);
            if world.talks() {
                return;
            }
        }
        world.wait(10_000);
    }
    panic!("the two do not find each other: {}", world.describe());
}
