// SPDX-License-Identifier: Apache-2.0
//! Tests sides that start, die, leave and miss doorbells at random, and a peer that writes anywhere.

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug)]
enum Act {
    Run(bool),
    Send(bool),
    Kill(bool),
    Leave(bool),
    LoseBells,
    Wait(u64),
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        12 => any::<bool>().prop_map(Act::Run),
        6 => any::<bool>().prop_map(Act::Send),
        1 => any::<bool>().prop_map(Act::Kill),
        1 => any::<bool>().prop_map(Act::Leave),
        1 => Just(Act::LoseBells),
        3 => (0..200_000u64).prop_map(Act::Wait),
    ]
}

proptest! {
    /// Sides die, leave, restart and miss doorbells at random times. No message is received twice or out of order, and
    /// no side receives a message that was sent before it started. In the end, the two sides are connected.
    #[test]
    fn any_order_any_death(acts in proptest::collection::vec(act(), 1..300)) {
        let (heap, bells) = (Heap::new(MEMORY), Bells::new());
        let settings = [HOST, REMOTE];
        let start = |which: usize| Side::new(&heap, &bells, which as u16, settings[which]);
        let mut sides = [start(0), start(1)];
        let (mut now, mut stamp) = (Instant::from_micros(1), 0u32);
        let mut last = [0u32; 2];
        let mut born = [0u32; 2];
        for act in acts {
            match act {
                Act::Run(which) => { sides[usize::from(which)].run(&bells, now); }
                Act::Send(which) => {
                    stamp += 1;
                    let _ = sides[usize::from(which)].send(&stamp.to_le_bytes());
                }
                Act::Kill(which) | Act::Leave(which) => {
                    let which = usize::from(which);
                    let dead = std::mem::replace(&mut sides[which], start(which));
                    if matches!(act, Act::Kill(_)) {
                        std::mem::forget(dead.link);
                    }
                    born[which] = stamp;
                    last[which] = stamp;
                }
                Act::LoseBells => bells.0.borrow_mut().fill(false),
                Act::Wait(micros) => now = now.plus_micros(micros),
            }
            for (side, last) in sides.iter_mut().zip(&mut last) {
                for bytes in side.received.drain(..) {
                    let got = u32::from_le_bytes(bytes.try_into().unwrap());
                    prop_assert!(got > *last, "{got} after {last}: twice, late, or from before the start");
                    *last = got;
                }
            }
        }
        for _ in 0..400 {
            now = now.plus_micros(5_000);
            for side in &mut sides { side.run(&bells, now); }
        }
        let [a, b] = &mut sides;
        prop_assert!(a.is_bound() && b.is_bound(), "{:?} {:?}", a.log, b.log);
    }

    /// A peer that writes any value anywhere and at any time does not cause a panic, a hang or an out-of-bounds access.
    #[test]
    fn survives_a_peer_that_scribbles(
        acts in proptest::collection::vec((act(), 0..0x9000u32, any::<[u8; 4]>(), 0..8u8), 1..200),
    ) {
        let (heap, bells) = (Heap::new(MEMORY), Bells::new());
        let memory = Bytes::new(&heap.region(), 0, MEMORY).unwrap();
        let mut sides = [Side::new(&heap, &bells, 0, HOST), Side::new(&heap, &bells, 1, REMOTE)];
        let mut now = Instant::from_micros(1);
        for (act, offset, bytes, kind) in acts {
            // Most writes are small values in words of the blocks and rings, where they do the most damage.
            let (offset, bytes) = match kind {
                0..4 => (0x1000 + offset % 0x40 / 4 * 4 + offset % 3 / 2 * 0x1000, [bytes[0] % 32, bytes[1] & 1, 0, 0]),
                4 => (0x3000 + offset % 0x400, bytes),
                5 => (offset, bytes),
                _ => (MEMORY - 4, [0; 4]),
            };
            memory.write(offset, &bytes).unwrap();
            match act {
                Act::Send(which) => { let _ = sides[usize::from(which)].send(&bytes); }
                Act::Wait(micros) => now = now.plus_micros(micros),
                Act::Run(which) | Act::Kill(which) | Act::Leave(which) => {
                    let side = &mut sides[usize::from(which)];
                    side.wake = Instant::default();
                    for _ in 0..100 {
                        match side.link.poll(now) {
                            Some(Event::Message(message)) => side.link.bus().release(message),
                            Some(_) => (),
                            None => break,
                        }
                    }
                }
                Act::LoseBells => (),
            }
        }
    }
}
