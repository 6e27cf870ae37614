//! Loads and stores of words: what tables and records need of a memory. Knows no length, as their places are proven when they
//! are made.

use super::{Load, Store};

/// A memory whose accesses are proven to be inside by who makes them.
///
/// # Safety
/// Every access within the length of the [`SharedMemory`](super::SharedMemory) that this is, or was made from, is sound
/// where it meets its method's conditions, whatever the other machine does meanwhile.
pub unsafe trait WordAccess: Clone + core::fmt::Debug {
    /// Loads 16 bits.
    ///
    /// # Safety
    /// `offset + 2` is at most that memory's length, and the address is even.
    unsafe fn load_u16(&self, offset: usize, order: Load) -> u16;

    /// Stores 16 bits.
    ///
    /// # Safety
    /// As [`load_u16`](Self::load_u16).
    unsafe fn store_u16(&self, offset: usize, value: u16, order: Store);

    /// Loads 32 bits.
    ///
    /// # Safety
    /// `offset + 4` is at most that memory's length, and the address is a multiple of 4.
    unsafe fn load_u32(&self, offset: usize, order: Load) -> u32;

    /// Stores 32 bits.
    ///
    /// # Safety
    /// As [`load_u32`](Self::load_u32).
    unsafe fn store_u32(&self, offset: usize, value: u32, order: Store);

    /// A full barrier: stores before it are visible to the peer before loads after it are made.
    fn fence(&self);
}
