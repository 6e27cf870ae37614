// SPDX-License-Identifier: Apache-2.0
//! An image that tests a port. It tests the machine's own doorbell and a deadline. Then two machines wake each other in
//! turn.
//!
//! Run two machines with this image on a new server, which assigns the ids 0 and 1 to them. The machines do not use a
//! link. Each side uses only two words of the shared memory, so that the printed times measure only the doorbells.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use core::fmt::Write;

    use amp_ivshmem::mem::{Load, Store, Table};
    use amp_ivshmem::platform::{Doorbell, PeerId, Port, Vector};
    use amp_ivshmem_bare_metal::{Console, Machine, image};

    const VECTOR: Vector = Vector(0);
    const SECOND: u64 = 1_000_000;
    const TURNS: u32 = 1000;
    /// Size of each side's two words in bytes, including padding. The words contain the side's id plus 1, and the
    /// side's turn.
    const SIDE: u32 = 64;

    image!(main);

    fn main(mut port: Machine, mut console: Console) -> ! {
        let side = u32::from(port.id().0 & 1);
        say(&mut console, &["id ", number(&mut [0; 10], u32::from(port.id().0))]);
        let Ok(words) = Table::<_, SIDE>::new(&port.memory(), 0, 2) else {
            say(&mut console, &["too little shared memory"]);
            loop {
                port.wait(None);
            }
        };

        ring(&port, port.id());
        let before = port.now();
        port.wait(Some(before.plus_micros(SECOND)));
        let micros = port.now().micros_since(before);
        let outcome =
            if micros < SECOND { "own doorbell came after us: " } else { "own doorbell did not come in us: " };
        say(&mut console, &[outcome, number(&mut [0; 10], micros as u32)]);

        let before = port.now();
        port.wait(Some(before.plus_micros(SECOND / 10)));
        say(&mut console, &["100 ms took us: ", number(&mut [0; 10], port.now().micros_since(before) as u32)]);

        let mut turn = 0;
        words.store_u32::<4>(side, turn, Store::Relaxed);
        words.store_u32::<0>(side, u32::from(port.id().0) + 1, Store::Release);
        let peer = loop {
            match u16::try_from(words.load_u32::<0>(side ^ 1, Load::Acquire)) {
                Ok(0) | Err(_) => port.wait(Some(port.now().plus_micros(SECOND / 100))),
                Ok(other) => break PeerId(other - 1),
            }
        };
        say(&mut console, &["peer ", number(&mut [0; 10], u32::from(peer.0))]);
        let start = port.now();
        while turn < TURNS {
            // Side 0 moves first. Side 1 answers each turn with the same number.
            let theirs = words.load_u32::<4>(side ^ 1, Load::Acquire);
            if theirs == if side == 0 { turn } else { turn + 1 } {
                turn += 1;
                words.store_u32::<4>(side, turn, Store::Release);
                ring(&port, peer);
            } else {
                port.wait(Some(port.now().plus_micros(5 * SECOND)));
            }
        }
        say(&mut console, &["1000 turns took us: ", number(&mut [0; 10], port.now().micros_since(start) as u32)]);
        loop {
            port.wait(None);
        }
    }

    fn ring(port: &impl Port, peer: PeerId) {
        // Vector 0 exists on every device.
        let _ = port.doorbell().ring(peer, VECTOR);
    }

    fn say(console: &mut impl Write, parts: &[&str]) {
        for part in ["doorbell test: "].iter().chain(parts).chain(&["\n"]) {
            // The console cannot fail.
            let _ = console.write_str(part);
        }
    }

    /// Writes `value` in decimal. The formatting code in `core` would take 2 KiB of flash.
    fn number(digits: &mut [u8; 10], mut value: u32) -> &str {
        let mut first = digits.len();
        for digit in digits.iter_mut().rev() {
            *digit = b'0' + (value % 10) as u8;
            value /= 10;
            first -= 1;
            if value == 0 {
                break;
            }
        }
        core::str::from_utf8(digits.get(first..).unwrap_or_default()).unwrap_or("?")
    }
}

#[cfg(not(target_os = "none"))]
include!("../../../ports/bare-metal/not_here.rs");
