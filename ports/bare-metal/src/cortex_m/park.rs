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

/// Prints why as a line, then parks.
pub fn stop(mut console: Console, why: &str) -> ! {
    text(&mut console, "amp: ");
    text(&mut console, why);
    end(console)
}

fn text(console: &mut Console, text: &str) {
    // The console never fails.
    let _ = console.write_str(text);
}

/// With eight digits.
fn hex(console: &mut Console, mut value: u32) {
    for _ in 0..8 {
        let digit = (value >> 28) as usize;
        text(console, "0123456789abcdef".get(digit..=digit).unwrap_or_default());
        value <<= 4;
    }
}

fn end(mut console: Console) -> ! {
    text(&mut console, "\n");
    park()
}

/// Prints where the panic was, then parks. Not why: that would bring all formatting into the image.
pub fn panicked(info: &PanicInfo) -> ! {
    ::cortex_m::interrupt::disable();
    // SAFETY: whoever had the console has panicked and never returns to it.
    let mut console = unsafe { Console::new() };
    text(&mut console, "amp: panicked");
    if let Some(at) = info.location() {
        text(&mut console, " at ");
        text(&mut console, at.file());
        text(&mut console, ", line 0x");
        hex(&mut console, at.line());
    }
    end(console)
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    // SAFETY: whoever had the console was interrupted and never returns to it.
    let mut console = unsafe { Console::new() };
    // SAFETY: the system control block is always there, and reading this register changes nothing.
    let status = unsafe { &*SCB::PTR }.cfsr.read();
    text(&mut console, "amp: fault at 0x");
    hex(&mut console, frame.pc());
    text(&mut console, ", CFSR 0x");
    hex(&mut console, status);
    end(console)
}
