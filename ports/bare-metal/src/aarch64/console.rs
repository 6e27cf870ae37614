// SPDX-License-Identifier: Apache-2.0
//! The console, which is the PL011 UART of `virt`.

use core::fmt;

use arm_pl011_uart::{DataBits, LineConfig, PL011Registers, Parity, StopBits, Uart};
use safe_mmio::UniqueMmioPointer;

use super::map;

/// Frequency of the UART's clock in Hz, from QEMU's devicetree. QEMU ignores the baud rate.
const CLOCK: u32 = 24_000_000;
const BAUD: u32 = 115_200;

/// The machine's serial console. Writing blocks while the UART's FIFO is full, and never fails.
pub struct Console(Uart<'static>);

impl Console {
    /// Takes the console and enables it.
    ///
    /// # Safety
    /// The memory map must be active. No other console may be used, now or later.
    pub unsafe fn new() -> Self {
        // SAFETY: `virt` has its PL011 at this address, mapped as Device memory. The caller guarantees that no other
        // console is used.
        let mut uart = Uart::new(unsafe { UniqueMmioPointer::new(map::device::<PL011Registers>(map::UART)) });
        let line = LineConfig { data_bits: DataBits::Bits8, parity: Parity::None, stop_bits: StopBits::One };
        // Fails only if the two constants do not give a valid divisor. They give 13.02.
        let _ = uart.enable(line, BAUD, CLOCK);
        Self(uart)
    }
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(text)
    }
}
