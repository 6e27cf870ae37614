// SPDX-License-Identifier: Apache-2.0
//! The clock. SysTick has 24 bits, and its interrupt handler extends them to 64 bits.

use core::cell::Cell;

use ::cortex_m::interrupt::{self, Mutex};
use ::cortex_m::peripheral::{Peripherals, SCB, SYST};
use amp_ivshmem::platform::Instant;
use cortex_m_rt::exception;

/// Frequency in Hz of SysTick on QEMU's LM3S6965 after reset, which is 200 MHz divided by 16.
const FREQUENCY: u32 = 12_500_000;

/// Bits of SysTick's control register. Source: Armv7-M Architecture Reference Manual, B3.3.3.
const CORE_CLOCK: u32 = 1 << 2;
const INTERRUPT: u32 = 1 << 1;
const ENABLE: u32 = 1;

/// Number of full seconds, in microseconds, so that reading the time does not need a 64-bit division.
static SECONDS: Mutex<Cell<u64>> = Mutex::new(Cell::new(0));

/// Starts the clock at 0.
///
/// # Safety
/// Must be called only once, and nothing else may use SysTick.
pub unsafe fn start() {
    // SAFETY: the caller guarantees that nothing else uses SysTick.
    let mut systick = unsafe { Peripherals::steal() }.SYST;
    systick.set_reload(FREQUENCY - 1);
    systick.clear_current();
    // SAFETY: this only starts the counter, which has been set up. Its handler does not break any critical section.
    unsafe { systick.csr.write(CORE_CLOCK | INTERRUPT | ENABLE) };
    // Waits for the first tick. Until then, the counter reads 0, which also marks the end of a second.
    while SYST::get_current() == 0 {}
}

#[exception]
fn SysTick() {
    interrupt::free(|token| {
        let seconds = SECONDS.borrow(token);
        seconds.set(seconds.get() + 1_000_000);
    });
}

/// Returns the time since [`start`].
pub fn now() -> Instant {
    interrupt::free(|token| {
        let mut left = SYST::get_current();
        // If a second has ended while interrupts are masked, the handler has not counted it yet. `left` may have been
        // read before or after the end of this second, so it is read again.
        let mut ended = 0_u32;
        if SCB::is_pendst_pending() {
            left = SYST::get_current();
            ended = 1_000_000;
        }
        // At 0, the second is over and the interrupt becomes pending. In QEMU, the counter can read 0 before the
        // interrupt is pending.
        let ticks = match left {
            0 if ended != 0 => 0,
            left => FREQUENCY - left,
        };
        Instant::from_micros(SECONDS.borrow(token).get() + u64::from(ended) + u64::from(ticks * 2 / 25))
    })
}
