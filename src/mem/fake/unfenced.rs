//! The real memory without its full barriers: what a test must notice that races two sides on the machine at hand.

use super::super::{Load, Region, SharedMemory, Store, WordAccess};

/// A [`Region`] that has no barriers; all else it passes on.
#[derive(Clone, Copy, Debug)]
pub struct Unfenced<'m>(pub Region<'m>);

// SAFETY: all of it is `Region`'s; a barrier is nothing that an access's soundness hangs on.
unsafe impl WordAccess for Unfenced<'_> {
    #[inline(always)]
    unsafe fn load_u16(&self, offset: usize, order: Load) -> u16 {
        // SAFETY: the caller's promise is the same.
        unsafe { self.0.load_u16(offset, order) }
    }

    #[inline(always)]
    unsafe fn store_u16(&self, offset: usize, value: u16, order: Store) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.0.store_u16(offset, value, order) }
    }

    #[inline(always)]
    unsafe fn load_u32(&self, offset: usize, order: Load) -> u32 {
        // SAFETY: the caller's promise is the same.
        unsafe { self.0.load_u32(offset, order) }
    }

    #[inline(always)]
    unsafe fn store_u32(&self, offset: usize, value: u32, order: Store) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.0.store_u32(offset, value, order) }
    }

    fn fence(&self) {}
}

// SAFETY: as above.
unsafe impl SharedMemory for Unfenced<'_> {
    type Words = Self;

    fn words(&self) -> Self {
        *self
    }

    fn len(&self) -> u32 {
        self.0.len()
    }

    fn part(&self, offset: u32, len: u32) -> Option<Self> {
        self.0.part(offset, len).map(Self)
    }

    fn is_aligned_to(&self, align: u32) -> bool {
        self.0.is_aligned_to(align)
    }

    unsafe fn copy_in(&self, offset: usize, from: &[u8]) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.0.copy_in(offset, from) }
    }

    unsafe fn copy_out(&self, offset: usize, to: &mut [u8]) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.0.copy_out(offset, to) }
    }
}
