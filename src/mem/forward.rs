// SPDX-License-Identifier: Apache-2.0
//! Memories that pass each access on to another memory.

use super::{Load, SharedMemory, Source, Store, WordAccess};

/// A view of another memory: it adds a hook, a lifetime or a fault, and passes all accesses on.
///
/// It is a [`SharedMemory`] by implementing this trait.
///
/// # Safety
/// [`inner`](Self::inner) returns the same memory each time, and [`with_inner`](Self::with_inner) a view whose `inner` is
/// the memory that it was given, which stays valid for as long as the view exists.
pub unsafe trait Forward: Clone + core::fmt::Debug {
    /// The memory behind this view.
    type Inner: SharedMemory;

    /// Returns the memory behind this view.
    fn inner(&self) -> &Self::Inner;

    /// Returns the same view of `inner`, a part of the memory behind this one.
    fn with_inner(&self, inner: Self::Inner) -> Self;

    /// Called before each access. Stores and copies to the shared memory are left out where it returns false.
    #[inline(always)]
    fn before(&self) -> bool {
        true
    }

    /// Passes a full barrier on.
    #[inline(always)]
    fn forward_fence(&self) {
        self.inner().fence();
    }
}

// SAFETY: each access is the inner memory's, within the same bounds; a store that is left out accesses nothing.
unsafe impl<F: Forward> WordAccess for F {
    #[inline(always)]
    unsafe fn load_u16(&self, offset: usize, order: Load) -> u16 {
        self.before();
        // SAFETY: the caller's promise is the same.
        unsafe { self.inner().load_u16(offset, order) }
    }

    #[inline(always)]
    unsafe fn store_u16(&self, offset: usize, value: u16, order: Store) {
        if self.before() {
            // SAFETY: the caller's promise is the same.
            unsafe { self.inner().store_u16(offset, value, order) }
        }
    }

    #[inline(always)]
    unsafe fn load_u32(&self, offset: usize, order: Load) -> u32 {
        self.before();
        // SAFETY: the caller's promise is the same.
        unsafe { self.inner().load_u32(offset, order) }
    }

    #[inline(always)]
    unsafe fn store_u32(&self, offset: usize, value: u32, order: Store) {
        if self.before() {
            // SAFETY: the caller's promise is the same.
            unsafe { self.inner().store_u32(offset, value, order) }
        }
    }

    #[inline(always)]
    fn fence(&self) {
        self.before();
        self.forward_fence();
    }
}

// SAFETY: as above; a part is a view of the inner memory's own part, which checks the bounds.
unsafe impl<F: Forward> SharedMemory for F {
    type Words = Self;

    #[inline(always)]
    fn words(&self) -> Self {
        self.clone()
    }

    #[inline(always)]
    fn len(&self) -> u32 {
        self.inner().len()
    }

    #[inline(always)]
    fn part(&self, offset: u32, len: u32) -> Option<Self> {
        Some(self.with_inner(self.inner().part(offset, len)?))
    }

    #[inline(always)]
    fn is_aligned_to(&self, align: u32) -> bool {
        self.inner().is_aligned_to(align)
    }

    #[inline(always)]
    unsafe fn copy_in(&self, offset: usize, from: Source<'_>) {
        if self.before() {
            // SAFETY: the caller's promise is the same.
            unsafe { self.inner().copy_in(offset, from) }
        }
    }

    #[inline(always)]
    unsafe fn copy_out(&self, offset: usize, to: &mut [u8]) {
        self.before();
        // SAFETY: the caller's promise is the same.
        unsafe { self.inner().copy_out(offset, to) }
    }
}
