// SPDX-License-Identifier: Apache-2.0
//! An ivshmem device with mapped registers: this machine's peer id, and the doorbell.

use core::cell::Cell;
use core::fmt;
use core::sync::atomic::{Ordering, fence};

use safe_mmio::{UniqueMmioPointer, field, field_shared};

use super::registers::Registers;
use crate::platform::{Doorbell, PeerId, Vector, VectorOutOfRange};

/// An error returned by [`Device::new`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DeviceError {
    /// IVPOSITION is not a valid peer id.
    #[error(
        "ivshmem's IVPOSITION is {ivposition:#x}, which is not a peer id: no server has greeted it; start the server \
         first"
    )]
    NoId {
        /// The value of IVPOSITION.
        ivposition: u32,
    },
}

/// An ivshmem device. `&Device` implements [`Doorbell`], so a shared reference is enough to ring a peer.
///
/// A device is not `Sync`. A port in which several threads ring doorbells puts the device behind a lock.
pub struct Device<'r> {
    id: PeerId,
    vectors: u16,
    // `ring` takes the pointer out of the cell for each store, because safe-mmio writes only through an exclusive
    // pointer.
    registers: Cell<Option<UniqueMmioPointer<'r, Registers>>>,
}

impl<'r> Device<'r> {
    /// The maximum number of vectors per device. QEMU decodes only the low 8 bits of the vector in DOORBELL.
    pub const MAX_VECTORS: u16 = 256;

    /// Makes a device from its `registers`. `vectors` is the number of vectors at each peer: the size of the MSI-X
    /// table on PCI, 1 on a flat device. The device does not report how many vectors a peer has, but a server gives all
    /// peers the same number. Values above [`MAX_VECTORS`](Self::MAX_VECTORS) are clamped to it.
    ///
    /// # Errors
    /// Returns [`DeviceError::NoId`] if IVPOSITION is above 65535, for example because the device is not connected to a
    /// server yet.
    pub fn new(registers: UniqueMmioPointer<'r, Registers>, vectors: u16) -> Result<Self, DeviceError> {
        let ivposition = u32::from_le(field_shared!(registers, ivposition).read());
        let Ok(id) = u16::try_from(ivposition) else {
            return Err(DeviceError::NoId { ivposition });
        };
        Ok(Self { id: PeerId(id), vectors: vectors.min(Self::MAX_VECTORS), registers: Cell::new(Some(registers)) })
    }

    /// Returns this machine's peer id. The server assigns a new id for each connection.
    #[must_use]
    pub fn id(&self) -> PeerId {
        self.id
    }

    /// Returns the number of vectors that can be rung at each peer.
    #[must_use]
    pub fn vectors(&self) -> u16 {
        self.vectors
    }
}

impl Doorbell for Device<'_> {
    #[inline]
    fn ring(&self, peer: PeerId, vector: Vector) -> Result<(), VectorOutOfRange> {
        // Check the vector before writing the register: for a flat peer, QEMU spins on any vector above 0 and reads
        // past an array from vector 64 on.
        if vector.0 >= self.vectors {
            return Err(VectorOutOfRange { vector, vectors: self.vectors });
        }
        // Orders earlier stores to shared memory before the store to the register: `dmb ish` on AArch64, `dmb sy` on
        // Armv7-M, `mfence` on x86. The inner shareable domain is enough, because the cores on which a hypervisor
        // observes the register are in that domain. (A hardware mailbox would need the outer shareable domain, `dmb
        // oshst`.) `dsb` would wait longer, but would not order any more accesses. An observer that sees the register
        // store and raises the interrupt also sees all stores before the barrier.
        fence(Ordering::SeqCst);
        if let Some(mut registers) = self.registers.take() {
            field!(registers, doorbell).write(((u32::from(peer.0) << 16) | u32::from(vector.0)).to_le());
            self.registers.set(Some(registers));
        }
        Ok(())
    }
}

impl fmt::Debug for Device<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Device").field("id", &self.id).field("vectors", &self.vectors).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use safe_mmio::fields::{ReadPure, ReadPureWrite, ReadWrite, WriteOnly};

    use super::*;

    fn registers(ivposition: u32) -> Registers {
        Registers {
            intrmask: ReadPureWrite(0),
            intrstatus: ReadWrite(0),
            ivposition: ReadPure(ivposition.to_le()),
            doorbell: WriteOnly(0xdead_beef),
        }
    }

    #[test]
    fn rings_peer_in_the_high_half() {
        let mut registers = registers(7);
        let device = Device::new(UniqueMmioPointer::from(&mut registers), 4).unwrap();
        assert_eq!(device.id(), PeerId(7));
        assert_eq!(device.ring(PeerId(0xfffe), Vector(3)), Ok(()));
        assert_eq!(device.ring(PeerId(0x1234), Vector(2)), Ok(()));
        assert_eq!(u32::from_le(registers.doorbell.0), 0x1234_0002);
    }

    #[test]
    fn refuses_a_vector_before_touching_the_register() {
        for (vectors, vector) in [(0, 0), (1, 1), (1, 64), (1, u16::MAX), (256, 256), (u16::MAX, 256)] {
            let mut registers = registers(0);
            let device = Device::new(UniqueMmioPointer::from(&mut registers), vectors).unwrap();
            let refused = VectorOutOfRange { vector: Vector(vector), vectors: vectors.min(256) };
            assert_eq!(device.ring(PeerId(1), Vector(vector)), Err(refused));
            assert_eq!(registers.doorbell.0, 0xdead_beef);
        }
    }

    #[test]
    fn a_device_without_a_server_is_none() {
        for ivposition in [u32::MAX, 0x1_0000] {
            let mut registers = registers(ivposition);
            let error = Device::new(UniqueMmioPointer::from(&mut registers), 1).unwrap_err();
            assert_eq!(error, DeviceError::NoId { ivposition });
        }
        assert_eq!(Device::new(UniqueMmioPointer::from(&mut registers(0xffff)), 1).unwrap().id(), PeerId(0xffff));
    }
}
