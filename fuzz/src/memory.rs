// SPDX-License-Identifier: Apache-2.0
//! The memory for all runs of a thread. It is allocated once and zeroed at the start of each run.

use amp_ivshmem::mem::fake::Heap;
use amp_ivshmem::mem::{Bytes, Region};

/// Size of the memory in bytes: a directory and the smallest area of a link.
pub const LEN: u32 = 5 * 4096;

static ZEROS: [u8; LEN as usize] = [0; LEN as usize];

/// Returns the memory of the current thread.
pub fn heap() -> &'static Heap {
    thread_local! {
        static HEAP: &'static Heap = Box::leak(Box::new(Heap::new(LEN)));
    }
    HEAP.with(|heap| *heap)
}

/// Zeroes the first `len` bytes of the memory.
pub fn clear(len: u32) {
    let len = len.min(LEN);
    if let Some(zeros) = ZEROS.get(..len as usize) {
        bytes().write(0, zeros).expect("inside");
    }
}

/// Returns the whole memory as bytes, for a writer that is not one of the sides.
pub fn bytes() -> Bytes<Region<'static>> {
    Bytes::new(&heap().region(), 0, LEN).expect("inside")
}
