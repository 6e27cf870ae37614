// SPDX-License-Identifier: Apache-2.0
//! The clock: SysTick has 24 bits, and its interrupt extends them to 64.

use core::cell::Cell;

use ::cortex_m::interrupt::{self, Mutex};
use ::cortex_m::peripheral::{Peripherals, SCB, SYST};
use amp_ivshmem::platform::Instant;
use cortex_m_rt::exception;

/// Ticks per second of QEMU's LM3S6965 after reset: 200 MHz divided by 16.
const FREQUENCY: u32 = 12_500_000;

/// Bits of SysTick's control register. Source: Armv7-M Architecture Reference Manual, B3.3.3.
const CORE_CLOCK: u32 = 1 << 2;
const INTERRUPT: u32 = 1 << 1;
const ENABLE: u32 = 1;

/// Whole seconds, in microseconds, so that reading the time needs no 64-bit division.
static SECONDS: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

/// Starts the clock at 0.
///
/// # Safety
/// Called once, and nobody else uses SysTick.
pub unsafe fn start() {
    // SAFETY: this function's contract promises that nobody else uses SysTick.
    let mut systick = unsafe { Peripherals::steal() }.SYST;
    systick.set_reload(FREQUENCY - 1);
    systick.clear_current();
    // SAFETY: this only starts the counter that was set up. Its handler does not break any other critical section.
    unsafe { systick.csr.write(CORE_CLOCK | INTERRUPT | ENABLE) };
    // The counter reads 0 until its first tick, as it does at the end of a second.
    while SYST::get_current() == 0 {}
}

#[exception]
fn SysTick() {
    interrupt::free(|token| {
        let seconds = SECONDS.borrow(token);
        seconds.set(seconds.get() + 1_000_000);
    });
}

/// Returns the time since the start.
pub fn now() -> Instant {
    interrupt::free(|token| {
        let mut left = SYST::get_current();
        // A second that ends while interrupts are masked is not counted yet. `left` may be from before or after that
        // end. The second read is from after it.
        let mut ended = 0_u32;
        if SCB::is_pendst_pending() {
            left = SYST::get_current();
            ended = 1_000_000;
        }
        // At 0 the interrupt becomes pending. QEMU shows the 0 earlier, when the second is already over.
        let ticks = match left {
            0 if ended != 0 => 0,
            left => FREQUENCY - left,
        };
        Instant::from_micros(SECONDS.borrow(token).get() + u64::from(ended) + u64::from(ticks * 2 / 25))
    })
}
