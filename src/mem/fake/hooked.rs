// SPDX-License-Identifier: Apache-2.0
//! A memory view that calls a hook before each access by a side. The hook can run the other side, overwrite the memory
//! as a hostile peer would, or kill the side.

use super::super::{Forward, Region};

/// Code that runs before each access to a [`Hooked`] memory.
pub trait Hook {
    /// Runs before each load, store and copy. Returns false if the side is dead; its stores then have no effect. A test
    /// can thus kill a side between any two stores, even though the code under test keeps running.
    fn before(&self) -> bool;
}

/// The shared memory as one side sees it. All sides of a test use the same [`Heap`](super::Heap).
#[derive(Debug)]
pub struct Hooked<'m, H> {
    region: Region<'m>,
    hook: &'m H,
}

impl<'m, H: Hook> Hooked<'m, H> {
    /// Makes a view of `region` that calls `hook` before each access.
    #[must_use]
    pub const fn new(region: Region<'m>, hook: &'m H) -> Self {
        Self { region, hook }
    }
}

impl<H> Clone for Hooked<'_, H> {
    fn clone(&self) -> Self {
        Self { region: self.region, hook: self.hook }
    }
}

// SAFETY: `inner` always returns the region in the field, and a hook can only suppress stores.
unsafe impl<'m, H: Hook + core::fmt::Debug> Forward for Hooked<'m, H> {
    type Inner = Region<'m>;

    #[inline(always)]
    fn inner(&self) -> &Region<'m> {
        &self.region
    }

    #[inline(always)]
    fn with_inner(&self, region: Region<'m>) -> Self {
        Self { region, hook: self.hook }
    }

    #[inline(always)]
    fn before(&self) -> bool {
        self.hook.before()
    }
}
