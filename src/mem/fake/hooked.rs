//! A side's view of a memory in which something else happens between any two of its accesses: the other side's turn, a
//! peer that scribbles, the side's own death.

use super::super::{Load, Region, SharedMemory, Store, WordAccess};

/// What happens before each access of a [`Hooked`] memory.
pub trait Hook {
    /// Called before each load, store and copy. False where the side is dead: its stores have no effect any more, so that
    /// it dies between two of them without leaving the code under test.
    fn before(&self) -> bool;
}

/// The memory as one side sees it. All sides of a test take theirs from one [`Heap`](super::Heap).
#[derive(Debug)]
pub struct Hooked<'m, H> {
    region: Region<'m>,
    hook: &'m H,
}

impl<'m, H: Hook> Hooked<'m, H> {
    /// `region` with `hook` before each access.
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

// SAFETY: all of it is `Region`'s; a hook can only leave stores out.
unsafe impl<H: Hook + core::fmt::Debug> WordAccess for Hooked<'_, H> {
    unsafe fn load_u16(&self, offset: usize, order: Load) -> u16 {
        self.hook.before();
        // SAFETY: the caller's promise is the same.
        unsafe { self.region.load_u16(offset, order) }
    }

    unsafe fn store_u16(&self, offset: usize, value: u16, order: Store) {
        if self.hook.before() {
            // SAFETY: the caller's promise is the same.
            unsafe { self.region.store_u16(offset, value, order) }
        }
    }

    unsafe fn load_u32(&self, offset: usize, order: Load) -> u32 {
        self.hook.before();
        // SAFETY: the caller's promise is the same.
        unsafe { self.region.load_u32(offset, order) }
    }

    unsafe fn store_u32(&self, offset: usize, value: u32, order: Store) {
        if self.hook.before() {
            // SAFETY: the caller's promise is the same.
            unsafe { self.region.store_u32(offset, value, order) }
        }
    }

    fn fence(&self) {
        self.hook.before();
        self.region.fence();
    }
}

// SAFETY: as above.
unsafe impl<H: Hook + core::fmt::Debug> SharedMemory for Hooked<'_, H> {
    type Words = Self;

    fn words(&self) -> Self {
        self.clone()
    }

    fn len(&self) -> u32 {
        self.region.len()
    }

    fn part(&self, offset: u32, len: u32) -> Option<Self> {
        Some(Self { region: self.region.part(offset, len)?, hook: self.hook })
    }

    fn is_aligned_to(&self, align: u32) -> bool {
        self.region.is_aligned_to(align)
    }

    unsafe fn copy_in(&self, offset: usize, from: &[u8]) {
        if self.hook.before() {
            // SAFETY: the caller's promise is the same.
            unsafe { self.region.copy_in(offset, from) }
        }
    }

    unsafe fn copy_out(&self, offset: usize, to: &mut [u8]) {
        self.hook.before();
        // SAFETY: the caller's promise is the same.
        unsafe { self.region.copy_out(offset, to) }
    }
}
