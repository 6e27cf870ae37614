// SPDX-License-Identifier: Apache-2.0
//! MSI-X: finds the table, defines its entries, and enables interrupts. The caller supplies the message address and
//! data, because they depend on the interrupt controller.

use safe_mmio::fields::ReadPureWrite;
use safe_mmio::{UniqueMmioPointer, field};

use super::bar::Bar;
use super::config::{ConfigSpace, Function};
use super::error::PciError;

const ENABLE: u32 = 1 << 31;
const FUNCTION_MASK: u32 = 1 << 30;
const TABLE_SIZE: u32 = 0x7ff;
const BAR_OF_TABLE: u32 = 0b111;
const MASKED: u32 = 1;

/// A device's MSI-X capability.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Msix {
    function: Function,
    capability: u16,
    /// The bus address of the table, an array of [`MsixEntry`].
    pub table: u64,
    /// The number of entries in the table, 1 to 2048. This is the device property `vectors`.
    pub vectors: u16,
}

/// One table entry: the address and the data of the write that raises the interrupt. All fields are little-endian.
///
/// Source: PCI Local Bus Specification 3.0, section 6.8.2.
#[repr(C)]
pub struct MsixEntry {
    /// Message address, low half. 4-byte aligned.
    pub address_low: ReadPureWrite<u32>,
    /// Message address, high half.
    pub address_high: ReadPureWrite<u32>,
    /// Message data.
    pub data: ReadPureWrite<u32>,
    /// Bit 0: masked. Set after reset.
    pub control: ReadPureWrite<u32>,
}

impl MsixEntry {
    /// Makes `entry` write `data` to `address` in the interrupt controller, and unmasks the entry.
    pub fn route(mut entry: UniqueMmioPointer<'_, Self>, address: u64, data: u32) {
        field!(entry, control).write(MASKED.to_le());
        field!(entry, address_low).write((address as u32).to_le());
        field!(entry, address_high).write(((address >> 32) as u32).to_le());
        field!(entry, data).write(data.to_le());
        field!(entry, control).write(0);
    }
}

impl Msix {
    /// Reads the capability. The table must be inside `bar`.
    pub(super) fn new(
        config: &mut impl ConfigSpace,
        function: Function,
        capability: u16,
        bar: Bar,
    ) -> Result<Self, PciError> {
        let last = (config.read(function.0, capability) >> 16 & TABLE_SIZE) as u16;
        let vectors = last.saturating_add(1);
        let place = config.read(function.0, capability.wrapping_add(4));
        let offset = place & !BAR_OF_TABLE;
        let size = u64::from(vectors).saturating_mul(size_of::<MsixEntry>() as u64);
        let end = u64::from(offset).saturating_add(size);
        let in_bar = (place & BAR_OF_TABLE) as u8;
        if in_bar != bar.number || end > bar.size {
            return Err(PciError::BadMsixTable { bar: in_bar, offset });
        }
        Ok(Self { function, capability, table: u64::from(offset), vectors })
    }

    /// Returns the capability with the final table address, for a BAR placed at `bar`.
    pub(super) fn at(self, bar: u64) -> Self {
        Self { table: bar.saturating_add(self.table), ..self }
    }

    /// Enables the interrupts whose entries are unmasked. Earlier doorbells are lost, so a port must enable interrupts,
    /// then check the shared memory once, and only then sleep.
    pub fn enable(&self, config: &mut impl ConfigSpace) {
        let control = config.read(self.function.0, self.capability);
        config.write(self.function.0, self.capability, (control | ENABLE) & !FUNCTION_MASK);
    }
}
