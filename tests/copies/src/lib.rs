// SPDX-License-Identifier: Apache-2.0
//! Checks this architecture's copy functions: the payload must arrive unchanged, and the bytes next to it must not
//! change. Tries each length up to a limit with all alignments of both pointers.
#![no_std]

use core::hint::black_box;

use amp_ivshmem::mem::{Bytes, SharedMemory};

/// Length of the longest copy. Such a copy consists of several steps of the largest size and any possible remainder.
const LONGEST: usize = 200;
/// Number of alignments to try for each pointer.
const PLACES: usize = 8;
/// Number of guard bytes before and after the data.
const BESIDE: usize = 8;
const ALL: usize = BESIDE + PLACES + LONGEST + BESIDE;
/// Guard byte values in shared and in private memory.
const SHARED: u8 = 0xdd;
const PRIVATE: u8 = 0xee;

/// Returns byte `index` of the data.
const fn byte(index: usize) -> u8 {
    (index * 7 + 1) as u8
}

/// Tries all copies at the start of `memory`, and then zeroes the bytes that were used. Returns `None` if a copy was
/// wrong.
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

/// Checks that `bytes` contains `length` bytes of the data at offset `at`, beginning with data byte `first`, and that
/// all other bytes still have the value `beside`.
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
