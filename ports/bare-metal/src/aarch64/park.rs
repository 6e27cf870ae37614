// SPDX-License-Identifier: Apache-2.0
//! Ends a run by printing one line on the console and then sleeping.

use core::arch::asm;
use core::fmt::Write;
use core::panic::PanicInfo;

use aarch64_rt::{ExceptionHandlers, RegisterStateRef, exception_handlers};

use super::clock::sleep;
use super::console::Console;
use super::map;

/// Sleeps forever. The process that started QEMU stops it.
pub fn park() -> ! {
    loop {
        sleep();
    }
}

/// Prints the location and message of a panic, then parks.
pub fn panicked(info: &PanicInfo) -> ! {
    // SAFETY: the code that owned the console has panicked, and never uses it again.
    let mut console = unsafe { Console::new() };
    // The console never fails.
    let _ = match info.location() {
        Some(at) => writeln!(console, "amp: panicked at {}:{}: {}", at.file(), at.line(), info.message()),
        None => writeln!(console, "amp: panicked: {}", info.message()),
    };
    park()
}

struct Handlers;

exception_handlers!(Handlers);

impl ExceptionHandlers for Handlers {
    extern "C" fn sync_current(state: RegisterStateRef) {
        fault("fault", &state)
    }

    extern "C" fn serror_current(state: RegisterStateRef) {
        fault("system error", &state)
    }

    extern "C" fn irq_current(state: RegisterStateRef) {
        fault("interrupt that should be masked", &state)
    }

    extern "C" fn fiq_current(state: RegisterStateRef) {
        fault("fast interrupt that should be masked", &state)
    }
}

/// Returns the likely cause of a fault at `address`, as a suffix for the error message.
fn hint(address: u64) -> &'static str {
    if address as usize & !(map::ECAM_SIZE - 1) == map::ECAM {
        ": no PCI there; start QEMU with -machine virt and without highmem=off"
    } else {
        ""
    }
}

/// Returns the current exception level, 1 to 3.
pub fn exception_level() -> u64 {
    let current: u64;
    // SAFETY: only reads a register.
    unsafe { asm!("mrs {}, CurrentEL", out(reg) current, options(nomem, nostack, preserves_flags)) };
    current >> 2 & 0b11
}

fn fault(what: &str, state: &RegisterStateRef) -> ! {
    let (syndrome, address): (u64, u64);
    // SAFETY: only reads two registers.
    unsafe {
        asm!("mrs {}, esr_el1", "mrs {}, far_el1", out(reg) syndrome, out(reg) address, options(nomem, nostack));
    }
    // SAFETY: the code that owned the console has faulted, and never uses it again.
    let mut console = unsafe { Console::new() };
    // The console never fails.
    let _ =
        writeln!(console, "amp: {what} at {:#x}, address {address:#x}, ESR {syndrome:#x}{}", state.elr, hint(address));
    park()
}
