// SPDX-License-Identifier: Apache-2.0
//! The generic timer, which provides the time, an alarm, and sleeping.

use core::arch::asm;

use amp_ivshmem::platform::Instant;

const MICROS: u64 = 1_000_000;
const ENABLE: u64 = 1;

/// The virtual timer and its frequency. The counter has at least 56 bits and does not wrap while a machine runs.
#[derive(Clone, Copy)]
pub struct Clock {
    /// In Hz; 32 bits in the register.
    frequency: u64,
    /// Microseconds per tick, in units of 2⁻⁶⁴. Rounded up, so that no alarm is early; at 1 MHz it is slightly too small.
    scale: u64,
}

impl Clock {
    /// Returns the timer, or `None` if its frequency is below 1 MHz. No generic timer is that slow, so firmware has not
    /// set it.
    pub fn new() -> Option<Self> {
        let frequency: u64;
        // SAFETY: reads a register.
        unsafe { asm!("mrs {}, cntfrq_el0", out(reg) frequency, options(nomem, nostack, preserves_flags)) };
        let scale = || u64::try_from((u128::from(MICROS) << 64).div_ceil(u128::from(frequency))).unwrap_or(u64::MAX);
        (frequency >= MICROS).then(|| Self { frequency, scale: scale() })
    }

    /// Returns the time since the machine was started.
    pub fn now(self) -> Instant {
        let ticks: u64;
        // Without the barrier the CPU could read the counter before earlier instructions.
        // SAFETY: reads a register.
        unsafe { asm!("isb", "mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags)) };
        // CAST: takes the high half, because the low half holds fractions.
        Instant::from_micros(((u128::from(ticks) * u128::from(self.scale)) >> 64) as u64)
    }

    /// Raises the timer's interrupt at `deadline`, or at once if that has passed.
    pub fn alarm(self, deadline: Instant) {
        let micros = deadline.as_micros();
        // Rounded up, so that the alarm is not early. A deadline at the end of time stays there.
        let ticks = (micros / MICROS)
            .saturating_mul(self.frequency)
            .saturating_add((micros % MICROS * self.frequency).div_ceil(MICROS));
        // SAFETY: sets the timer of this core; its interrupt is taken by `wait` only.
        unsafe { asm!("msr cntv_cval_el0, {}", in(reg) ticks, options(nomem, nostack, preserves_flags)) };
        Self::control(ENABLE);
    }

    /// Withdraws the alarm.
    pub fn silence(self) {
        Self::control(0);
    }

    fn control(value: u64) {
        // The barrier makes the write take effect before the next access to the interrupt controller.
        // SAFETY: as in `alarm`.
        unsafe { asm!("msr cntv_ctl_el0, {}", "isb", in(reg) value, options(nomem, nostack, preserves_flags)) };
    }
}

/// Sleeps until an interrupt is pending, masked or not.
pub fn sleep() {
    // Not `nomem`, so that earlier stores are visible to others before this core stops.
    // SAFETY: only waits.
    unsafe { asm!("dsb sy", "wfi", options(nostack, preserves_flags)) };
}
