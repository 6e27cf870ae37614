// SPDX-License-Identifier: Apache-2.0
//! A fake PCI configuration space for tests. Its registers can be partly writable.

use std::collections::BTreeMap;

use super::{ConfigSpace, PciAddress};

/// One function: register values, and masks of their writable bits.
#[derive(Clone, Debug, Default)]
pub struct FakeFunction {
    pub values: BTreeMap<u16, u32>,
    pub writable: BTreeMap<u16, u32>,
}

impl FakeFunction {
    /// Returns a function that has only the given ids.
    pub fn new(vendor: u16, device: u16) -> Self {
        Self { values: [(0, u32::from(device) << 16 | u32::from(vendor))].into(), writable: BTreeMap::new() }
    }

    /// Returns QEMU's `ivshmem-plain` after reset, with `memory` bytes of shared memory.
    pub fn plain(memory: u64) -> Self {
        Self::new(0x1af4, 0x1110)
            .register(0x04, 0x0000_0003, 0x0000_0507)
            .register(0x08, 0x0500_0001, 0)
            .register(0x10, 0, !0xff)
            .register(0x18, 0xc, (memory.wrapping_neg() as u32) & !0xf)
            .register(0x1c, 0, (memory.wrapping_neg() >> 32) as u32)
    }

    /// Returns QEMU's `ivshmem-doorbell` after reset.
    pub fn doorbell(memory: u64, vectors: u16) -> Self {
        Self::plain(memory)
            .register(0x04, 0x0010_0003, 0x0000_0507)
            .register(0x14, 0, !0xfff)
            .register(0x34, 0x40, 0)
            .register(0x40, u32::from(vectors - 1) << 16 | 0x11, 0xc000_0000)
            .register(0x44, 0x1, 0)
            .register(0x48, 0x801, 0)
    }

    /// Sets the value and the writable bits of a register.
    pub fn register(mut self, offset: u16, value: u32, writable: u32) -> Self {
        self.values.insert(offset, value);
        self.writable.insert(offset, writable);
        self
    }
}

/// All functions. `reads` counts the reads of the configuration space, to show the cost of a scan.
#[derive(Debug, Default)]
pub struct FakeConfig {
    pub functions: BTreeMap<PciAddress, FakeFunction>,
    pub reads: usize,
}

impl FakeConfig {
    pub fn with(functions: impl IntoIterator<Item = ((u8, u8, u8), FakeFunction)>) -> Self {
        let at = |(bus, device, function)| PciAddress::new(0, bus, device, function);
        Self { functions: functions.into_iter().map(|(place, function)| (at(place), function)).collect(), reads: 0 }
    }
}

impl ConfigSpace for FakeConfig {
    fn read(&mut self, function: PciAddress, offset: u16) -> u32 {
        assert!(offset.is_multiple_of(4) && offset < 256, "offset {offset:#x}");
        self.reads += 1;
        self.functions.get(&function).map_or(u32::MAX, |function| function.values.get(&offset).copied().unwrap_or(0))
    }

    fn write(&mut self, function: PciAddress, offset: u16, value: u32) {
        assert!(offset.is_multiple_of(4) && offset < 256, "offset {offset:#x}");
        let Some(function) = self.functions.get_mut(&function) else { return };
        let writable = function.writable.get(&offset).copied().unwrap_or(0);
        let old = function.values.entry(offset).or_default();
        *old = (*old & !writable) | (value & writable);
    }
}
