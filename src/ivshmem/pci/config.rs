// SPDX-License-Identifier: Apache-2.0
//! Access to PCI configuration space, which a port provides.

use pci_types::PciAddress;

/// Access to PCI configuration space.
///
/// This replaces the trait of `pci_types`, whose functions are `unsafe` to call. Code on that trait panics at reserved
/// values, follows a looped capability list for ever, and mistakes a 2 GiB BAR for one of almost 2^64 bytes.
pub trait ConfigSpace {
    /// Reads the 32 bits at `offset`, a multiple of 4 below 256, of `function`. Returns all ones if there is no such function.
    fn read(&mut self, function: PciAddress, offset: u16) -> u32;

    /// Writes the 32 bits at `offset`, a multiple of 4 below 256, of `function`.
    fn write(&mut self, function: PciAddress, offset: u16, value: u32);
}

/// An ivshmem function that was found and has not been changed yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function(pub PciAddress);
