// SPDX-License-Identifier: Apache-2.0
//! A hostile guest for `amp torture --hostile`: keeps writing random values to random offsets in the shared memory.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use core::fmt::Write;

    use amp_ivshmem::mem::{Bytes, SharedMemory};
    use amp_ivshmem::platform::{Doorbell, PeerId, Port, Vector};
    use amp_ivshmem_bare_metal::{Console, Machine, image, park};

    /// Number of writes between two pauses, and length of a pause in microseconds.
    const BURST: u32 = 200;
    const PAUSE_MICROS: u64 = 1000;

    image!(main);

    fn main(mut machine: Machine, mut console: Console) -> ! {
        let memory = machine.memory();
        let length = memory.len();
        let Ok(bytes) = Bytes::new(&memory, 0, length) else {
            // The console cannot fail.
            let _ = console.write_str("amp: no shared memory to scribble over\n");
            park()
        };
        let mut said = false;
        // CAST: the low half is enough. The seed differs on every run.
        let mut state = machine.now().as_micros() as u32 | 1;
        let mut random = move || {
            // Marsaglia's xorshift32.
            state ^= state << 13;
            state ^= state >> 17;
            state ^= state << 5;
            state
        };
        loop {
            for _ in 0..BURST {
                // Half of the writes go to the start of the memory, which contains the directory, and the blocks and
                // rings of link 0.
                let (kind, place, value) = (random(), random(), random());
                let offset = if kind & 1 == 0 { place % 0x3400 } else { place % length.saturating_sub(4).max(1) };
                let value = if kind & 2 == 0 { value % 32 } else { value };
                let _ = bytes.write(offset, &value.to_le_bytes());
            }
            if !core::mem::replace(&mut said, true) {
                // `amp torture` waits for this line.
                let _ = console.write_str("scribbling\n");
            }
            let peer = PeerId((random() % 4) as u16);
            let _ = machine.doorbell().ring(peer, Vector(0));
            let deadline = machine.now().plus_micros(PAUSE_MICROS);
            machine.wait(Some(deadline));
        }
    }
}

#[cfg(not(target_os = "none"))]
include!("../../../ports/bare-metal/not_here.rs");
