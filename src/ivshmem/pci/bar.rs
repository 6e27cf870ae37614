// SPDX-License-Identifier: Apache-2.0
//! Base address registers (BARs): sizing and address assignment.

use core::ops::Range;

use super::config::{ConfigSpace, Function};
use super::error::PciError;

const BAR0: u16 = 0x10;
const IO: u32 = 1;
const KIND: u32 = 0b110;
const MEMORY32: u32 = 0b000;
const MEMORY64: u32 = 0b100;
const FLAGS: u32 = 0xf;

/// A memory BAR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Bar {
    /// The BAR number, 0 to 5. A 64-bit BAR also occupies the next number.
    pub number: u8,
    /// The bus address, or 0 if the BAR has not been assigned an address.
    pub address: u64,
    /// Size in bytes, a power of two.
    pub size: u64,
    /// True if the BAR can be placed above 4 GiB.
    pub wide: bool,
}

impl Bar {
    /// Checks that the BAR is at least `needed` bytes long.
    pub(super) fn holds(&self, needed: u64) -> Result<(), PciError> {
        if self.size < needed {
            return Err(PciError::BarTooSmall { bar: self.number, size: self.size, needed });
        }
        Ok(())
    }
}

/// A range of bus addresses that the host bridge forwards to PCI and that the port can map. Addresses are allocated
/// from the start of the range.
#[derive(Clone, Debug)]
pub struct Window {
    all: Range<u64>,
    free: u64,
}

impl Window {
    /// Makes a window of `size` bytes at `start`. Address 0 is never allocated, because 0 in a BAR means "no address".
    #[must_use]
    pub const fn new(start: u64, size: u64) -> Self {
        Self { all: start..start.saturating_add(size), free: if start == 0 { 1 } else { start } }
    }

    /// Allocates the next free `size` bytes, aligned to `size`, which is a power of two.
    fn take(&mut self, size: u64) -> Option<u64> {
        let start = self.free.checked_next_multiple_of(size)?;
        let end = start.checked_add(size).filter(|&end| end <= self.all.end)?;
        self.free = end;
        Some(start)
    }

    /// Reserves `size` bytes at `address`. Returns false if the range is not inside the window. Later allocations start
    /// after the reserved range.
    fn keep(&mut self, address: u64, size: u64) -> bool {
        let end = address.checked_add(size).filter(|&end| address >= self.all.start && end <= self.all.end);
        self.free = self.free.max(end.unwrap_or(0));
        end.is_some()
    }
}

/// The host bridge's memory windows.
#[derive(Clone, Debug)]
pub struct Windows {
    /// The window below 4 GiB, for 32-bit BARs (registers and MSI-X table). The port maps it as Device memory.
    pub narrow: Window,
    /// The window for 64-bit BARs (shared memory). It may be at any address. The port maps it as Normal, write-back
    /// memory.
    pub wide: Window,
}

impl Windows {
    fn of(&mut self, bar: &Bar) -> &mut Window {
        if bar.wide { &mut self.wide } else { &mut self.narrow }
    }
}

/// Returns the offset of BAR `number` and the offset of the next BAR, which holds the high half if the BAR is 64-bit.
fn offsets(number: u8) -> (u16, u16) {
    let low = BAR0.wrapping_add(u16::from(number).wrapping_mul(4));
    (low, low.wrapping_add(4))
}

/// Reads the size and the address of BAR `number`. Memory decoding must be off.
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
    // The writable address bits must be contiguous up to the top bit (31 or 63).
    let ones = if wide { mask } else { mask | (u64::from(u32::MAX) << 32) };
    let size = ones.wrapping_neg();
    if !size.is_power_of_two() {
        return Err(PciError::BarNotPowerOfTwo { bar: number, mask });
    }
    Ok(Bar { number, address, size, wide })
}

/// Returns a mask of the register's writable bits. The register keeps its value.
fn probe(config: &mut impl ConfigSpace, function: Function, offset: u16, was: u32) -> u32 {
    config.write(function.0, offset, u32::MAX);
    let mask = config.read(function.0, offset);
    config.write(function.0, offset, was);
    mask
}

/// Reserves the address of a BAR that firmware has placed. Does nothing if the BAR has no address; [`place`] assigns
/// one.
pub(super) fn keep(bar: &Bar, windows: &mut Windows) -> Result<(), PciError> {
    let Bar { number, address, size, .. } = *bar;
    if address != 0 && !windows.of(bar).keep(address, size) {
        return Err(PciError::OutsideWindows { bar: number, address });
    }
    Ok(())
}

/// Assigns an address to `bar` unless it already has one.
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
