// SPDX-License-Identifier: Apache-2.0
//! A hostile peer, which connects to the server and overwrites the memory that other peers use for messages.

use std::path::Path;
use std::time::{Duration, Instant};

use amp_ivshmem::inspect::{Area, Role};
use amp_ivshmem::mem::{Bytes, SharedMemory};
use amp_ivshmem::platform::{Doorbell, Port, Vector};
use amp_ivshmem::wire::session::PAGE;
use amp_ivshmem_host::Peer;
use amp_ivshmem_server::random::Random;
use anyhow::{Context, Result};

/// The part of the memory to overwrite.
#[derive(Clone, Copy, Debug)]
enum Aim {
    /// The whole memory.
    Anywhere,
    /// The directory, and both sides' blocks on link 0.
    Blocks,
    /// Both sides' rings and first buffers on link 0.
    Rings,
}

const AIMS: [Aim; 3] = [Aim::Anywhere, Aim::Blocks, Aim::Rings];

/// Writes random values to the memory for `time`, and occasionally rings other peers.
///
/// # Errors
/// Returns an error if there is no server or if the memory is too small.
pub fn scribble(socket: &Path, random: &mut Random, time: Duration) -> Result<()> {
    let peer = Peer::connect(socket, Duration::from_secs(5))?;
    let memory = peer.memory();
    let length = memory.len();
    let bytes = Bytes::new(&memory, 0, length)?;
    let aim = AIMS[random.below(3) as usize];
    // Link 0 uses all pages after the directory.
    let area = Area::new(length, PAGE, (length - PAGE) & !(PAGE - 1), 0).context("a memory too small for a link")?;
    let sides = [Role::Host, Role::Remote];
    let (blocks, rings) = (sides.map(|role| area.block(role)), sides.map(|role| area.data(role).offset));
    let begun = Instant::now();
    while begun.elapsed() < time {
        for _ in 0..64 {
            let place = random.below(u64::from(length) - 4) as u32 & !1;
            let offset = match aim {
                Aim::Anywhere => place,
                Aim::Blocks => place % 0x60 + [0, blocks[0], blocks[1]][(place >> 8 & 3).min(2) as usize],
                Aim::Rings => place % 0x600 + rings[(place >> 12 & 1) as usize],
            };
            let value = match random.below(4) {
                0 => random.below(32) as u32,
                1 => 1 << random.below(32),
                _ => random.bits() as u32,
            };
            let width = if random.below(2) == 0 { 2 } else { 4 };
            bytes.write(offset, value.to_le_bytes().get(..width).unwrap_or_default())?;
        }
        for other in peer.others() {
            if random.below(8) == 0 {
                let _ = peer.doorbell().ring(other, Vector(0));
            }
        }
        std::thread::sleep(Duration::from_micros(random.below(2000)));
    }
    Ok(())
}
