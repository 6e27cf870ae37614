// SPDX-License-Identifier: Apache-2.0
//! Access to PCI configuration space, implemented by a port.

use pci_types::PciAddress;

/// Access to PCI configuration space.
///
/// This trait replaces the one in `pci_types`, whose functions are `unsafe` to call. The code in `pci_types` panics on
/// reserved values, never returns if a capability list loops, and reads the size of a 2 GiB BAR as almost 2^64 bytes.
pub trait ConfigSpace {
    /// Reads the 32 bits at `offset` in the configuration space of `function`. `offset` is a multiple of 4 below 256.
    /// Returns all ones if the function does not exist.
    fn read(&mut self, function: PciAddress, offset: u16) -> u32;

    /// Writes the 32 bits at `offset` in the configuration space of `function`. `offset` is a multiple of 4 below 256.
    fn write(&mut self, function: PciAddress, offset: u16, value: u32);
}

/// An ivshmem function that has been found but not configured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function(pub PciAddress);
