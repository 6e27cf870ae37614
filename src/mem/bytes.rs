// SPDX-License-Identifier: Apache-2.0
//! A range of shared bytes for payload, with checked copies into and out of it.

use super::{MemoryError, SharedMemory};

/// Shared bytes that are only ever copied.
#[derive(Clone, Debug)]
pub struct Bytes<M> {
    memory: M,
}

impl<M: SharedMemory> Bytes<M> {
    /// Makes a range from the `len` bytes at `offset` in `memory`.
    ///
    /// # Errors
    /// Returns [`MemoryError::OutOfBounds`] if the bytes are not all inside.
    pub fn new(memory: &M, offset: u32, len: u32) -> Result<Self, MemoryError> {
        let out = MemoryError::OutOfBounds { offset, len, size: memory.len() };
        Ok(Self { memory: memory.part(offset, len).ok_or(out)? })
    }

    /// Returns the number of bytes.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.memory.len()
    }

    /// Returns true if there are no bytes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.memory.len() == 0
    }

    /// Copies `from` to `offset`.
    ///
    /// # Errors
    /// Returns [`MemoryError::OutOfBounds`] if `from` does not fit. Nothing was written then.
    #[inline]
    pub fn write(&self, offset: u32, from: &[u8]) -> Result<(), MemoryError> {
        self.check(offset, from.len())?;
        // SAFETY: just checked.
        unsafe { self.memory.copy_in(offset as usize, from.into()) };
        Ok(())
    }

    /// Fills `to` from `offset`.
    ///
    /// # Errors
    /// Returns [`MemoryError::OutOfBounds`] if the range ends too early. `to` is unchanged then.
    #[inline]
    pub fn read(&self, offset: u32, to: &mut [u8]) -> Result<(), MemoryError> {
        self.check(offset, to.len())?;
        // SAFETY: just checked.
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
