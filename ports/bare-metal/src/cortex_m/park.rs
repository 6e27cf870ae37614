//! The end: one line on the console, then sleep for ever. Formats by hand, because `core::fmt` is large.

use core::fmt::{self, Write};
use core::panic::PanicInfo;

use ::cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};

use self::Part::{Hex, Text};
use super::console::Console;

/// Sleeps for ever. Whoever started the machine ends it.
pub fn park() -> ! {
    loop {
        ::cortex_m::asm::wfi();
    }
}

/// A piece of a line.
pub enum Part<'a> {
    /// As it is.
    Text(&'a str),
    /// With eight digits.
    Hex(u32),
}

/// Prints a line, then parks.
pub fn stop(mut console: Console, line: &[Part<'_>]) -> ! {
    // The console never fails.
    let _ = console.write_str("amp: ");
    for part in line {
        let _ = match *part {
            Text(text) => console.write_str(text),
            Hex(value) => hex(&mut console, value),
        };
    }
    let _ = console.write_str("\n");
    park()
}

/// Prints where the panic was, then parks. Not why: that would bring all formatting into the image.
pub fn panicked(info: &PanicInfo) -> ! {
    ::cortex_m::interrupt::disable();
    // SAFETY: whoever had the console has panicked and never returns to it.
    let console = unsafe { Console::new() };
    match info.location() {
        Some(at) => stop(console, &[Text("panicked at "), Text(at.file()), Text(", line 0x"), Hex(at.line())]),
        None => stop(console, &[Text("panicked")]),
    }
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    // SAFETY: whoever had the console was interrupted and never returns to it.
    let console = unsafe { Console::new() };
    // SAFETY: the system control block is always there, and reading this register changes nothing.
    let status = unsafe { &*SCB::PTR }.cfsr.read();
    stop(console, &[Text("fault at 0x"), Hex(frame.pc()), Text(", CFSR 0x"), Hex(status)])
}

fn hex(console: &mut Console, value: u32) -> fmt::Result {
    for shift in (0..32).step_by(4).rev() {
        let digit = (value >> shift & 0xf) as usize;
        console.write_str("0123456789abcdef".get(digit..=digit).unwrap_or_default())?;
    }
    Ok(())
}
