// SPDX-License-Identifier: Apache-2.0
//! The source of a copy to shared memory: the caller's own bytes, or bytes that another program may change during the
//! copy.

use core::fmt;
use core::marker::PhantomData;

/// Bytes to copy from. There is no Rust reference to them, so they may be in memory that another machine writes.
///
/// A slice converts into a source. A port can also make a source from a raw pointer that its operating system supplies.
/// An application can then send a reply directly from the buffer of a received message.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    start: *const u8,
    len: usize,
    bytes: PhantomData<&'a [u8]>,
}

impl Source<'_> {
    /// Makes a source from the `len` bytes at `start`.
    ///
    /// # Safety
    /// For the whole lifetime `'a`, the bytes must stay mapped and readable, in memory without side effects that allows
    /// unaligned loads. If others write the bytes during the copy, the result is a mix of old and new bytes.
    #[must_use]
    #[inline(always)]
    pub const unsafe fn new(start: *const u8, len: usize) -> Self {
        Self { start, len, bytes: PhantomData }
    }

    /// Returns the address of the first byte.
    #[must_use]
    #[inline(always)]
    pub const fn start(&self) -> *const u8 {
        self.start
    }

    /// Returns the length in bytes.
    #[must_use]
    #[inline(always)]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Returns true if the length is 0.
    #[must_use]
    #[inline(always)]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Copies the bytes to the start of `to`. Returns false and copies nothing if `to` is too short.
    #[must_use]
    pub fn read(&self, to: &mut [u8]) -> bool {
        let fits = self.len <= to.len();
        if fits {
            // SAFETY: the source is readable by the contract of `new`; `to` is private and long enough.
            unsafe { super::copy::aligned::copy_out(self.start, to.as_mut_ptr(), self.len) };
        }
        fits
    }
}

impl<'a> From<&'a [u8]> for Source<'a> {
    #[inline(always)]
    fn from(bytes: &'a [u8]) -> Self {
        Self { start: bytes.as_ptr(), len: bytes.len(), bytes: PhantomData }
    }
}

impl<'a, const N: usize> From<&'a [u8; N]> for Source<'a> {
    #[inline(always)]
    fn from(bytes: &'a [u8; N]) -> Self {
        bytes.as_slice().into()
    }
}

impl fmt::Debug for Source<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Source({} bytes at {:p})", self.len, self.start)
    }
}

#[cfg(test)]
mod tests {
    use super::Source;

    #[test]
    fn a_source_is_read_whole_or_not_at_all() {
        let (source, mut to) = (Source::from(b"abc"), [0; 4]);
        assert!(source.len() == 3 && !source.is_empty() && Source::from(&[]).is_empty());
        assert!(!source.read(&mut to[..2]) && to == [0; 4]);
        assert!(source.read(&mut to) && to == *b"abc\0");
    }
}
