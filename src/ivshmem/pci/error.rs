// SPDX-License-Identifier: Apache-2.0
//! Errors of the PCI device.

/// The reason an ivshmem PCI device cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PciError {
    /// There is no ivshmem device on the buses.
    #[error("no ivshmem device (1af4:1110) on PCI: start QEMU with -device ivshmem-doorbell")]
    NoDevice,
    /// A BAR is absent or is not a memory BAR.
    #[error("ivshmem's BAR{bar} is absent or not memory: use an ivshmem device of revision 1")]
    NoBar {
        /// The BAR number.
        bar: u8,
    },
    /// The size that a BAR's writable bits encode is not a power of two.
    #[error(
        "ivshmem's BAR{bar} has address bits {mask:#x}, so its size is not a power of two: start the server with a \
         power of two as --size"
    )]
    BarNotPowerOfTwo {
        /// The BAR number.
        bar: u8,
        /// The writable address bits.
        mask: u64,
    },
    /// A BAR is too small for its contents.
    #[error(
        "ivshmem's BAR{bar} has {size} bytes, but {needed} are needed: use QEMU's ivshmem-doorbell with a memory of \
         at least 4096 bytes"
    )]
    BarTooSmall {
        /// The BAR number.
        bar: u8,
        /// The size of the BAR in bytes.
        size: u64,
        /// The required size in bytes.
        needed: u64,
    },
    /// A BAR does not fit in the free part of its window.
    #[error("ivshmem's BAR{bar} of {size} bytes does not fit in the machine's PCI window: use less shared memory")]
    WindowTooSmall {
        /// The BAR number.
        bar: u8,
        /// The size of the BAR in bytes.
        size: u64,
    },
    /// Firmware has placed a BAR outside the windows.
    #[error("firmware put ivshmem's BAR{bar} at {address:#x}, outside the machine's PCI windows")]
    OutsideWindows {
        /// The BAR number.
        bar: u8,
        /// The address of the BAR.
        address: u64,
    },
    /// The device has no MSI-X capability. It is an `ivshmem-plain`, or an `ivshmem-doorbell` with `vectors=0`.
    #[error(
        "this ivshmem device has no interrupts (ivshmem-plain, or vectors=0): use -device ivshmem-doorbell,vectors=1"
    )]
    NoMsix,
    /// The MSI-X table is not inside BAR1, as it is on every ivshmem device.
    #[error(
        "ivshmem's MSI-X table is in BAR{bar} at {offset:#x}, but must be within BAR1: use QEMU's ivshmem-doorbell"
    )]
    BadMsixTable {
        /// The BAR number in the capability.
        bar: u8,
        /// The offset of the table in this BAR.
        offset: u32,
    },
}
