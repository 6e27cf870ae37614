// SPDX-License-Identifier: Apache-2.0
//! The interrupt handlers for the doorbell and the alarm, and the vector table.

use core::sync::atomic::{AtomicBool, Ordering};

use ::cortex_m::interrupt::InterruptNumber;
use ::cortex_m::peripheral::NVIC;

use super::map::PLACE;

/// True if the doorbell has rung since `wait` last returned.
pub static RUNG: AtomicBool = AtomicBool::new(false);

/// The number of an NVIC input.
#[derive(Clone, Copy)]
pub struct Input(u16);

// SAFETY: both inputs below are within the vector table, and their numbers never change.
unsafe impl InterruptNumber for Input {
    fn number(self) -> u16 {
        self.0
    }
}

/// NVIC input of the flat device.
pub const DOORBELL: Input = Input(PLACE.interrupt);
/// NVIC input of timer 0A.
pub const ALARM: Input = Input(19);

const INPUTS: usize = DOORBELL.0 as usize + 1;

/// The interrupt vectors, which follow the exception vectors. `cortex-m-rt` defines where they are placed. The table
/// has no entries for higher inputs, which are never enabled.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vector_table.interrupts")]
static __INTERRUPTS: [Option<extern "C" fn()>; INPUTS] = {
    let mut table: [Option<extern "C" fn()>; INPUTS] = [None; INPUTS];
    table[DOORBELL.0 as usize] = Some(on_doorbell);
    table[ALARM.0 as usize] = Some(on_alarm);
    table
};

/// Handles a doorbell. The handler does not have to acknowledge it, because the device only pulses its interrupt line.
extern "C" fn on_doorbell() {
    RUNG.store(true, Ordering::Relaxed);
}

/// Masks the alarm's input, because the timer keeps its interrupt line asserted until `Alarm::silence`.
extern "C" fn on_alarm() {
    NVIC::mask(ALARM);
}

/// Enables the doorbell's interrupt. Earlier doorbells are lost.
pub fn enable_doorbell() {
    // SAFETY: the doorbell's handler only stores a flag. No critical section requires this input to be masked.
    unsafe { NVIC::unmask(DOORBELL) };
}

/// Enables the alarm's interrupt.
pub fn enable_alarm() {
    NVIC::unpend(ALARM);
    // SAFETY: the alarm's handler masks the input again. No critical section requires this input to be masked.
    unsafe { NVIC::unmask(ALARM) };
}
