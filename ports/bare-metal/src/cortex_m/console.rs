// SPDX-License-Identifier: Apache-2.0
//! The console, which is the first UART of the LM3S6965, a PL011.

use core::fmt;

use arm_pl011_uart::{DataBits, LineConfig, PL011Registers, Parity, StopBits, Uart};
use safe_mmio::UniqueMmioPointer;

use super::map;

const UART0: usize = 0x4000_c000;
const CLOCK: u32 = 12_500_000;
const BAUD: u32 = 115_200;

/// The machine's serial console. Writing blocks while the UART's FIFO is full, and never fails.
pub struct Console(Uart<'static>);

impl Console {
    /// Takes the console and enables it.
    ///
    /// # Safety
    /// No other console may be used, now or later.
    pub unsafe fn new() -> Self {
        // SAFETY: the LM3S6965 has its first UART at this address. The caller guarantees that no other console is used.
        let mut uart = Uart::new(unsafe { UniqueMmioPointer::new(map::address::<PL011Registers>(UART0)) });
        let line = LineConfig { data_bits: DataBits::Bits8, parity: Parity::None, stop_bits: StopBits::One };
        // Fails only if the two constants do not give a valid divisor. They give 6.78.
        let _ = uart.enable(line, BAUD, CLOCK);
        Self(uart)
    }
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write_str(text)
    }
}
