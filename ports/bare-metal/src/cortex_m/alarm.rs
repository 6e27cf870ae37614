// SPDX-License-Identifier: Apache-2.0
//! An alarm for deadlines. It uses general-purpose timer 0 as a 32-bit one-shot timer.

use safe_mmio::fields::{ReadPure, ReadPureWrite, WriteOnly};
use safe_mmio::{UniqueMmioPointer, field};

use super::{map, vectors};

const TIMER0: usize = 0x4003_0000;
const WHOLE: u32 = 0;
const ONE_SHOT: u32 = 1;
const ENABLE_A: u32 = 1;
const TIMED_OUT_A: u32 = 1;

/// Maximum delay of an alarm in microseconds, so that 25 times the delay fits in 32 bits. Longer alarms fire early.
const LONGEST: u64 = 60_000_000;

/// The timer's registers. Source: LM3S6965 data sheet, section "General-Purpose Timers", register map.
#[repr(C)]
struct Timer {
    /// 0x00
    cfg: ReadPureWrite<u32>,
    /// 0x04
    tamr: ReadPureWrite<u32>,
    _tbmr: u32,
    /// 0x0C
    ctl: ReadPureWrite<u32>,
    _0: [u32; 2],
    /// 0x18
    imr: ReadPureWrite<u32>,
    _ris: ReadPure<u32>,
    _mis: ReadPure<u32>,
    /// 0x24
    icr: WriteOnly<u32>,
    /// 0x28
    tailr: ReadPureWrite<u32>,
}

const _: () = assert!(size_of::<Timer>() == 0x2c);

/// The timer.
pub struct Alarm(UniqueMmioPointer<'static, Timer>);

impl Alarm {
    /// Takes the timer and sets it up with no alarm.
    ///
    /// # Safety
    /// Must be called only once.
    pub unsafe fn new() -> Self {
        // SAFETY: timer 0 of the LM3S6965 is at this address. The caller guarantees that this is the only pointer to
        // it.
        let mut timer = unsafe { UniqueMmioPointer::new(map::address::<Timer>(TIMER0)) };
        field!(timer, ctl).write(0);
        field!(timer, cfg).write(WHOLE);
        field!(timer, tamr).write(ONE_SHOT);
        field!(timer, imr).write(TIMED_OUT_A);
        Self(timer)
    }

    /// Sets an alarm that raises an interrupt after `micros` microseconds, or after one minute if that is sooner.
    pub fn set(&mut self, micros: u64) {
        self.silence();
        // 12.5 ticks per microsecond, rounded up and never 0.
        let ticks = micros.min(LONGEST) as u32 * 25 / 2 + 1;
        field!(self.0, tailr).write(ticks);
        vectors::enable_alarm();
        field!(self.0, ctl).write(ENABLE_A);
    }

    /// Cancels the alarm.
    pub fn silence(&mut self) {
        field!(self.0, ctl).write(0);
        field!(self.0, icr).write(TIMED_OUT_A);
    }
}
