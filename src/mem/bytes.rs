//! A run of shared bytes to copy into and out of: payload, with a few words before it. Each access is checked.

use super::{Load, MemoryError, SharedMemory, Store};

/// Shared bytes that are copied, and words among them. Begins at a multiple of 4.
#[derive(Clone, Debug)]
pub struct Bytes<M> {
    memory: M,
}

impl<M: SharedMemory> Bytes<M> {
    /// The `len` bytes at `offset` of `memory`.
    ///
    /// # Errors
    /// [`MemoryError::OutOfBounds`] where they are not all inside, [`MemoryError::Misaligned`] where they do not begin at a
    /// multiple of 4.
    pub fn new(memory: &M, offset: u32, len: u32) -> Result<Self, MemoryError> {
        let part = memory.part(offset, len).ok_or(MemoryError::OutOfBounds { offset, len, size: memory.len() })?;
        if part.is_aligned_to(4) {
            Ok(Self { memory: part })
        } else {
            Err(MemoryError::Misaligned { offset, align: 4 })
        }
    }

    /// As [`new`](Self::new), without the cause where it cannot be.
    #[inline(always)]
    pub(crate) fn at(memory: &M, offset: u32, len: u32) -> Option<Self> {
        Some(Self { memory: memory.part(offset, len).filter(|part| part.is_aligned_to(4))? })
    }

    /// How many bytes there are.
    #[must_use]
    pub fn len(&self) -> u32 {
        self.memory.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.memory.len() == 0
    }

    /// Loads the `W` 32-bit words at `offset`, in any order; `None` where they are not all inside, or `offset` is no multiple
    /// of 4. Values are little-endian there and native outside.
    #[inline(always)]
    pub fn load_words<const W: usize>(&self, offset: u32) -> Option<[u32; W]> {
        self.has_words::<W>(offset).then(|| {
            let mut words = [0; W];
            for (at, word) in (offset..).step_by(4).zip(&mut words) {
                // SAFETY: just checked; these bytes begin at a multiple of 4.
                *word = u32::from_le(unsafe { self.memory.load_u32(at, Load::Relaxed) });
            }
            words
        })
    }

    /// Stores `words` at `offset`, in any order; does nothing where they are not all inside, or `offset` is no multiple of
    /// 4. For words that are [loaded](Self::load_words), never copied.
    #[inline(always)]
    pub fn store_words<const W: usize>(&self, offset: u32, words: [u32; W]) {
        if self.has_words::<W>(offset) {
            for (at, word) in (offset..).step_by(4).zip(words) {
                // SAFETY: as in `load_words`.
                unsafe { self.memory.store_u32(at, word.to_le(), Store::Relaxed) };
            }
        }
    }

    #[inline(always)]
    fn has_words<const W: usize>(&self, offset: u32) -> bool {
        let (len, size) = (const { W as u32 * 4 }, self.memory.len());
        offset.is_multiple_of(4) && size >= len && offset <= size - len
    }

    /// Copies `from` to `offset`.
    ///
    /// # Errors
    /// [`MemoryError::OutOfBounds`] where it does not fit; nothing was written.
    #[inline]
    pub fn write(&self, offset: u32, from: &[u8]) -> Result<(), MemoryError> {
        self.check(offset, from.len())?;
        // SAFETY: just checked.
        unsafe { self.memory.copy_in(offset, from) };
        Ok(())
    }

    /// Fills `to` from `offset`.
    ///
    /// # Errors
    /// [`MemoryError::OutOfBounds`] where there is not as much; `to` is as it was.
    #[inline]
    pub fn read(&self, offset: u32, to: &mut [u8]) -> Result<(), MemoryError> {
        self.check(offset, to.len())?;
        // SAFETY: just checked.
        unsafe { self.memory.copy_out(offset, to) };
        Ok(())
    }

    #[inline]
    fn check(&self, offset: u32, len: usize) -> Result<(), MemoryError> {
        let size = self.memory.len();
        if len <= size as usize && offset as usize <= size as usize - len {
            Ok(())
        } else {
            let len = u32::try_from(len).unwrap_or(u32::MAX);
            Err(MemoryError::OutOfBounds { offset, len, size })
        }
    }
}
