// SPDX-License-Identifier: Apache-2.0
//! Judges the timing of events, and tells delays on a busy machine from defects.

use std::time::Duration;

use super::heartbeats::BEAT;

/// Time after which a pair counts as hung if it exchanges no messages. The time is much longer than any boot, because
/// other work may keep the machine busy.
pub const HUNG: Duration = Duration::from_secs(30);
/// Time limit from the restarted side's boot until both sides exchange messages again.
pub const RECOVERY: Duration = Duration::from_secs(1);

/// Measured times of a side's death, and of the report by the surviving side.
#[derive(Clone, Copy, Debug, Default)]
pub struct Death {
    /// Time from the kill to the survivor's report.
    pub after: Duration,
    /// Time from the killed side's last beat to the survivor's report.
    pub silent: Duration,
    /// Longest time between two beats of the survivor, from the kill to the survivor's report.
    pub gap: Duration,
    /// Longest time between two readings of the heartbeats. The test tries to read the heartbeats every few
    /// milliseconds.
    pub blind: Duration,
    /// Two waits for a CPU: by the killed side during the two heartbeat periods before its death, and by the survivor
    /// since the death. `None` if the kernel does not account for these times.
    pub waited: Option<(Duration, Duration)>,
}

/// The verdict on an event's timing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The event happened in time.
    InTime,
    /// The event was late or early because a side had to wait for a CPU.
    Busy,
    /// The event was late or early although no side had to wait for a CPU.
    Untimely,
}

impl Death {
    /// Returns the verdict on a death. The survivor should detect the death after `limit`, plus or minus one heartbeat
    /// period.
    pub fn judge(&self, limit: Duration) -> Verdict {
        // The kernel accounts for a wait only when the wait ends, so the killed side's last wait is missing. This
        // process mostly sleeps. If it was delayed by `blind`, the other processes were delayed for at least that long.
        let (dead_waited, survivor_waited) = self.waited.unwrap_or_default();
        let (dead_waited, survivor_waited) = (dead_waited.max(self.blind), survivor_waited.max(self.blind));
        // If the death was detected too early, the killed side's beats were already late before the kill. This is
        // explained if the side had to wait for a CPU.
        let early = (limit - BEAT).saturating_sub(self.after);
        // The survivor detects the death at one of its own beats, so each delay between these beats also delays the
        // detection.
        let late = self.after.saturating_sub(limit + BEAT);
        let explained = if !early.is_zero() {
            self.silent + self.blind >= limit && dead_waited >= early
        } else {
            late <= self.gap.saturating_sub(BEAT) + self.blind && survivor_waited >= late
        };
        match (early + late).is_zero() {
            true => Verdict::InTime,
            false if explained => Verdict::Busy,
            false => Verdict::Untimely,
        }
    }
}

/// Returns the verdict on a recovery that took `after_boot`. `waited` is how long all processes waited for a CPU in
/// total.
pub fn judge_recovery(after_boot: Duration, waited: Option<Duration>) -> Verdict {
    let late = after_boot.saturating_sub(RECOVERY);
    match waited.unwrap_or_default() {
        _ if late.is_zero() => Verdict::InTime,
        waited if waited >= late => Verdict::Busy,
        _ => Verdict::Untimely,
    }
}

/// Returns how much the wait has grown between two readings.
pub fn between(before: Option<Duration>, after: Option<Duration>) -> Option<Duration> {
    Some(after?.saturating_sub(before?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIMIT: Duration = Duration::from_secs(1);

    fn millis(number: u64) -> Duration {
        Duration::from_millis(number)
    }

    fn death(after: u64, silent: u64, gap: u64, waited: (u64, u64)) -> Death {
        let waited = Some((millis(waited.0), millis(waited.1)));
        Death { after: millis(after), silent: millis(silent), gap: millis(gap), blind: millis(5), waited }
    }

    #[test]
    fn a_death_within_the_limit_is_in_time_however_busy_the_machine() {
        assert_eq!(death(950, 1020, 100, (0, 0)).judge(LIMIT), Verdict::InTime);
        assert_eq!(death(1099, 1150, 100, (900, 900)).judge(LIMIT), Verdict::InTime);
    }

    #[test]
    fn an_early_word_is_a_defect_unless_the_dead_had_not_been_let_run() {
        assert_eq!(death(849, 1003, 100, (60, 0)).judge(LIMIT), Verdict::Busy);
        assert_eq!(death(849, 900, 100, (60, 0)).judge(LIMIT), Verdict::Untimely, "before the limit was over");
        assert_eq!(death(849, 1003, 100, (20, 0)).judge(LIMIT), Verdict::Untimely, "its beat was late for no reason");
        let blind = Death { blind: millis(498), ..death(799, 1001, 558, (12, 151)) };
        assert_eq!(blind.judge(LIMIT), Verdict::Busy, "nobody was let run");
    }

    #[test]
    fn a_late_word_is_a_defect_unless_the_survivor_was_not_let_run() {
        assert_eq!(death(3090, 3150, 2100, (0, 2050)).judge(LIMIT), Verdict::Busy);
        assert_eq!(death(3090, 3150, 100, (0, 2050)).judge(LIMIT), Verdict::Untimely, "it beat meanwhile");
        assert_eq!(death(3090, 3150, 2100, (0, 100)).judge(LIMIT), Verdict::Untimely, "it had a processor");
        let unknown = Death { waited: None, ..death(3090, 3150, 2100, (0, 0)) };
        assert_eq!(unknown.judge(LIMIT), Verdict::Untimely, "the kernel does not say");
    }

    #[test]
    fn one_to_whom_nothing_was_done_is_silent_only_where_it_was_not_let_run() {
        assert_eq!(death(0, 1030, 0, (900, 0)).judge(LIMIT), Verdict::Busy);
        assert_eq!(death(0, 1030, 0, (880, 0)).judge(LIMIT), Verdict::Untimely, "it had a processor, and did not beat");
        assert_eq!(death(0, 980, 0, (2000, 0)).judge(LIMIT), Verdict::Untimely, "the other did not wait for the limit");
        let unknown = Death { waited: None, ..death(0, 1030, 0, (0, 0)) };
        assert_eq!(unknown.judge(LIMIT), Verdict::Untimely, "the kernel does not say");
    }

    #[test]
    fn a_recovery_is_in_time_or_explained_or_neither() {
        assert_eq!(judge_recovery(millis(999), None), Verdict::InTime);
        assert_eq!(judge_recovery(millis(1066), Some(millis(70))), Verdict::Busy);
        assert_eq!(judge_recovery(millis(1066), Some(millis(60))), Verdict::Untimely);
    }
}
