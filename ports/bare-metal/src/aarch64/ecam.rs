// SPDX-License-Identifier: Apache-2.0
//! PCI configuration space on `virt`. It is memory-mapped, with 4 KiB per function.

use core::ptr::NonNull;

use amp_ivshmem::ivshmem::pci::{ConfigSpace, PciAddress};
use safe_mmio::UniqueMmioPointer;
use safe_mmio::fields::ReadWrite;

use super::map;

/// Number of buses to search. Without bridges, there is only the root bus, where QEMU puts devices by default.
pub const BUSES: u16 = 1;

/// The configuration space of all 256 buses.
pub struct Ecam(UniqueMmioPointer<'static, [ReadWrite<u32>]>);

impl Ecam {
    /// Takes the configuration space.
    ///
    /// # Safety
    /// Must be called only once, while the memory map is active.
    pub unsafe fn new() -> Self {
        let words = NonNull::slice_from_raw_parts(map::device(map::ECAM), map::ECAM_SIZE / 4);
        // SAFETY: `virt` has 256 MiB of configuration space at this address, mapped as Device memory. The caller
        // guarantees that this runs only once.
        Self(unsafe { UniqueMmioPointer::new(words) })
    }

    fn word(&mut self, function: PciAddress, offset: u16) -> Option<UniqueMmioPointer<'_, ReadWrite<u32>>> {
        let function = usize::from(function.bus()) << 20
            | usize::from(function.device()) << 15
            | usize::from(function.function()) << 12;
        self.0.get((function | usize::from(offset & 0xffc)) / 4)
    }
}

impl ConfigSpace for Ecam {
    fn read(&mut self, function: PciAddress, offset: u16) -> u32 {
        self.word(function, offset).map_or(u32::MAX, |mut word| u32::from_le(word.read()))
    }

    fn write(&mut self, function: PciAddress, offset: u16, value: u32) {
        if let Some(mut word) = self.word(function, offset) {
            word.write(value.to_le());
        }
    }
}
