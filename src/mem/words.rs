// SPDX-License-Identifier: Apache-2.0
//! Loads and stores of words, for tables and records. The functions take no length, because the constructors of tables
//! and records check the bounds.

use super::{Load, Store};

/// Word accesses to a memory. The callers guarantee that each access is in bounds.
///
/// # Safety
/// Every access within the length of the corresponding [`SharedMemory`](super::SharedMemory) must be sound if it meets
/// the method's conditions, whatever the other machine does at the same time.
pub unsafe trait WordAccess: Clone + core::fmt::Debug {
    /// Loads 16 bits.
    ///
    /// # Safety
    /// `offset + 2` must not exceed the length of the memory, and the address must be even.
    unsafe fn load_u16(&self, offset: usize, order: Load) -> u16;

    /// Stores 16 bits.
    ///
    /// # Safety
    /// The requirements are those of [`load_u16`](Self::load_u16).
    unsafe fn store_u16(&self, offset: usize, value: u16, order: Store);

    /// Loads 32 bits.
    ///
    /// # Safety
    /// `offset + 4` must not exceed the length of the memory, and the address must be 4-byte aligned.
    unsafe fn load_u32(&self, offset: usize, order: Load) -> u32;

    /// Stores 32 bits.
    ///
    /// # Safety
    /// The requirements are those of [`load_u32`](Self::load_u32).
    unsafe fn store_u32(&self, offset: usize, value: u32, order: Store);

    /// Issues a full barrier. All earlier stores are visible to the peer before any later load is performed.
    fn fence(&self);
}
