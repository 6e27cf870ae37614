// SPDX-License-Identifier: Apache-2.0
//! The interrupts: the handlers for the doorbell and the alarm, and the vector table that refers to them.

use core::sync::atomic::{AtomicBool, Ordering};

use ::cortex_m::interrupt::InterruptNumber;
use ::cortex_m::peripheral::NVIC;

use super::map::PLACE;

/// True if the doorbell has rung since `wait` last returned.
pub static RUNG: AtomicBool = AtomicBool::new(false);

/// An input of the NVIC.
#[derive(Clone, Copy)]
pub struct Input(u16);

// SAFETY: both inputs below are inside the table, and the numbers never change.
unsafe impl InterruptNumber for Input {
    fn number(self) -> u16 {
        self.0
    }
}

/// The flat device's input.
pub const DOORBELL: Input = Input(PLACE.interrupt);
/// Timer 0A's input.
pub const ALARM: Input = Input(19);

const INPUTS: usize = DOORBELL.0 as usize + 1;

/// The interrupt vectors that follow the exceptions; `cortex-m-rt` defines their place. The table has no entries for
/// higher inputs, which are never enabled.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vector_table.interrupts")]
static __INTERRUPTS: [Option<extern "C" fn()>; INPUTS] = {
    let mut table: [Option<extern "C" fn()>; INPUTS] = [None; INPUTS];
    table[DOORBELL.0 as usize] = Some(on_doorbell);
    table[ALARM.0 as usize] = Some(on_alarm);
    table
};

/// Handles a doorbell, which needs no acknowledgement: the device pulses its line, and taking the interrupt clears it.
extern "C" fn on_doorbell() {
    RUNG.store(true, Ordering::Relaxed);
}

/// Masks the input, because the timer keeps its line raised until `Alarm::silence`.
extern "C" fn on_alarm() {
    NVIC::mask(ALARM);
}

/// Enables the doorbell's interrupt. Earlier doorbells are lost.
pub fn enable_doorbell() {
    // SAFETY: the doorbell's handler only stores a flag. No critical section relies on the mask.
    unsafe { NVIC::unmask(DOORBELL) };
}

/// Enables the alarm's interrupt.
pub fn enable_alarm() {
    NVIC::unpend(ALARM);
    // SAFETY: the alarm's handler masks it again. No critical section relies on the mask.
    unsafe { NVIC::unmask(ALARM) };
}
