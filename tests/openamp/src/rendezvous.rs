//! What each side of the test says of itself where `dual_qemu_ivshmem` leaves the memory unused: its number on the server,
//! which a restart changes, and on the C side where it has the memory. The C side's form is in
//! `tests/zephyr/openamp/src/transport.c`. Knows nothing of the link.

use amp_ivshmem::mem::{Load, MemoryError, Record, SharedMemory, Store};
use amp_ivshmem::platform::{self, PeerId, Vector, VectorOutOfRange};

/// The C side's words: its number plus one, its address' low and high half.
const C_WORDS: u32 = 0x8000;
/// This side's: its number plus one.
const OWN_WORDS: u32 = 0x8010;

/// Rings whoever is the C side now.
#[derive(Clone, Debug)]
pub struct Doorbell<M, D> {
    theirs: Record<M, 12>,
    bell: D,
}

impl<M: SharedMemory, D: platform::Doorbell> Doorbell<M, D> {
    /// A doorbell through `bell`; says that this side is `own`.
    ///
    /// # Errors
    /// A memory that is too small.
    pub fn new(memory: &M, bell: D, own: PeerId) -> Result<Self, MemoryError> {
        let ours: Record<M, 4> = Record::new(memory, OWN_WORDS)?;
        ours.store::<0>(u32::from(own.0) + 1, Store::Release);
        Ok(Self { theirs: Record::new(memory, C_WORDS)?, bell })
    }

    /// Where the C side has the memory, once it has said so.
    #[must_use]
    pub fn address(&self) -> Option<u64> {
        (self.theirs.load::<0>(Load::Acquire) != 0).then(|| {
            u64::from(self.theirs.load::<8>(Load::Relaxed)) << 32 | u64::from(self.theirs.load::<4>(Load::Relaxed))
        })
    }
}

impl<M: SharedMemory, D: platform::Doorbell> platform::Doorbell for Doorbell<M, D> {
    fn ring(&self, peer: PeerId, vector: Vector) -> Result<(), VectorOutOfRange> {
        let number = self.theirs.load::<0>(Load::Acquire).checked_sub(1).and_then(|id| u16::try_from(id).ok());
        self.bell.ring(number.map_or(peer, PeerId), vector)
    }
}
