//! The PCI device: finding it, placing and enabling it. Knows configuration space, not how a machine reaches it.
//!
//! For ports whose operating system does none of this. A port gives [`find`] and [`Function::attach`] its
//! configuration space and the windows that its host bridge decodes; it gets the addresses to map. Of bridges this
//! knows nothing: it sees the buses that are there already.

mod bar;
#[cfg(test)]
mod fake;
mod msix;

pub use bar::{Bar, Window, Windows};
pub use msix::{Msix, MsixEntry};
pub use pci_types::PciAddress;
use pci_types::{CommandRegister, StatusRegister};

use super::Registers;

/// Access to PCI configuration space.
///
/// Not `pci_types`' trait: its functions are `unsafe` to call, and what is built on them panics at reserved values,
/// follows a looped capability list for ever, and takes a 2 GiB BAR for one of almost 2^64 bytes.
pub trait ConfigSpace {
    /// The 32 bits at `offset`, a multiple of 4 below 256, of `function`; all ones where there is none.
    fn read(&mut self, function: PciAddress, offset: u16) -> u32;

    /// Writes the 32 bits at `offset`, a multiple of 4 below 256, of `function`.
    fn write(&mut self, function: PciAddress, offset: u16, value: u32);
}

/// What keeps an ivshmem PCI device from being used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PciError {
    /// No function on the buses looked at is an ivshmem device.
    #[error("no ivshmem device (1af4:1110) on PCI: start QEMU with -device ivshmem-doorbell")]
    NoDevice,
    /// A BAR that ivshmem has is absent, or not one of memory.
    #[error("ivshmem's BAR{bar} is absent or not memory: this is no ivshmem device of revision 1")]
    NoBar {
        /// Which BAR.
        bar: u8,
    },
    /// The writable bits of a BAR are no power of two.
    #[error(
        "ivshmem's BAR{bar} has address bits {mask:#x}, not a power of two: give the server a power of two as size"
    )]
    BarNotPowerOfTwo {
        /// Which BAR.
        bar: u8,
        /// The address bits that can be written.
        mask: u64,
    },
    /// A BAR is smaller than what must be in it.
    #[error("ivshmem's BAR{bar} has {size} bytes, {needed} are needed")]
    BarTooSmall {
        /// Which BAR.
        bar: u8,
        /// Its size, in bytes.
        size: u64,
        /// What is needed, in bytes.
        needed: u64,
    },
    /// A BAR does not fit into what is left of its window.
    #[error("ivshmem's BAR{bar} of {size} bytes does not fit the machine's PCI window: use less shared memory")]
    WindowTooSmall {
        /// Which BAR.
        bar: u8,
        /// Its size, in bytes.
        size: u64,
    },
    /// Firmware has put a BAR where the machine's windows are not.
    #[error("firmware put ivshmem's BAR{bar} at {address:#x}, outside the machine's PCI windows")]
    OutsideWindows {
        /// Which BAR.
        bar: u8,
        /// Its address.
        address: u64,
    },
    /// The device has no MSI-X capability: an `ivshmem-plain`, or an `ivshmem-doorbell` with `vectors=0`.
    #[error(
        "this ivshmem device has no interrupts (ivshmem-plain, or vectors=0): use -device ivshmem-doorbell,vectors=1"
    )]
    NoMsix,
    /// The MSI-X table is not where an ivshmem device has it.
    #[error("ivshmem's MSI-X table is said to be in BAR{bar} at {offset:#x}: it must lie inside BAR1")]
    BadMsixTable {
        /// The BAR that the capability names.
        bar: u8,
        /// The offset in it.
        offset: u32,
    },
}

const ID: u32 = 0x1110_1af4;
const COMMAND: u16 = 0x04;
const HEADER: u16 = 0x0c;
const MULTI_FUNCTION: u32 = 1 << 23;
const CAPABILITIES: u16 = 0x34;
const MSIX: u8 = 0x11;
/// No more 4-byte-aligned capabilities fit between the header and the end of configuration space.
const MAX_CAPABILITIES: usize = 48;

/// An ivshmem function, found but not yet touched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Function(pub PciAddress);

/// The ivshmem functions on the first `buses` buses (1 to 256) of segment 0, in order of address: a machine may have several.
pub fn find(config: &mut impl ConfigSpace, buses: u16) -> impl Iterator<Item = Function> {
    (0..buses.min(256))
        .flat_map(|bus| (0..32).map(move |device| (bus as u8, device)))
        .flat_map(|(bus, device)| (0..8).map(move |function| PciAddress::new(0, bus, device, function)))
        .scan(1, move |functions, address| {
            // A device without a function 0 has none; one that does not say so has no others.
            if address.function() == 0 {
                let header = config.read(address, HEADER);
                *functions = if header != u32::MAX && header & MULTI_FUNCTION != 0 { 8 } else { 1 };
            }
            Some((address.function() < *functions && config.read(address, 0) == ID).then_some(Function(address)))
        })
        .flatten()
}

/// An ivshmem device that is placed and enabled: where its parts are, as bus addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PciDevice {
    /// BAR0: begins with the [`Registers`].
    pub registers: Bar,
    /// BAR2: the shared memory.
    pub memory: Bar,
    /// The interrupts; none on `ivshmem-plain`.
    pub msix: Option<Msix>,
}

impl PciDevice {
    /// The interrupts, for ports that cannot do without.
    ///
    /// # Errors
    /// [`PciError::NoMsix`].
    pub fn msix(&self) -> Result<Msix, PciError> {
        self.msix.ok_or(PciError::NoMsix)
    }
}

impl Function {
    /// Places the device's BARs in `windows` where firmware has not, and lets it answer to memory accesses and send
    /// interrupts (both need their bit in the command register).
    ///
    /// # Errors
    /// Any of [`PciError`] but `NoDevice` and `NoMsix`. The device then answers to no address.
    pub fn attach(self, config: &mut impl ConfigSpace, windows: &mut Windows) -> Result<PciDevice, PciError> {
        // While sizes are found out, the BARs hold addresses that are not ours.
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
        // What firmware has placed is taken out of the windows before anything is placed beside it.
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

    /// Clears and sets bits of the command register. The status bits beside it are cleared by ones: they get zeros.
    fn command(self, config: &mut impl ConfigSpace, clear: CommandRegister, set: CommandRegister) {
        let old = CommandRegister::from_bits_retain(config.read(self.0, COMMAND) as u16);
        config.write(self.0, COMMAND, u32::from(old.difference(clear).union(set).bits()));
    }

    /// Where the capability `id` begins. A list that is looped or leaves the space ends.
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
