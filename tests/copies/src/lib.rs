// SPDX-License-Identifier: Apache-2.0
//! Checks this architecture's copies: payload arrives unchanged, and no byte next to it changes. The check tries all
//! lengths of a buffer at all alignments of both pointers.
#![no_std]

use core::hint::black_box;

use amp_ivshmem::mem::{Bytes, SharedMemory};

/// Longest copy that is tried: several rounds of the longest step, plus each possible remainder.
const LONGEST: usize = 200;
/// Alignments of each pointer.
const PLACES: usize = 8;
/// Guard bytes before and after the data.
const BESIDE: usize = 8;
const ALL: usize = BESIDE + PLACES + LONGEST + BESIDE;
/// Values of the guard bytes, in shared and in private memory.
const SHARED: u8 = 0xdd;
const PRIVATE: u8 = 0xee;

/// Byte `index` of the copied data.
const fn byte(index: usize) -> u8 {
    (index * 7 + 1) as u8
}

/// Tries all copies at the start of `memory` and zeroes it. Returns `None` if a copy was wrong.
pub fn check<M: SharedMemory>(memory: &M) -> Option<()> {
    let shared = Bytes::new(memory, 0, ALL as u32).ok()?;
    let from: [u8; ALL] = core::array::from_fn(byte);
    for length in 0..=black_box(LONGEST) {
        for (source, target) in (0..PLACES).flat_map(|source| (0..PLACES).map(move |target| (source, target))) {
            let at = BESIDE + target;
            shared.write(0, &[SHARED; ALL]).ok()?;
            shared.write(at as u32, from.get(source..source + length)?).ok()?;
            let mut back = [0; ALL];
            shared.read(0, &mut back).ok()?;
            stands(&back, at, length, SHARED, source)?;
            let mut part = [PRIVATE; ALL];
            shared.read(at as u32, part.get_mut(source..source + length)?).ok()?;
            stands(&part, source, length, PRIVATE, source)?;
        }
    }
    shared.write(0, &[0; ALL]).ok()
}

/// Checks that `length` bytes of the data, beginning with byte `first`, are at `at`, between unchanged guard bytes.
fn stands(bytes: &[u8], at: usize, length: usize, beside: u8, first: usize) -> Option<()> {
    bytes
        .iter()
        .enumerate()
        .all(|(index, &found)| match index.checked_sub(at).filter(|&inside| inside < length) {
            Some(inside) => found == byte(first + inside),
            None => found == beside,
        })
        .then_some(())
}
