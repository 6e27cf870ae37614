// SPDX-License-Identifier: Apache-2.0
//! A range of shared bytes for payload, with bounds-checked copies.

use super::{MemoryError, SharedMemory};

/// A range of shared bytes that can only be copied to and from.
#[derive(Clone, Debug)]
pub struct Bytes<M> {
    memory: M,
}

impl<M: SharedMemory> Bytes<M> {
    /// Makes a range of `len` bytes at `offset` in `memory`.
    ///
    /// # Errors
    /// Returns [`MemoryError::OutOfBounds`] if the range is not in bounds.
    pub fn new(memory: &M, offset: u32, len: u32) -> Result<Self, MemoryError> {
        let out = MemoryError::OutOfBounds { offset, len, size: memory.len() };
        Ok(Self { memory: memory.part(offset, len).ok_or(out)? })
    }

    /// Returns the length in bytes.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.memory.len()
    }

    /// Returns true if the length is 0.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.memory.len() == 0
    }

    /// Copies `from` into the range, starting at `offset`.
    ///
    /// # Errors
    /// Returns [`MemoryError::OutOfBounds`] if `from` does not fit. In that case nothing is written.
    #[inline]
    pub fn write(&self, offset: u32, from: &[u8]) -> Result<(), MemoryError> {
        self.check(offset, from.len())?;
        // SAFETY: `check` has verified the bounds.
        unsafe { self.memory.copy_in(offset as usize, from.into()) };
        Ok(())
    }

    /// Fills `to` from the range, starting at `offset`.
    ///
    /// # Errors
    /// Returns [`MemoryError::OutOfBounds`] if the range is too short. In that case `to` is unchanged.
    #[inline]
    pub fn read(&self, offset: u32, to: &mut [u8]) -> Result<(), MemoryError> {
        self.check(offset, to.len())?;
        // SAFETY: `check` has verified the bounds.
        unsafe { self.memory.copy_out(offset as usize, to) };
        Ok(())
    }

    #[inline]
    fn check(&self, offset: u32, len: usize) -> Result<(), MemoryError> {
        let size = self.memory.len();
        if len <= size as usize && offset as usize <= size as usize - len {
            Ok(())
        } else {
            Err(MemoryError::OutOfBounds { offset, len: u32::try_from(len).unwrap_or(u32::MAX), size })
        }
    }
}
