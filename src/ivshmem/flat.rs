//! The flat device: ivshmem at fixed addresses, for machines without PCI. Does not know the machine.
//!
//! QEMU's `ivshmem-flat` (since 10.0): the register block, the shared memory, and one interrupt line that is pulsed, so
//! it must reach an input that latches edges, as the NVIC's do. Nothing can be asked of the device: the addresses, the
//! line and the memory's size are what whoever wired it has chosen, and the size must be that of the server's object
//! exactly, or QEMU does not start.
//!
//! What QEMU's model gets wrong (10.0 to 11.1), and what follows for all machines that have a flat peer:
//!
//! | defect | what follows |
//! |---|---|
//! | an event on a vector other than 0 is never delivered and never cleared, and QEMU spins | one vector, everywhere: [`VECTORS`] |
//! | ringing vector 64 or more reads past an array in QEMU | [`Device`] refuses it before it touches the register |
//! | a doorbell before the interrupt is enabled is lost | enable it first, then look at the memory once, then sleep |
//! | the machine's reset is not told to its peers | life and death are in the shared memory, see [`link`](crate::link) |
//! | a number that returns while an older client lives breaks an assertion | the server never gives one again |

use safe_mmio::UniqueMmioPointer;

use super::{Device, DeviceError, Registers};

/// How many vectors a flat device, and so every peer of one, can have.
pub const VECTORS: u16 = 1;

/// Where a machine has its flat device: what a port or its devicetree states.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// Address of the [`Registers`], a multiple of 4.
    pub registers: usize,
    /// Address of the shared memory, a multiple of 8. On Armv7-M best at 0x6000_0000 or above, where the default map
    /// has Normal memory: below it is Device memory, where unaligned access faults and nothing can be executed.
    pub memory: usize,
    /// Bytes of shared memory: those of the server's object.
    pub size: u32,
    /// Number of the interrupt controller's input that the device pulses.
    pub interrupt: u16,
}

/// The flat device behind `registers`.
///
/// # Errors
/// As [`Device::new`].
pub fn device(registers: UniqueMmioPointer<'_, Registers>) -> Result<Device<'_>, DeviceError> {
    Device::new(registers, VECTORS)
}
