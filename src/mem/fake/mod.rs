// SPDX-License-Identifier: Apache-2.0
//! Memory for tests. It is on the heap, so that two sides in one process share it. With `--cfg loom` there is also a
//! memory for loom models. Requires the feature `fakes`.

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

/// Zeroed memory from which each side of a test takes a [`Region`].
#[derive(Debug)]
pub struct Heap {
    words: Box<[UnsafeCell<u64>]>,
}

// SAFETY: the cells are only accessed through `Region`, which is designed for concurrent access.
unsafe impl Sync for Heap {}

impl Heap {
    /// Makes a memory of `len` zeroed bytes, rounded up to a multiple of 8.
    #[must_use]
    pub fn new(len: u32) -> Self {
        Self { words: (0..len.div_ceil(8)).map(|_| UnsafeCell::new(0)).collect() }
    }

    /// Returns a view of the whole memory, for one side.
    #[must_use]
    pub fn region(&self) -> Region<'_> {
        let start = NonNull::from(&*self.words).cast();
        let len = u32::try_from(self.words.len() * 8).unwrap_or(u32::MAX);
        // SAFETY: the cells live as long as the borrow, are 8-byte aligned, and are not accessed in any other way.
        unsafe { Region::new(start, len) }
    }
}
