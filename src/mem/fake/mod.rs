// SPDX-License-Identifier: Apache-2.0
//! Memory for tests: on the heap, so that two sides in one process share it. Under `--cfg loom` there is also loom's
//! model of a memory. Built with the feature `fakes`.

use core::cell::UnsafeCell;
use core::ptr::NonNull;
use std::boxed::Box;

use super::Region;

mod hooked;
pub use hooked::{Hook, Hooked};

mod unfenced;
pub use unfenced::Unfenced;

#[cfg(loom)]
mod model;
#[cfg(loom)]
pub use model::{Model, Weakening};

/// Zeroed memory from which both sides of a test take their [`Region`].
#[derive(Debug)]
pub struct Heap {
    words: Box<[UnsafeCell<u64>]>,
}

// SAFETY: the cells are only reached through `Region`, whose accesses are made for sharing.
unsafe impl Sync for Heap {}

impl Heap {
    /// Returns `len` bytes of zeros, rounded up to a multiple of 8.
    #[must_use]
    pub fn new(len: u32) -> Self {
        Self { words: (0..len.div_ceil(8)).map(|_| UnsafeCell::new(0)).collect() }
    }

    /// Returns a view of the whole memory. Each side takes one view.
    #[must_use]
    pub fn region(&self) -> Region<'_> {
        let start = NonNull::from(&*self.words).cast();
        let len = u32::try_from(self.words.len() * 8).unwrap_or(u32::MAX);
        // SAFETY: the cells live as long as the borrow, are 8-byte aligned, and nobody else looks into them.
        unsafe { Region::new(start, len) }
    }
}
