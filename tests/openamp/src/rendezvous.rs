// SPDX-License-Identifier: Apache-2.0
//! Additional words that the test keeps in a region that no layout uses. Each side publishes its peer id, which changes
//! on a restart, and the number of layouts that it has finished. The C side also publishes the address that it uses for
//! the memory. The C side is implemented in `tests/zephyr/openamp/src/transport.c`. This file does not depend on any
//! link.

use amp_ivshmem::mem::{Load, MemoryError, Record, SharedMemory, Store};
use amp_ivshmem::platform::{self, PeerId, Vector, VectorOutOfRange};

/// Offset of the C side's words:
///
/// * its peer id plus one
/// * the address that its descriptors use for the first byte of the memory, as low and high half
/// * the number of layouts that it has begun (the address is valid for the last of these layouts)
/// * the number of layouts that it has finished
const C_WORDS: u32 = 0x8_0000;
/// Offset of this side's words: its peer id plus one, and the number of layouts that it has finished.
const OWN_WORDS: u32 = 0x8_0020;

/// A doorbell that rings the C side, even after the C side has restarted with a new peer id.
#[derive(Clone, Debug)]
pub struct Doorbell<M: SharedMemory, D> {
    ours: Record<M, 8>,
    theirs: Record<M, 20>,
    bell: D,
}

impl<M: SharedMemory, D: platform::Doorbell> Doorbell<M, D> {
    /// Creates a doorbell from `bell`, and publishes this side's peer id `own`.
    ///
    /// # Errors
    /// Returns an error if the memory is too small.
    pub fn new(memory: &M, bell: D, own: PeerId) -> Result<Self, MemoryError> {
        let ours: Record<M, 8> = Record::new(memory, OWN_WORDS)?;
        ours.store::<0>(u32::from(own.0) + 1, Store::Release);
        Ok(Self { ours, theirs: Record::new(memory, C_WORDS)?, bell })
    }

    /// Returns the address that the C side uses for the memory in layout `number`, or `None` if the C side has not
    /// published the address yet.
    #[must_use]
    pub fn address(&self, number: u32) -> Option<u64> {
        (self.theirs.load::<12>(Load::Acquire) > number).then(|| {
            u64::from(self.theirs.load::<8>(Load::Relaxed)) << 32 | u64::from(self.theirs.load::<4>(Load::Relaxed))
        })
    }

    /// Reports that this side has finished layout `number`.
    pub fn through(&self, number: u32) {
        self.ours.store::<4>(number + 1, Store::Release);
    }

    /// Returns true if the C side has finished layout `number`.
    #[must_use]
    pub fn is_through(&self, number: u32) -> bool {
        self.theirs.load::<16>(Load::Acquire) > number
    }
}

impl<M: SharedMemory, D: platform::Doorbell> platform::Doorbell for Doorbell<M, D> {
    fn ring(&self, peer: PeerId, vector: Vector) -> Result<(), VectorOutOfRange> {
        let number = self.theirs.load::<0>(Load::Acquire).checked_sub(1).and_then(|id| u16::try_from(id).ok());
        self.bell.ring(number.map_or(peer, PeerId), vector)
    }
}
