// SPDX-License-Identifier: Apache-2.0
//! Loads and stores of words, for tables and records. They need no length, because table and record constructors prove
//! the bounds.

use super::{Load, Store};

/// A memory whose callers prove that their accesses are inside.
///
/// # Safety
/// Every access within the length of the corresponding [`SharedMemory`](super::SharedMemory) is sound if it meets its
/// method's conditions, whatever the other machine does meanwhile.
pub unsafe trait WordAccess: Clone + core::fmt::Debug {
    /// Loads 16 bits.
    ///
    /// # Safety
    /// `offset + 2` is at most the memory's length, and the address is even.
    unsafe fn load_u16(&self, offset: usize, order: Load) -> u16;

    /// Stores 16 bits.
    ///
    /// # Safety
    /// The same as for [`load_u16`](Self::load_u16).
    unsafe fn store_u16(&self, offset: usize, value: u16, order: Store);

    /// Loads 32 bits.
    ///
    /// # Safety
    /// `offset + 4` is at most the memory's length, and the address is a multiple of 4.
    unsafe fn load_u32(&self, offset: usize, order: Load) -> u32;

    /// Stores 32 bits.
    ///
    /// # Safety
    /// The same as for [`load_u32`](Self::load_u32).
    unsafe fn store_u32(&self, offset: usize, value: u32, order: Store);

    /// Makes a full barrier: stores before it are visible to the peer before loads after it are made.
    fn fence(&self);
}
