// SPDX-License-Identifier: Apache-2.0
//! The flat device: ivshmem at fixed addresses, for machines without PCI.
//!
//! QEMU's `ivshmem-flat` (since 10.0) has a register block, the shared memory, and one interrupt line. The device
//! pulses the line, so the line must be connected to an edge-triggered input, such as an NVIC input. The device cannot
//! be discovered: the user chooses the addresses, the interrupt line and the memory size. QEMU does not start if the
//! size differs from the size of the server's memory object.
//!
//! Defects in QEMU's model (10.0 to 11.1), and their consequences for every machine that has a flat peer:
//!
//! | defect | consequence |
//! |---|---|
//! | an event on a vector other than 0 is never delivered and never cleared, and QEMU spins | all machines use one vector: [`VECTORS`] |
//! | ringing vector 64 or above reads past an array in QEMU | [`Device`] rejects the vector before it writes the register |
//! | a doorbell is lost if the interrupt is not enabled yet | enable the interrupt, then check the memory once, then sleep |
//! | peers are not notified when the machine resets | peers signal through the shared memory that they are alive |
//! | QEMU fails an assertion if a peer id is reused while an older client is connected | the server never reuses a peer id |

use safe_mmio::UniqueMmioPointer;

use super::{Device, DeviceError, Registers};

/// The number of vectors of a flat device, and therefore of each of its peers.
pub const VECTORS: u16 = 1;

/// The addresses and the interrupt of a flat device. The values come from the port or from the devicetree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Address of the [`Registers`], 4-byte aligned.
    pub registers: usize,
    /// Address of the shared memory, 8-byte aligned. On a Cortex-M, prefer addresses from 0x6000_0000 to 0x9fff_ffff,
    /// which the default memory map defines as Normal memory. The neighbouring regions are Device memory, where
    /// unaligned accesses fault and code cannot be executed; see
    /// [`Region::new_device`](crate::mem::Region::new_device).
    pub memory: usize,
    /// Size of the shared memory in bytes. It must equal the size of the server's memory object.
    pub size: u32,
    /// Number of the interrupt controller input that the device pulses.
    pub interrupt: u16,
}

/// Makes the flat device from its `registers`.
///
/// # Errors
/// Returns an error under the same conditions as [`Device::new`].
pub fn device(registers: UniqueMmioPointer<'_, Registers>) -> Result<Device<'_>, DeviceError> {
    Device::new(registers, VECTORS)
}
