// SPDX-License-Identifier: Apache-2.0
//! The input bytes of a target, consumed from front to back. At the end of the input, the run stops.

use std::cell::{Cell, RefCell};

/// The input bytes, in a buffer that is reused across runs.
#[derive(Debug, Default)]
pub struct Input {
    bytes: RefCell<Vec<u8>>,
    at: Cell<usize>,
}

impl Input {
    /// Starts a run with `data`.
    pub fn set(&self, data: &[u8]) {
        let mut bytes = self.bytes.borrow_mut();
        bytes.clear();
        bytes.extend_from_slice(data);
        self.at.set(0);
    }

    /// Returns the next byte.
    pub fn byte(&self) -> Option<u8> {
        let byte = self.bytes.borrow().get(self.at.get()).copied();
        self.at.set(self.at.get() + 1);
        byte
    }

    /// Returns the next two bytes.
    pub fn half(&self) -> Option<u16> {
        Some(u16::from_le_bytes([self.byte()?, self.byte()?]))
    }

    /// Returns the next four bytes.
    pub fn word(&self) -> Option<u32> {
        Some(u32::from_le_bytes([self.byte()?, self.byte()?, self.byte()?, self.byte()?]))
    }
}
