//! The interrupts: two handlers, the doorbell's and the alarm's, and the table that names them. Knows no device.

use core::sync::atomic::{AtomicBool, Ordering};

use ::cortex_m::interrupt::InterruptNumber;
use ::cortex_m::peripheral::NVIC;

use super::PLACE;

/// Whether the doorbell has rung since `wait` last returned.
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

/// The flat device's.
pub const DOORBELL: Input = Input(PLACE.interrupt);
/// Timer 0A's.
pub const ALARM: Input = Input(19);

const INPUTS: usize = DOORBELL.0 as usize + 1;

/// What `cortex-m-rt` puts behind the exceptions: just as many as are needed. The others are never enabled.
#[unsafe(no_mangle)]
#[unsafe(link_section = ".vector_table.interrupts")]
static __INTERRUPTS: [Option<extern "C" fn()>; INPUTS] = {
    let mut table: [Option<extern "C" fn()>; INPUTS] = [None; INPUTS];
    table[DOORBELL.0 as usize] = Some(on_doorbell);
    table[ALARM.0 as usize] = Some(on_alarm);
    table
};

/// The device pulses its line, and taking the interrupt has cleared it; nothing is left to acknowledge.
extern "C" fn on_doorbell() {
    RUNG.store(true, Ordering::Relaxed);
}

/// The timer holds its line until it is silenced, which needs the timer: until then the input is masked.
extern "C" fn on_alarm() {
    NVIC::mask(ALARM);
}

/// From here on doorbells are taken; those before are lost.
pub fn enable_doorbell() {
    // SAFETY: its handler stores a flag; it breaks into no critical section that relies on the mask.
    unsafe { NVIC::unmask(DOORBELL) };
}

/// From here on the alarm is taken.
pub fn enable_alarm() {
    NVIC::unpend(ALARM);
    // SAFETY: its handler masks it again; it breaks into no critical section that relies on the mask.
    unsafe { NVIC::unmask(ALARM) };
}
