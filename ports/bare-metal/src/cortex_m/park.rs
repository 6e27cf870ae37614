//! The end: one line on the console, then sleep for ever. Formats by hand, because `core::fmt` is large.

use core::fmt::Write;
use core::panic::PanicInfo;

use ::cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};

use super::console::Console;

/// Sleeps for ever. Whoever started the machine ends it.
pub fn park() -> ! {
    loop {
        ::cortex_m::asm::wfi();
    }
}

/// Prints a line, then parks.
pub fn stop(mut console: Console, line: &[&str]) -> ! {
    for part in ["amp: "].iter().chain(line).chain(&["\n"]) {
        // The console never fails.
        let _ = console.write_str(part);
    }
    park()
}

/// Prints where the panic was, then parks. Not why: that would bring all formatting into the image.
pub fn panicked(info: &PanicInfo) -> ! {
    ::cortex_m::interrupt::disable();
    // SAFETY: whoever had the console has panicked and never returns to it.
    let console = unsafe { Console::new() };
    match info.location() {
        Some(at) => stop(console, &["panicked at ", at.file(), ", line 0x", hex(at.line(), &mut [0; 8])]),
        None => stop(console, &["panicked"]),
    }
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    // SAFETY: whoever had the console was interrupted and never returns to it.
    let console = unsafe { Console::new() };
    // SAFETY: the system control block is always there, and reading this register changes nothing.
    let status = unsafe { &*SCB::PTR }.cfsr.read();
    stop(console, &["fault at 0x", hex(frame.pc(), &mut [0; 8]), ", CFSR 0x", hex(status, &mut [0; 8])])
}

fn hex(mut value: u32, digits: &mut [u8; 8]) -> &str {
    for digit in digits.iter_mut().rev() {
        let nibble = (value & 0xf) as u8;
        *digit = nibble + if nibble < 10 { b'0' } else { b'a' - 10 };
        value >>= 4;
    }
    core::str::from_utf8(digits).unwrap_or_default()
}
