//! What tables and records keep of a memory: where it is, and no length, as their places are proven when they are made.

use super::{Load, SharedMemory, Store};

/// A memory whose accesses are proven to be inside by who makes them.
///
/// # Safety
/// As for [`SharedMemory`], from which it was made: an access within that one's length that meets its method's conditions
/// is sound.
pub unsafe trait Words: Clone + core::fmt::Debug {
    /// As [`SharedMemory::load_u16`].
    ///
    /// # Safety
    /// As there.
    unsafe fn load_u16(&self, offset: u32, order: Load) -> u16;

    /// As [`SharedMemory::store_u16`].
    ///
    /// # Safety
    /// As there.
    unsafe fn store_u16(&self, offset: u32, value: u16, order: Store);

    /// As [`SharedMemory::load_u32`].
    ///
    /// # Safety
    /// As there.
    unsafe fn load_u32(&self, offset: u32, order: Load) -> u32;

    /// As [`SharedMemory::store_u32`].
    ///
    /// # Safety
    /// As there.
    unsafe fn store_u32(&self, offset: u32, value: u32, order: Store);

    /// As [`SharedMemory::fence`].
    fn fence(&self);
}

/// The memory itself, for those that have nothing smaller.
#[derive(Clone, Debug)]
pub struct Whole<M>(pub M);

// SAFETY: it is that memory.
unsafe impl<M: SharedMemory> Words for Whole<M> {
    #[inline]
    unsafe fn load_u16(&self, offset: u32, order: Load) -> u16 {
        // SAFETY: the caller's promise is the same.
        unsafe { self.0.load_u16(offset, order) }
    }

    #[inline]
    unsafe fn store_u16(&self, offset: u32, value: u16, order: Store) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.0.store_u16(offset, value, order) }
    }

    #[inline]
    unsafe fn load_u32(&self, offset: u32, order: Load) -> u32 {
        // SAFETY: the caller's promise is the same.
        unsafe { self.0.load_u32(offset, order) }
    }

    #[inline]
    unsafe fn store_u32(&self, offset: u32, value: u32, order: Store) {
        // SAFETY: the caller's promise is the same.
        unsafe { self.0.store_u32(offset, value, order) }
    }

    #[inline]
    fn fence(&self) {
        self.0.fence();
    }
}
