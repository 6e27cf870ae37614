// SPDX-License-Identifier: Apache-2.0
//! Uses the device without a protocol. Each board rings its own doorbell, and then two boards wake each other in turn.
//!
//! Each side has two words in the shared memory: its peer id plus 1, and the number of turns that it has taken. A board
//! reads the other side's words only after a doorbell, so the time per turn is the cost of two doorbells.
#![no_std]

use core::fmt::Write;

use amp_ivshmem_zephyr_rust::amp_ivshmem::mem::{Load, Store, Table};
use amp_ivshmem_zephyr_rust::amp_ivshmem::platform::{Doorbell, Instant, PeerId, Port, Vector};
use amp_ivshmem_zephyr_rust::{Console, Ivshmem};

/// All devices have this vector.
const VECTOR: Vector = Vector(0);
const SECOND: u64 = 1_000_000;
const TURNS: u32 = 1000;
/// Size of each side's entry in bytes. It contains the side's number plus 1, and its turn.
const SIDE: u32 = 64;

#[unsafe(no_mangle)]
extern "C" fn rust_main() {
    let mut device = match Ivshmem::take(zephyr::devicetree::labels::ivshmem0::ORD) {
        Ok(device) => device,
        Err(error) => return say(format_args!("{error}")),
    };
    say(format_args!("{} is peer {}, with {} vectors", device.name(), device.id(), device.vectors()));
    ring_itself(&mut device);
    match Words::new(&device.memory(), 0, 2) {
        Ok(words) => take_turns(&mut device, &words),
        Err(error) => say(format_args!("{error}")),
    }
}

type Words = Table<amp_ivshmem_zephyr_rust::amp_ivshmem::mem::Region<'static>, SIDE>;

fn say(what: core::fmt::Arguments<'_>) {
    let _ = writeln!(Console, "doorbell: {what}");
}

/// Rings this board's own doorbell, and then waits until a deadline expires.
fn ring_itself(device: &mut Ivshmem) {
    let start = device.now();
    let _ = device.doorbell().ring(device.id(), VECTOR);
    device.wait(Some(start.plus_micros(SECOND)));
    let micros = device.now().micros_since(start);
    let came = if micros < SECOND { "came" } else { "did not come" };
    say(format_args!("the own doorbell {came} within {micros} us"));

    let start = device.now();
    device.wait(Some(start.plus_micros(SECOND / 10)));
    say(format_args!("a wait of 100000 us took {} us", device.now().micros_since(start)));
}

/// Takes turns with the peer.
fn take_turns(device: &mut Ivshmem, words: &Words) {
    let side = u32::from(device.id().0 & 1);
    words.store_u32::<4>(side, 0, Store::Relaxed);
    words.store_u32::<0>(side, u32::from(device.id().0) + 1, Store::Release);
    say(format_args!("waiting for a peer"));
    let peer = loop {
        match u16::try_from(words.load_u32::<0>(side ^ 1, Load::Acquire)) {
            Ok(0) | Err(_) => device.wait(Some(device.now().plus_micros(SECOND / 10))),
            Ok(other) => break PeerId(other - 1),
        }
    };
    say(format_args!("peer {peer} is there"));

    let (mut turn, mut missed) = (0, 0);
    let start = device.now();
    while turn < TURNS {
        // The side with the even number moves first. The other side answers with the same turn.
        let theirs = words.load_u32::<4>(side ^ 1, Load::Acquire);
        if theirs == turn + side {
            turn += 1;
            words.store_u32::<4>(side, turn, Store::Release);
            if device.doorbell().ring(peer, VECTOR).is_err() {
                return say(format_args!("the peer has no vector {VECTOR}"));
            }
        } else {
            let deadline: Instant = device.now().plus_micros(SECOND / 10);
            device.wait(Some(deadline));
            missed += u32::from(device.now() >= deadline);
        }
    }
    let micros = device.now().micros_since(start) / u64::from(TURNS);
    say(format_args!("{TURNS} turns, {micros} us each, {missed} doorbells missed"));
}
