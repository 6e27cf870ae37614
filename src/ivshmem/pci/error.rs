// SPDX-License-Identifier: Apache-2.0
//! The errors of a PCI device.

/// A reason why an ivshmem PCI device cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PciError {
    /// The buses have no ivshmem device.
    #[error("no ivshmem device (1af4:1110) on PCI: start QEMU with -device ivshmem-doorbell")]
    NoDevice,
    /// A BAR of ivshmem is absent, or is not a memory BAR.
    #[error("ivshmem's BAR{bar} is absent or not memory: this is no ivshmem device of revision 1")]
    NoBar {
        /// The number of the BAR.
        bar: u8,
    },
    /// The writable bits of a BAR do not make a power of two.
    #[error(
        "ivshmem's BAR{bar} has address bits {mask:#x}, not a power of two: give the server a power of two as size"
    )]
    BarNotPowerOfTwo {
        /// The number of the BAR.
        bar: u8,
        /// The address bits that can be written.
        mask: u64,
    },
    /// A BAR is too small for its contents.
    #[error("ivshmem's BAR{bar} has {size} bytes, {needed} are needed")]
    BarTooSmall {
        /// The number of the BAR.
        bar: u8,
        /// The BAR's size, in bytes.
        size: u64,
        /// The size that the BAR's contents need, in bytes.
        needed: u64,
    },
    /// A BAR does not fit into the rest of its window.
    #[error("ivshmem's BAR{bar} of {size} bytes does not fit the machine's PCI window: use less shared memory")]
    WindowTooSmall {
        /// The number of the BAR.
        bar: u8,
        /// The BAR's size, in bytes.
        size: u64,
    },
    /// Firmware has placed a BAR outside the machine's windows.
    #[error("firmware put ivshmem's BAR{bar} at {address:#x}, outside the machine's PCI windows")]
    OutsideWindows {
        /// The number of the BAR.
        bar: u8,
        /// The BAR's address.
        address: u64,
    },
    /// The device has no MSI-X capability: an `ivshmem-plain`, or an `ivshmem-doorbell` with `vectors=0`.
    #[error(
        "this ivshmem device has no interrupts (ivshmem-plain, or vectors=0): use -device ivshmem-doorbell,vectors=1"
    )]
    NoMsix,
    /// The MSI-X table is not at an ivshmem device's usual place.
    #[error("ivshmem's MSI-X table is said to be in BAR{bar} at {offset:#x}: it must lie inside BAR1")]
    BadMsixTable {
        /// The BAR that the capability refers to.
        bar: u8,
        /// The table's offset in that BAR.
        offset: u32,
    },
}
