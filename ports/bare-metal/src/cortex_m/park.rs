// SPDX-License-Identifier: Apache-2.0
//! Ends a run by printing one line on the console and then sleeping. It formats numbers by hand, because `core::fmt` is
//! large.

use core::fmt::Write;
use core::panic::PanicInfo;

use ::cortex_m::peripheral::SCB;
use cortex_m_rt::{ExceptionFrame, exception};

use super::console::Console;

/// Sleeps forever. The process that started QEMU stops it.
pub fn park() -> ! {
    loop {
        ::cortex_m::asm::wfi();
    }
}

/// Prints the reason `why` as a single line, then parks.
pub fn stop(mut console: Console, why: &str) -> ! {
    text(&mut console, "amp: ");
    text(&mut console, why);
    end(console)
}

fn text(console: &mut Console, text: &str) {
    // The console never fails.
    let _ = console.write_str(text);
}

/// Prints eight hexadecimal digits.
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

/// Prints the location of a panic, then parks. The panic message is not printed, because that would pull all formatting
/// code into the image.
pub fn panicked(info: &PanicInfo) -> ! {
    ::cortex_m::interrupt::disable();
    // SAFETY: the code that owned the console has panicked, and never uses it again.
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
    // SAFETY: the code that owned the console has faulted, and never uses it again.
    let mut console = unsafe { Console::new() };
    // SAFETY: the system control block always exists, and reading this register has no side effects.
    let status = unsafe { &*SCB::PTR }.cfsr.read();
    text(&mut console, "amp: fault at 0x");
    hex(&mut console, frame.pc());
    text(&mut console, ", CFSR 0x");
    hex(&mut console, status);
    end(console)
}
