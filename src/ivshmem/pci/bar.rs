//! Base address registers: how large, and where. Knows nothing of what is behind them.

use core::ops::Range;

use super::{ConfigSpace, Function, PciError};

const BAR0: u16 = 0x10;
const IO: u32 = 1;
const KIND: u32 = 0b110;
const MEMORY32: u32 = 0b000;
const MEMORY64: u32 = 0b100;
const FLAGS: u32 = 0xf;

/// One BAR of memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// Which, 0 to 5; one of 64 bits takes the next number too.
    pub number: u8,
    /// Bus address; 0 until it is placed.
    pub address: u64,
    /// Size in bytes, a power of two.
    pub size: u64,
    /// Whether it can be placed above 4 GiB.
    pub wide: bool,
}

impl Bar {
    /// That `needed` bytes fit.
    pub(super) fn holds(&self, needed: u64) -> Result<(), PciError> {
        if self.size < needed {
            return Err(PciError::BarTooSmall { bar: self.number, size: self.size, needed });
        }
        Ok(())
    }
}

/// A run of bus addresses that the host bridge hands to PCI, and that the port can map; handed out from the start.
#[derive(Clone, Debug)]
pub struct Window {
    all: Range<u64>,
    free: u64,
}

impl Window {
    /// The `size` bytes at `start`. Address 0 is never handed out: in a BAR it means "not placed".
    #[must_use]
    pub const fn new(start: u64, size: u64) -> Self {
        Self { all: start..start.saturating_add(size), free: if start == 0 { 1 } else { start } }
    }

    /// The next `size` bytes, a power of two, at a multiple of `size`.
    fn take(&mut self, size: u64) -> Option<u64> {
        let start = self.free.checked_next_multiple_of(size)?;
        let end = start.checked_add(size).filter(|&end| end <= self.all.end)?;
        self.free = end;
        Some(start)
    }

    /// Whether `size` bytes at `address` are inside; if so, none of them, and none before, is handed out later.
    fn keep(&mut self, address: u64, size: u64) -> bool {
        let end = address.checked_add(size).filter(|&end| address >= self.all.start && end <= self.all.end);
        self.free = self.free.max(end.unwrap_or(0));
        end.is_some()
    }
}

/// The host bridge's windows for memory.
#[derive(Clone, Debug)]
pub struct Windows {
    /// Below 4 GiB, for BARs of 32 bits: registers and MSI-X table. The port maps it as Device memory.
    pub narrow: Window,
    /// Anywhere, for BARs of 64 bits: the shared memory. The port maps it as Normal, write-back memory.
    pub wide: Window,
}

impl Windows {
    fn of(&mut self, bar: &Bar) -> &mut Window {
        if bar.wide { &mut self.wide } else { &mut self.narrow }
    }
}

/// Offsets of BAR `number` and of the next one, which holds the high half if the BAR has 64 bits.
fn offsets(number: u8) -> (u16, u16) {
    let low = BAR0.wrapping_add(u16::from(number).wrapping_mul(4));
    (low, low.wrapping_add(4))
}

/// Finds BAR `number`, its size, and the address that firmware gave it. Memory decoding must be off.
pub(super) fn size(config: &mut impl ConfigSpace, function: Function, number: u8) -> Result<Bar, PciError> {
    let (offset, next) = offsets(number);
    let low = config.read(function.0, offset);
    let wide = match low & KIND {
        MEMORY32 => false,
        MEMORY64 if number < 5 => true,
        _ => return Err(PciError::NoBar { bar: number }),
    };
    if low & IO != 0 {
        return Err(PciError::NoBar { bar: number });
    }
    let mut address = u64::from(low & !FLAGS);
    let mut mask = u64::from(probe(config, function, offset, low) & !FLAGS);
    if wide {
        let high = config.read(function.0, next);
        address |= u64::from(high) << 32;
        mask |= u64::from(probe(config, function, next, high)) << 32;
    }
    if mask == 0 {
        return Err(PciError::NoBar { bar: number });
    }
    // The writable address bits must be all those from some bit up: of 32, or of 64.
    let ones = if wide { mask } else { mask | (u64::from(u32::MAX) << 32) };
    let size = ones.wrapping_neg();
    if !size.is_power_of_two() {
        return Err(PciError::BarNotPowerOfTwo { bar: number, mask });
    }
    Ok(Bar { number, address, size, wide })
}

/// Which bits of the register can be written; leaves it as it was.
fn probe(config: &mut impl ConfigSpace, function: Function, offset: u16, was: u32) -> u32 {
    config.write(function.0, offset, u32::MAX);
    let mask = config.read(function.0, offset);
    config.write(function.0, offset, was);
    mask
}

/// Takes a BAR that firmware has placed out of its window; one without an address is left for [`place`].
pub(super) fn keep(bar: &Bar, windows: &mut Windows) -> Result<(), PciError> {
    let Bar { number, address, size, .. } = *bar;
    if address != 0 && !windows.of(bar).keep(address, size) {
        return Err(PciError::OutsideWindows { bar: number, address });
    }
    Ok(())
}

/// Gives `bar` an address where it has none.
pub(super) fn place(
    config: &mut impl ConfigSpace,
    function: Function,
    bar: &mut Bar,
    windows: &mut Windows,
) -> Result<(), PciError> {
    let Bar { number, address, size, wide } = *bar;
    if address != 0 {
        return Ok(());
    }
    let fits = windows.of(bar).take(size).filter(|&address| wide || address.saturating_add(size) <= 1 << 32);
    bar.address = fits.ok_or(PciError::WindowTooSmall { bar: number, size })?;
    let (offset, next) = offsets(number);
    config.write(function.0, offset, bar.address as u32);
    if wide {
        config.write(function.0, next, (bar.address >> 32) as u32);
    }
    Ok(())
}
