//! A target's bytes, consumed from the front; where they have run out, nothing more happens.

use std::cell::{Cell, RefCell};

/// The bytes, in a buffer that is used again for each run.
#[derive(Debug, Default)]
pub struct Input {
    bytes: RefCell<Vec<u8>>,
    at: Cell<usize>,
}

impl Input {
    /// Begins with `data`.
    pub fn set(&self, data: &[u8]) {
        let mut bytes = self.bytes.borrow_mut();
        bytes.clear();
        bytes.extend_from_slice(data);
        self.at.set(0);
    }

    /// The next byte.
    pub fn byte(&self) -> Option<u8> {
        let byte = self.bytes.borrow().get(self.at.get()).copied();
        self.at.set(self.at.get() + 1);
        byte
    }

    /// The next two bytes.
    pub fn half(&self) -> Option<u16> {
        Some(u16::from_le_bytes([self.byte()?, self.byte()?]))
    }

    /// The next four bytes.
    pub fn word(&self) -> Option<u32> {
        Some(u32::from_le_bytes([self.byte()?, self.byte()?, self.byte()?, self.byte()?]))
    }
}
