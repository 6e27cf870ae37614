// SPDX-License-Identifier: Apache-2.0
//! Checked access to single fields of the memory. A field that cannot be read is reported as a finding.

use core::fmt;

use super::{Field, Finding, Problem};
use crate::mem::ReadMemory;

/// A reference to the memory, shared by all views in this module.
#[derive(Clone, Copy)]
pub(super) struct View<'m>(pub &'m dyn ReadMemory);

impl fmt::Debug for View<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a memory of {} bytes", self.size())
    }
}

impl View<'_> {
    pub fn size(self) -> u32 {
        self.0.size()
    }

    pub fn word(self, field: Field, at: u32) -> Result<u32, Finding> {
        self.0.word(at).ok_or_else(|| self.unreadable(field, at))
    }

    pub fn half(self, field: Field, at: u32) -> Result<u16, Finding> {
        self.0.half(at).ok_or_else(|| self.unreadable(field, at))
    }

    /// Returns the finding for a field that is out of bounds or misaligned.
    pub fn unreadable(self, field: Field, at: u32) -> Finding {
        Finding { field, at, problem: Problem::Unreadable { size: self.size() } }
    }
}

/// Returns the offset `by` bytes after `at`. The sum saturates at `u32::MAX`, which is never in bounds.
pub(super) const fn behind(at: u32, by: u32) -> u32 {
    at.saturating_add(by)
}

/// Returns `found` if it is a valid number of descriptors, which must be a power of two.
pub(super) fn count_of(field: Field, at: u32, found: u32) -> Result<u16, Finding> {
    match u16::try_from(found) {
        Ok(count) if count.is_power_of_two() => Ok(count),
        _ => Err(Finding { field, at, problem: Problem::NotPowerOfTwo { found } }),
    }
}
