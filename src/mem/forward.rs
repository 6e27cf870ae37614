// SPDX-License-Identifier: Apache-2.0
//! Memories that forward each access to another memory.

use super::{Load, SharedMemory, Source, Store, WordAccess};

/// A view of another memory that forwards all accesses and adds a hook, a lifetime or a fault.
///
/// A type that implements this trait is also a [`SharedMemory`].
///
/// # Safety
/// [`inner`](Self::inner) returns the same memory each time. [`with_inner`](Self::with_inner) returns a view whose
/// `inner` is the memory that was passed in, which stays valid for as long as the view exists.
pub unsafe trait Forward: Clone + core::fmt::Debug {
    /// The memory to which this view forwards.
    type Inner: SharedMemory;

    /// Returns the memory to which this view forwards.
    fn inner(&self) -> &Self::Inner;

    /// Returns the same view of `inner`, which is a part of the memory to which this view forwards.
    fn with_inner(&self, inner: Self::Inner) -> Self;

    /// Called before each access. If it returns false, a store or a copy to the shared memory is skipped.
    #[inline(always)]
    fn before(&self) -> bool {
        true
    }

    /// Forwards a full barrier.
    #[inline(always)]
    fn forward_fence(&self) {
        self.inner().fence();
    }
}

// SAFETY: each access is the inner memory's, within the same bounds; a store that is skipped accesses nothing.
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
