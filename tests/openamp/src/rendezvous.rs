//! What each side of the test says of itself where none of the layouts has anything: its number on the server, which a
//! restart changes; how many layouts it is through with; and on the C side where it has the memory. The C side's form is in
//! `tests/zephyr/openamp/src/transport.c`. Knows nothing of the link.

use amp_ivshmem::mem::{Load, MemoryError, Record, SharedMemory, Store};
use amp_ivshmem::platform::{self, PeerId, Vector, VectorOutOfRange};

/// The C side's words: its number plus one; the address that its descriptors have for the memory's first byte, low and high
/// half; how many layouts it has begun, for the last of which the address is; how many it is through with.
const C_WORDS: u32 = 0x8_0000;
/// This side's: its number plus one; how many layouts it is through with.
const OWN_WORDS: u32 = 0x8_0020;

/// Rings whoever is the C side now.
#[derive(Clone, Debug)]
pub struct Doorbell<M: SharedMemory, D> {
    ours: Record<M, 8>,
    theirs: Record<M, 20>,
    bell: D,
}

impl<M: SharedMemory, D: platform::Doorbell> Doorbell<M, D> {
    /// A doorbell through `bell`; says that this side is `own`.
    ///
    /// # Errors
    /// A memory that is too small.
    pub fn new(memory: &M, bell: D, own: PeerId) -> Result<Self, MemoryError> {
        let ours: Record<M, 8> = Record::new(memory, OWN_WORDS)?;
        ours.store::<0>(u32::from(own.0) + 1, Store::Release);
        Ok(Self { ours, theirs: Record::new(memory, C_WORDS)?, bell })
    }

    /// Where the C side has the memory in layout `number`, once it has said so.
    #[must_use]
    pub fn address(&self, number: u32) -> Option<u64> {
        (self.theirs.load::<12>(Load::Acquire) > number).then(|| {
            u64::from(self.theirs.load::<8>(Load::Relaxed)) << 32 | u64::from(self.theirs.load::<4>(Load::Relaxed))
        })
    }

    /// Says that this side is through with layout `number`.
    pub fn through(&self, number: u32) {
        self.ours.store::<4>(number + 1, Store::Release);
    }

    /// Whether the C side is through with layout `number`.
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
