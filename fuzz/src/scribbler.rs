// SPDX-License-Identifier: Apache-2.0
//! A peer that writes random values at any time, between any two accesses of the side under test.

use std::cell::Cell;
use std::fmt;

use amp_ivshmem::mem::fake::{Hook, Hooked};
use amp_ivshmem::mem::{Bytes, Region};

use crate::input::Input;
use crate::memory;

/// Offsets at which writes are likely to cause trouble: `at + slot * stride`, for each slot less than `slots`.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    pub at: u32,
    pub stride: u32,
    pub slots: u8,
}

/// The hostile peer. It also counts the accesses of the side under test.
pub struct Scribbler {
    pub input: Input,
    targets: Cell<&'static [Target]>,
    /// Number of accesses until the next write, or `None` at the end of the input.
    gap: Cell<Option<u8>>,
    accesses: Cell<u32>,
    memory: Bytes<Region<'static>>,
}

impl fmt::Debug for Scribbler {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Scribbler {{ accesses: {} }}", self.accesses.get())
    }
}

impl Scribbler {
    /// Returns the scribbler of the current thread, restarted with `data`.
    pub fn start(data: &[u8], targets: &'static [Target]) -> &'static Self {
        thread_local! {
            static SCRIBBLER: &'static Scribbler = Box::leak(Box::new(Scribbler {
                input: Input::default(),
                targets: Cell::new(&[]),
                gap: Cell::new(None),
                accesses: Cell::new(0),
                memory: memory::bytes(),
            }));
        }
        let scribbler = SCRIBBLER.with(|scribbler| *scribbler);
        scribbler.input.set(data);
        scribbler.targets.set(targets);
        scribbler.gap.set(None);
        scribbler.accesses.set(0);
        scribbler
    }

    /// Enables writes by the peer.
    pub fn arm(&self) {
        self.gap.set(self.input.byte());
    }

    /// Returns the memory as the side under test sees it.
    pub fn view(&'static self) -> Hooked<'static, Self> {
        Hooked::new(memory::heap().region(), self)
    }

    /// Checks that there were at most `most` accesses since the last call.
    pub fn bounded(&self, most: u32) {
        let accesses = self.accesses.replace(0);
        assert!(accesses <= most, "{accesses} accesses, {most} are the most");
    }

    /// Writes once, at a target or anywhere. The value is a small number, an address near the limits of the valid
    /// range, a power of two plus or minus one, or arbitrary.
    fn scribble(&self) -> Option<()> {
        let (place, kind) = (self.input.byte()?, self.input.byte()?);
        let targets = self.targets.get();
        let offset = match targets.get(usize::from(place) % (targets.len() + 1)) {
            Some(target) => target.at + u32::from(self.input.byte()? % target.slots) * target.stride,
            None => u32::from(self.input.half()?) % (memory::LEN - 4),
        };
        let value = match kind >> 6 {
            0 => match u32::from(kind & 0x3f) {
                // The highest addresses, including the one that means "no address", and the first dynamic address.
                small @ 0x3c..=0x3f => small.wrapping_sub(0x40),
                small @ 0x38..=0x3b => small + 1023 - 0x38,
                small => small,
            },
            1 => (1_u32 << (kind & 0x1f)).wrapping_sub(u32::from(kind >> 5 & 1)),
            2 => u32::from(self.input.half()?),
            _ => self.input.word()?,
        };
        // Write two or four bytes, so that a write can leave the neighbours of a 16-bit field intact.
        let width = if place & 0x80 == 0 { 2 } else { 4 };
        let bytes = value.to_le_bytes();
        self.memory.write(offset, bytes.get(..width)?).ok()
    }
}

impl Hook for Scribbler {
    fn before(&self) -> bool {
        self.accesses.set(self.accesses.get() + 1);
        match self.gap.get() {
            None => {}
            Some(0) => {
                // Sometimes write several times in a row, so that an index and its entry can change together.
                let _ = self.scribble();
                self.gap.set(self.input.byte().map(|gap| if gap > 0xc0 { 0 } else { gap & 0x1f }));
            }
            Some(gap) => self.gap.set(Some(gap - 1)),
        }
        true
    }
}
