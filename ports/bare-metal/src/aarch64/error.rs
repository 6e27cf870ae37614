// SPDX-License-Identifier: Apache-2.0
//! Errors that keep the machine from starting.

use amp_ivshmem::ivshmem::DeviceError;
use amp_ivshmem::ivshmem::pci::PciError;

/// The minimum size of the shared memory in bytes: one page.
pub const MIN_MEMORY: u64 = 4096;

/// A reason why the machine cannot start. It is printed on the console as a single line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum StartError {
    #[error("the CPU is at EL{0}, but this image runs at EL1: start QEMU without virtualization=on and secure=on")]
    NotEl1(u64),
    #[error("the interrupt controller is not a GICv2 (PIDR2 is {0}): start QEMU with -machine virt,gic-version=2")]
    NotGicV2(u32),
    #[error("the GIC has no MSI frame (GICv2m): start QEMU with -machine virt,gic-version=2")]
    NoMsiFrame,
    #[error("interrupt {0} cannot be enabled: start the image on QEMU's machine virt")]
    Interrupt(u32),
    #[error("the timer frequency in CNTFRQ_EL0 is below 1 MHz: firmware must set it")]
    NoFrequency,
    #[error(
        "ivshmem has {0} bytes of memory, but at least {MIN_MEMORY} are needed: start the server with a larger \
         --size"
    )]
    MemoryTooSmall(u64),
    #[error("a doorbell that ivshmem rings itself does not arrive: start the server with at least one vector")]
    NoLoopback,
    #[error(transparent)]
    Pci(#[from] PciError),
    #[error(transparent)]
    Device(#[from] DeviceError),
}
