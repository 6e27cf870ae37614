// SPDX-License-Identifier: Apache-2.0
//! Memory views that forward each access to another memory.

use super::{Load, SharedMemory, Source, Store, WordAccess};

/// A memory view that forwards all accesses to another memory, and adds a hook, a lifetime or a fault.
///
/// Each type that implements this trait also implements [`SharedMemory`].
///
/// # Safety
/// [`inner`](Self::inner) must return the same memory each time. [`with_inner`](Self::with_inner) must return a view
/// whose `inner` is its argument. This inner memory must stay valid as long as the view exists.
pub unsafe trait Forward: Clone + core::fmt::Debug {
    /// The memory that receives the accesses.
    type Inner: SharedMemory;

    /// Returns the memory that receives the accesses.
    fn inner(&self) -> &Self::Inner;

    /// Returns a view of `inner`, which is a part of the current inner memory.
    fn with_inner(&self, inner: Self::Inner) -> Self;

    /// Runs before each access. If it returns false, stores and copies to shared memory are skipped.
    #[inline(always)]
    fn before(&self) -> bool {
        true
    }

    /// Forwards a full barrier to the inner memory.
    #[inline(always)]
    fn forward_fence(&self) {
        self.inner().fence();
    }
}

// SAFETY: each access is forwarded with the same bounds, and a skipped store does not access anything.
unsafe impl<F: Forward> WordAccess for F {
    #[inline(always)]
    unsafe fn load_u16(&self, offset: usize, order: Load) -> u16 {
        self.before();
        // SAFETY: the caller upholds the same contract.
        unsafe { self.inner().load_u16(offset, order) }
    }

    #[inline(always)]
    unsafe fn store_u16(&self, offset: usize, value: u16, order: Store) {
        if self.before() {
            // SAFETY: the caller upholds the same contract.
            unsafe { self.inner().store_u16(offset, value, order) }
        }
    }

    #[inline(always)]
    unsafe fn load_u32(&self, offset: usize, order: Load) -> u32 {
        self.before();
        // SAFETY: the caller upholds the same contract.
        unsafe { self.inner().load_u32(offset, order) }
    }

    #[inline(always)]
    unsafe fn store_u32(&self, offset: usize, value: u32, order: Store) {
        if self.before() {
            // SAFETY: the caller upholds the same contract.
            unsafe { self.inner().store_u32(offset, value, order) }
        }
    }

    #[inline(always)]
    fn fence(&self) {
        self.before();
        self.forward_fence();
    }
}

// SAFETY: same as for `WordAccess`; `part` wraps a part of the inner memory, which checks the bounds.
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
            // SAFETY: the caller upholds the same contract.
            unsafe { self.inner().copy_in(offset, from) }
        }
    }

    #[inline(always)]
    unsafe fn copy_out(&self, offset: usize, to: &mut [u8]) {
        self.before();
        // SAFETY: the caller upholds the same contract.
        unsafe { self.inner().copy_out(offset, to) }
    }
}
