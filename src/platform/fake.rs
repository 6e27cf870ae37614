// SPDX-License-Identifier: Apache-2.0
//! Doorbells for tests with the [fake memory](crate::mem::fake). Requires the feature `fakes`.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use super::{Doorbell, PeerId, Vector, VectorOutOfRange};

/// A doorbell that does nothing, for tests in which each side polls.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoDoorbell;

impl Doorbell for NoDoorbell {
    fn ring(&self, _: PeerId, _: Vector) -> Result<(), VectorOutOfRange> {
        Ok(())
    }
}

/// A doorbell that counts the rings for each peer from 0 to `PEERS` − 1. Clones share the same counters, so all sides
/// of a test can use one doorbell.
///
/// Only vector 0 exists. Rings for other peers are lost, as they are for absent peers.
#[derive(Clone, Debug)]
pub struct CountingDoorbell<const PEERS: usize = 2> {
    rings: Arc<[AtomicU32; PEERS]>,
}

impl<const PEERS: usize> CountingDoorbell<PEERS> {
    /// Returns true if `peer` has been rung since the last [`take`](Self::take) for this peer.
    #[must_use]
    pub fn is_rung(&self, peer: PeerId) -> bool {
        self.rings.get(usize::from(peer.0)).is_some_and(|rings| rings.load(Ordering::Acquire) > 0)
    }

    /// Returns the number of rings for `peer` since the last call for this peer, and resets the count to 0.
    #[must_use]
    pub fn take(&self, peer: PeerId) -> u32 {
        self.rings.get(usize::from(peer.0)).map_or(0, |rings| rings.swap(0, Ordering::Acquire))
    }

    /// Calls [`take`](Self::take) for every peer.
    pub fn take_all(&self) -> [u32; PEERS] {
        self.rings.each_ref().map(|rings| rings.swap(0, Ordering::Acquire))
    }
}

impl<const PEERS: usize> Default for CountingDoorbell<PEERS> {
    fn default() -> Self {
        Self { rings: Arc::new([const { AtomicU32::new(0) }; PEERS]) }
    }
}

impl<const PEERS: usize> Doorbell for CountingDoorbell<PEERS> {
    fn ring(&self, peer: PeerId, vector: Vector) -> Result<(), VectorOutOfRange> {
        if vector != Vector(0) {
            return Err(VectorOutOfRange { vector, vectors: 1 });
        }
        if let Some(rings) = self.rings.get(usize::from(peer.0)) {
            rings.fetch_add(1, Ordering::Release);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clones_count_together_each_peer_on_its_own() {
        let doorbell = CountingDoorbell::<2>::default();
        let other = doorbell.clone();
        for peer in [1, 1, 0, 2] {
            assert_eq!(other.ring(PeerId(peer), Vector(0)), Ok(()));
        }
        assert_eq!(other.ring(PeerId(1), Vector(1)), Err(VectorOutOfRange { vector: Vector(1), vectors: 1 }));
        assert!(doorbell.is_rung(PeerId(1)) && !doorbell.is_rung(PeerId(2)));
        assert_eq!((doorbell.take(PeerId(1)), doorbell.take(PeerId(2))), (2, 0));
        assert!(!doorbell.is_rung(PeerId(1)));
        assert_eq!((doorbell.take_all(), doorbell.take_all()), ([1, 0], [0, 0]));
    }
}
