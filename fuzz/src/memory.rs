// SPDX-License-Identifier: Apache-2.0
//! One memory for all runs of a thread: allocated once, and zeroed at the start of each run.

use amp_ivshmem::mem::fake::Heap;
use amp_ivshmem::mem::{Bytes, Region};

/// Bytes of the memory: a directory and the smallest area of a link.
pub const LEN: u32 = 5 * 4096;

static ZEROS: [u8; LEN as usize] = [0; LEN as usize];

/// Returns the memory of this thread.
pub fn heap() -> &'static Heap {
    thread_local! {
        static HEAP: &'static Heap = Box::leak(Box::new(Heap::new(LEN)));
    }
    HEAP.with(|heap| *heap)
}

/// Zeroes the first `len` bytes.
pub fn clear(len: u32) {
    let len = len.min(LEN);
    if let Some(zeros) = ZEROS.get(..len as usize) {
        bytes().write(0, zeros).expect("inside");
    }
}

/// Returns all bytes of the memory, for a writer that no side expects.
pub fn bytes() -> Bytes<Region<'static>> {
    Bytes::new(&heap().region(), 0, LEN).expect("inside")
}
