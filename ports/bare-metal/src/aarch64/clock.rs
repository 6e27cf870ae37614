// SPDX-License-Identifier: Apache-2.0
//! The generic timer, which provides the time and an alarm. This module also contains the sleep function.

use core::arch::asm;

use amp_ivshmem::platform::Instant;

const MICROS: u64 = 1_000_000;
const ENABLE: u64 = 1;

/// The virtual timer and its frequency. The counter has at least 56 bits, so it does not wrap while the machine runs.
#[derive(Clone, Copy)]
pub struct Clock {
    /// Frequency in Hz. The register has 32 bits.
    frequency: u64,
    /// Microseconds per tick, in units of 2⁻⁶⁴. Rounded up, so that alarms are never early. At exactly 1 MHz, the value
    /// saturates and is slightly too small.
    scale: u64,
}

impl Clock {
    /// Returns the timer, or `None` if its frequency is below 1 MHz because firmware has not set it.
    pub fn new() -> Option<Self> {
        let frequency: u64;
        // SAFETY: only reads a register.
        unsafe { asm!("mrs {}, cntfrq_el0", out(reg) frequency, options(nomem, nostack, preserves_flags)) };
        let scale = || u64::try_from((u128::from(MICROS) << 64).div_ceil(u128::from(frequency))).unwrap_or(u64::MAX);
        (frequency >= MICROS).then(|| Self { frequency, scale: scale() })
    }

    /// Returns the time since the machine started.
    pub fn now(self) -> Instant {
        let ticks: u64;
        // Without the barrier, the CPU could read the counter before it executes earlier instructions.
        // SAFETY: only reads a register.
        unsafe { asm!("isb", "mrs {}, cntvct_el0", out(reg) ticks, options(nomem, nostack, preserves_flags)) };
        // CAST: takes the high half. The low half is the fraction of a microsecond.
        Instant::from_micros(((u128::from(ticks) * u128::from(self.scale)) >> 64) as u64)
    }

    /// Raises the timer interrupt at `deadline`, or at once if `deadline` has passed.
    pub fn alarm(self, deadline: Instant) {
        let micros = deadline.as_micros();
        // Rounded up, so that the alarm is not early. Saturated, so that a huge deadline does not wrap.
        let ticks = (micros / MICROS)
            .saturating_mul(self.frequency)
            .saturating_add((micros % MICROS * self.frequency).div_ceil(MICROS));
        // SAFETY: only sets this core's timer. Only `wait` handles the timer's interrupt.
        unsafe { asm!("msr cntv_cval_el0, {}", in(reg) ticks, options(nomem, nostack, preserves_flags)) };
        Self::control(ENABLE);
    }

    /// Cancels the alarm.
    pub fn silence(self) {
        Self::control(0);
    }

    fn control(value: u64) {
        // The barrier makes the write take effect before the next access to the interrupt controller.
        // SAFETY: as in `alarm`.
        unsafe { asm!("msr cntv_ctl_el0, {}", "isb", in(reg) value, options(nomem, nostack, preserves_flags)) };
    }
}

/// Sleeps until an interrupt is pending, even if it is masked.
pub fn sleep() {
    // Not `nomem`, so that earlier stores are visible to other machines before this core sleeps.
    // SAFETY: only waits for an interrupt.
    unsafe { asm!("dsb sy", "wfi", options(nostack, preserves_flags)) };
}
