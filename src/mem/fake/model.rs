// SPDX-License-Identifier: Apache-2.0
//! Memory made of loom atomics and cells. loom runs a test with every ordering of accesses that the language allows,
//! and reports payload that can be read and written at the same time.

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicU16, AtomicU32, Ordering, fence};
use std::sync::Arc;
use std::vec;
use std::vec::Vec;

use crate::mem::{Load, SharedMemory, Source, Store, WordAccess};

/// Stores each byte of a part as a cell, and each half word and word as an atomic. Bytes, half words and words have
/// separate storage, because the code under test never accesses an address with two widths.
struct Cells {
    /// The offset of the part in the memory.
    start: u32,
    bytes: Vec<UnsafeCell<u8>>,
    halves: Vec<AtomicU16>,
    words: Vec<AtomicU32>,
}

/// An ordering weaker than the code requests. A test must detect the difference.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weakening {
    /// Loads at this offset are relaxed.
    LoadsAt(u32),
    /// Stores at this offset are relaxed.
    StoresAt(u32),
    /// Full barriers are omitted.
    Fences,
}

/// A memory for loom models. Clones refer to the same memory.
#[derive(Clone)]
pub struct Model {
    parts: Arc<Vec<Cells>>,
    start: u32,
    len: u32,
    weakening: Option<Weakening>,
}

impl Model {
    /// Makes a memory of `len` zeroed bytes. Keep it small, because loom tracks each byte.
    #[must_use]
    pub fn new(len: u32) -> Self {
        Self::sparse(len, &[(0, len)])
    }

    /// Makes a memory of `len` bytes of which only `parts` exist. Each part is an offset, which is a multiple of 4, and
    /// a length. Outside the parts, loads return 0, and stores and copies fail the test.
    #[must_use]
    pub fn sparse(len: u32, parts: &[(u32, u32)]) -> Self {
        let cells = |&(start, len): &(u32, u32)| Cells {
            start,
            bytes: (0..len).map(|_| UnsafeCell::new(0)).collect(),
            halves: (0..len / 2).map(|_| AtomicU16::new(0)).collect(),
            words: (0..len / 4).map(|_| AtomicU32::new(0)).collect(),
        };
        Self { parts: Arc::new(parts.iter().map(cells).collect()), start: 0, len, weakening: None }
    }

    /// Returns the same memory with the orderings of one side weakened.
    #[must_use]
    pub fn weakened(&self, weakening: Option<Weakening>) -> Self {
        Self { weakening, ..self.clone() }
    }

    fn load(&self, offset: usize, order: Load) -> Ordering {
        let weak = self.weakening == Some(Weakening::LoadsAt(self.place(offset)));
        if weak { Ordering::Relaxed } else { order.ordering() }
    }

    fn store(&self, offset: usize, order: Store) -> Ordering {
        let weak = self.weakening == Some(Weakening::StoresAt(self.place(offset)));
        if weak { Ordering::Relaxed } else { order.ordering() }
    }

    fn place(&self, offset: usize) -> u32 {
        // CAST: the offset is in bounds, and no model has 2³² bytes.
        self.start + offset as u32
    }

    /// Returns the part that contains `offset`, and the offset within that part.
    fn find(&self, offset: usize) -> Option<(&Cells, usize)> {
        let place = self.place(offset);
        let within = |cells: &&Cells| (place.wrapping_sub(cells.start) as usize) < cells.bytes.len();
        self.parts.iter().find(within).map(|cells| (cells, (place - cells.start) as usize))
    }

    fn at(&self, offset: usize) -> (&Cells, usize) {
        self.find(offset).unwrap_or_else(|| panic!("nothing is at {:#x}", self.place(offset)))
    }
}

impl core::fmt::Debug for Model {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "Model {{ start: {:#x}, len: {:#x} }}", self.start, self.len)
    }
}

// SAFETY: every access goes to loom's own cells, through checked indices.
unsafe impl WordAccess for Model {
    unsafe fn load_u16(&self, offset: usize, order: Load) -> u16 {
        let load = |(cells, at): (&Cells, usize)| cells.halves[at / 2].load(self.load(offset, order));
        self.find(offset).map_or(0, load)
    }

    unsafe fn store_u16(&self, offset: usize, value: u16, order: Store) {
        let (cells, at) = self.at(offset);
        cells.halves[at / 2].store(value, self.store(offset, order));
    }

    unsafe fn load_u32(&self, offset: usize, order: Load) -> u32 {
        let load = |(cells, at): (&Cells, usize)| cells.words[at / 4].load(self.load(offset, order));
        self.find(offset).map_or(0, load)
    }

    unsafe fn store_u32(&self, offset: usize, value: u32, order: Store) {
        let (cells, at) = self.at(offset);
        cells.words[at / 4].store(value, self.store(offset, order));
    }

    fn fence(&self) {
        if self.weakening != Some(Weakening::Fences) {
            fence(Ordering::SeqCst);
        }
    }
}

// SAFETY: same as for `WordAccess`.
unsafe impl SharedMemory for Model {
    type Words = Self;

    fn words(&self) -> Self {
        self.clone()
    }

    fn len(&self) -> u32 {
        self.len
    }

    fn part(&self, offset: u32, len: u32) -> Option<Self> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len => Some(Self { start: self.start + offset, len, ..self.clone() }),
            _ => None,
        }
    }

    fn is_aligned_to(&self, align: u32) -> bool {
        self.start.is_multiple_of(align)
    }

    unsafe fn copy_in(&self, offset: usize, from: Source<'_>) {
        if from.is_empty() {
            return;
        }
        let mut bytes = vec![0; from.len()];
        assert!(from.read(&mut bytes));
        let (cells, at) = self.at(offset);
        for (cell, byte) in cells.bytes[at..].iter().zip(bytes) {
            // SAFETY: loom fails the test if another access is possible at the same time.
            cell.with_mut(|place| unsafe { *place = byte });
        }
    }

    unsafe fn copy_out(&self, offset: usize, to: &mut [u8]) {
        if to.is_empty() {
            return;
        }
        let (cells, at) = self.at(offset);
        for (cell, byte) in cells.bytes[at..].iter().zip(to) {
            // SAFETY: same as in `copy_in`.
            *byte = cell.with(|place| unsafe { *place });
        }
    }
}
