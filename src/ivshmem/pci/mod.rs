// SPDX-License-Identifier: Apache-2.0
//! Finds the PCI device, assigns its addresses and enables it. Ports without an operating system need this module.
//!
//! A port passes its configuration space and its host bridge's windows to [`find`] and [`Function::attach`], which
//! return the addresses to map. This module does not set up bridges, so it sees only buses that are already set up.

mod bar;
mod config;
mod error;
#[cfg(test)]
mod fake;
mod msix;

pub use bar::{Bar, Window, Windows};
pub use config::{ConfigSpace, Function};
pub use error::PciError;
pub use msix::{Msix, MsixEntry};
pub use pci_types::PciAddress;
use pci_types::{CommandRegister, StatusRegister};

use super::Registers;

const ID: u32 = 0x1110_1af4;
const COMMAND: u16 = 0x04;
const HEADER: u16 = 0x0c;
const MULTI_FUNCTION: u32 = 1 << 23;
const CAPABILITIES: u16 = 0x34;
const MSIX: u8 = 0x11;
/// The maximum number of 4-byte aligned capabilities that fit between the header and the end of configuration space.
const MAX_CAPABILITIES: usize = 48;

/// Finds the ivshmem functions on the first `buses` buses (1 to 256) of segment 0, in address order. A machine may have
/// several.
pub fn find(config: &mut impl ConfigSpace, buses: u16) -> impl Iterator<Item = Function> {
    (0..buses.min(256))
        .flat_map(|bus| (0..32).map(move |device| (bus as u8, device)))
        .flat_map(|(bus, device)| (0..8).map(move |function| PciAddress::new(0, bus, device, function)))
        .scan(1, move |functions, address| {
            // A device without a function 0 does not exist. Only a multi-function device has other functions.
            if address.function() == 0 {
                let header = config.read(address, HEADER);
                *functions = if header != u32::MAX && header & MULTI_FUNCTION != 0 { 8 } else { 1 };
            }
            Some((address.function() < *functions && config.read(address, 0) == ID).then_some(Function(address)))
        })
        .flatten()
}

/// An ivshmem device that has been placed and enabled.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PciDevice {
    /// BAR0, which begins with the [`Registers`].
    pub registers: Bar,
    /// BAR2, which is the shared memory.
    pub memory: Bar,
    /// The MSI-X capability. `None` on `ivshmem-plain`.
    pub msix: Option<Msix>,
}

impl PciDevice {
    /// Returns the MSI-X capability, for ports that need interrupts.
    ///
    /// # Errors
    /// Returns [`PciError::NoMsix`] if the device has no interrupts.
    pub fn msix(&self) -> Result<Msix, PciError> {
        self.msix.ok_or(PciError::NoMsix)
    }
}

impl Function {
    /// Assigns addresses in `windows` to the BARs that firmware has not placed. Enables memory decoding and bus
    /// mastering in the command register.
    ///
    /// # Errors
    /// Returns any [`PciError`] except `NoDevice` and `NoMsix`. The device then does not decode any address.
    pub fn attach(self, config: &mut impl ConfigSpace, windows: &mut Windows) -> Result<PciDevice, PciError> {
        // Turn decoding off, because sizing a BAR temporarily overwrites its address.
        let off = CommandRegister::IO_ENABLE | CommandRegister::MEMORY_ENABLE | CommandRegister::BUS_MASTER_ENABLE;
        self.command(config, off, CommandRegister::empty());

        let mut registers = bar::size(config, self, 0)?;
        registers.holds(Registers::SIZE)?;
        let mut memory = bar::size(config, self, 2)?;
        let mut table = None;
        if let Some(offset) = self.capability(config, MSIX) {
            let bar = bar::size(config, self, 1)?;
            table = Some((Msix::new(config, self, offset, bar)?, bar));
        }
        let mut bars = [Some(&mut registers), Some(&mut memory), table.as_mut().map(|(_, bar)| bar)];
        // Reserve the addresses that firmware has assigned before allocating any new ones.
        for bar in bars.iter().flatten() {
            bar::keep(bar, windows)?;
        }
        for bar in bars.iter_mut().flatten() {
            bar::place(config, self, bar, windows)?;
        }

        let on =
            CommandRegister::MEMORY_ENABLE | CommandRegister::BUS_MASTER_ENABLE | CommandRegister::INTERRUPT_DISABLE;
        self.command(config, CommandRegister::empty(), on);
        Ok(PciDevice { registers, memory, msix: table.map(|(msix, bar)| msix.at(bar.address)) })
    }

    /// Clears and sets bits in the command register. The status bits in the same word are written as 0, because writing
    /// 1 would clear them.
    fn command(self, config: &mut impl ConfigSpace, clear: CommandRegister, set: CommandRegister) {
        let old = CommandRegister::from_bits_retain(config.read(self.0, COMMAND) as u16);
        config.write(self.0, COMMAND, u32::from(old.difference(clear).union(set).bits()));
    }

    /// Returns the offset of the capability with this `id`. The search stops if the list loops or leaves configuration
    /// space.
    fn capability(self, config: &mut impl ConfigSpace, id: u8) -> Option<u16> {
        let status = StatusRegister::new((config.read(self.0, COMMAND) >> 16) as u16);
        if !status.has_capability_list() {
            return None;
        }
        let mut offset = config.read(self.0, CAPABILITIES) as u16 & 0xfc;
        for _ in 0..MAX_CAPABILITIES {
            if offset < 0x40 {
                return None;
            }
            let header = config.read(self.0, offset);
            if header as u8 == id {
                return Some(offset);
            }
            offset = (header >> 8) as u16 & 0xfc;
        }
        None
    }
}

#[cfg(test)]
mod tests;
