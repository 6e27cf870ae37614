// SPDX-License-Identifier: Apache-2.0
//! The flat device: ivshmem at fixed addresses, for machines without PCI.
//!
//! QEMU's `ivshmem-flat` (since 10.0) has a register block, the shared memory, and one interrupt line. The device pulses the
//! line, so it must reach an input that latches edges, as the NVIC's do. The device cannot be discovered: its user chooses
//! the addresses, the line and the memory's size. QEMU does not start unless the size is that of the server's object.
//!
//! Defects of QEMU's model (10.0 to 11.1), and the consequences for all machines that have a flat peer:
//!
//! | defect | consequence |
//! |---|---|
//! | an event on a vector other than 0 is never delivered and never cleared, and QEMU spins | one vector, everywhere: [`VECTORS`] |
//! | ringing vector 64 or more reads past an array in QEMU | [`Device`] refuses it before it touches the register |
//! | a doorbell before the interrupt is enabled is lost | enable it first, then look at the memory once, then sleep |
//! | the machine's reset is not told to its peers | peers tell each other through the shared memory that they live |
//! | a number that returns while an older client lives breaks an assertion | the server never gives one again |

use safe_mmio::UniqueMmioPointer;

use super::{Device, DeviceError, Registers};

/// The number of vectors of a flat device, and therefore of all its peers.
pub const VECTORS: u16 = 1;

/// The addresses and the interrupt of a machine's flat device, from its port or its devicetree.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Address of the [`Registers`], a multiple of 4.
    pub registers: usize,
    /// Address of the shared memory, a multiple of 8. On a Cortex-M, addresses from 0x6000_0000 to 0x9fff_ffff are
    /// best: the default map has Normal memory there. Below and above is Device memory, where unaligned accesses fault
    /// and nothing can be executed; see [`Region::new_device`](crate::mem::Region::new_device).
    pub memory: usize,
    /// Bytes of shared memory: the size of the server's object.
    pub size: u32,
    /// Number of the interrupt controller's input that the device pulses.
    pub interrupt: u16,
}

/// Makes the flat device from its `registers`.
///
/// # Errors
/// Returns the same errors as [`Device::new`].
pub fn device(registers: UniqueMmioPointer<'_, Registers>) -> Result<Device<'_>, DeviceError> {
    Device::new(registers, VECTORS)
}
