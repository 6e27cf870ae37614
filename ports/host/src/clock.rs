// SPDX-License-Identifier: Apache-2.0
//! The system's monotonic clock.

use amp_ivshmem::platform::Instant;
use rustix::fs::Timespec;
use rustix::time::{ClockId, clock_gettime};

/// Returns the time of CLOCK_MONOTONIC.
pub fn now() -> Instant {
    let time = clock_gettime(ClockId::Monotonic);
    // On Linux, this is the time since boot, so it is never negative.
    let (seconds, nanos) = (time.tv_sec.unsigned_abs(), time.tv_nsec.unsigned_abs());
    Instant::from_micros(seconds.saturating_mul(1_000_000).saturating_add(nanos / 1000))
}

/// Converts microseconds to a `Timespec` for system calls.
pub fn timespec(micros: u64) -> Timespec {
    let tv_sec = i64::try_from(micros / 1_000_000).unwrap_or(i64::MAX);
    Timespec { tv_sec, tv_nsec: i64::try_from((micros % 1_000_000).saturating_mul(1000)).unwrap_or(0) }
}
