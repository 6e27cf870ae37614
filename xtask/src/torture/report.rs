// SPDX-License-Identifier: Apache-2.0
//! The result of a torture test, as text and as JSON.

use serde::Serialize;

use super::verdict::Verdict;

/// The result for one pair, or for all pairs.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The pair's name, `star` or `all`.
    pub pair: String,
    pub seed: u64,
    pub seconds: f64,
    pub kills: u64,
    pub stops: u64,
    pub resets: u64,
    pub leaves: u64,
    pub restarts: u64,
    pub server_restarts: u64,
    pub bursts_of_scribbling: u64,
    /// Number of messages received and checked.
    pub messages: u64,
    /// Maximum number of messages that were in flight when sessions ended. Messages in flight may be lost.
    pub in_flight: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub corrupted: u64,
    pub stale: u64,
    pub hung: u64,
    /// Number of sides that exited on their own, or reported that they cannot run.
    pub ended: u64,
    /// Number of sessions that a side ended because of invalid memory contents, although no hostile peer had
    /// overwritten the memory.
    pub faults: u64,
    /// Number of sessions that ended without any action on either side.
    pub unprovoked: u64,
    /// Number of times that a side left, but the peer reported a different reason for the end of the session.
    pub unheard: u64,
    /// Longest time in milliseconds from a side's restart until both sides had received a message from each other.
    /// Includes the boot time of a guest.
    pub longest_recovery_ms: u64,
    /// Longest time in milliseconds from a restarted side's first line until both sides had received a message from
    /// each other.
    pub longest_recovery_after_boot_ms: u64,
    /// Shortest and longest time in milliseconds from a kill until the survivor reported a timeout.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub death_noticed_ms: Option<(u64, u64)>,
    /// Number of deaths that a peer detected by a timeout.
    pub deaths: u64,
    /// Number of recoveries and detected deaths that missed their time limits on a busy machine, because the processes
    /// had to wait for a CPU.
    pub too_busy: u64,
    /// Number of recoveries and detected deaths that missed their time limits although the machine was not busy.
    pub untimely: u64,
    /// Number of times that the sides did not connect again after a hostile peer had overwritten the memory, and had to
    /// be restarted.
    pub needed_a_restart: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

impl Report {
    /// Returns the number of failures.
    pub fn objections(&self) -> u64 {
        let messages = self.lost + self.duplicated + self.corrupted + self.stale;
        let sessions = self.faults + self.unprovoked + self.unheard;
        messages + sessions + self.hung + self.ended + self.untimely + self.needed_a_restart
    }

    /// Adds another pair's result to this result.
    pub fn add(&mut self, other: &Self) {
        self.seconds += other.seconds;
        for (sum, more) in [
            (&mut self.kills, other.kills),
            (&mut self.stops, other.stops),
            (&mut self.resets, other.resets),
            (&mut self.leaves, other.leaves),
            (&mut self.restarts, other.restarts),
            (&mut self.server_restarts, other.server_restarts),
            (&mut self.bursts_of_scribbling, other.bursts_of_scribbling),
            (&mut self.messages, other.messages),
            (&mut self.in_flight, other.in_flight),
            (&mut self.lost, other.lost),
            (&mut self.duplicated, other.duplicated),
            (&mut self.corrupted, other.corrupted),
            (&mut self.stale, other.stale),
            (&mut self.hung, other.hung),
            (&mut self.ended, other.ended),
            (&mut self.faults, other.faults),
            (&mut self.unprovoked, other.unprovoked),
            (&mut self.unheard, other.unheard),
            (&mut self.needed_a_restart, other.needed_a_restart),
            (&mut self.deaths, other.deaths),
            (&mut self.too_busy, other.too_busy),
            (&mut self.untimely, other.untimely),
        ] {
            *sum += more;
        }
        self.longest_recovery_ms = self.longest_recovery_ms.max(other.longest_recovery_ms);
        self.longest_recovery_after_boot_ms =
            self.longest_recovery_after_boot_ms.max(other.longest_recovery_after_boot_ms);
        if let Some((least, most)) = other.death_noticed_ms {
            self.noticed(least);
            self.noticed(most);
        }
        self.findings.extend(other.findings.iter().cloned());
    }

    /// Counts an event according to its verdict. Returns true if the event was late or early.
    pub fn count(&mut self, verdict: Verdict) -> bool {
        self.too_busy += u64::from(verdict == Verdict::Busy);
        self.untimely += u64::from(verdict == Verdict::Untimely);
        verdict != Verdict::InTime
    }

    /// Records that a death was detected after this many milliseconds.
    pub fn noticed(&mut self, millis: u64) {
        let (least, most) = self.death_noticed_ms.unwrap_or((millis, millis));
        self.death_noticed_ms = Some((least.min(millis), most.max(millis)));
    }

    /// Returns the whole result as one line.
    pub fn line(&self) -> String {
        let noticed = self
            .death_noticed_ms
            .map(|(least, most)| format!("; {} deaths noticed after {least} to {most} ms", self.deaths));
        let hostile = (self.bursts_of_scribbling > 0).then(|| {
            format!(
                "; {} bursts of scribbling, {} of them mended by a restart",
                self.bursts_of_scribbling, self.needed_a_restart
            )
        });
        format!(
            "{}: {:.0} s, {} kills, {} leaves, {} resets, {} stops, {} restarts, {} of the server; {} messages, at most \
             {} in flight at an end; {} lost, {} duplicated, {} corrupted, {} stale, {} hung, {} ended; sessions: {} with \
             a fault, {} ended unprovoked, {} leaves unheard; longest recovery {} ms, {} ms after the boot{}; {} times too late or early on a busy machine, {} for no reason{}",
            self.pair,
            self.seconds,
            self.kills,
            self.leaves,
            self.resets,
            self.stops,
            self.restarts,
            self.server_restarts,
            self.messages,
            self.in_flight,
            self.lost,
            self.duplicated,
            self.corrupted,
            self.stale,
            self.hung,
            self.ended,
            self.faults,
            self.unprovoked,
            self.unheard,
            self.longest_recovery_ms,
            self.longest_recovery_after_boot_ms,
            noticed.unwrap_or_default(),
            self.too_busy,
            self.untimely,
            hostile.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn programs_find_what_is_promised_under_its_name() {
        let report = Report { seed: 7, longest_recovery_ms: 812, in_flight: 3, ..Report::default() };
        let json: serde_json::Value = serde_json::from_str(&serde_json::to_string(&report).unwrap()).unwrap();
        for (field, value) in [
            ("seed", 7),
            ("kills", 0),
            ("restarts", 0),
            ("messages", 0),
            ("lost", 0),
            ("duplicated", 0),
            ("corrupted", 0),
            ("hung", 0),
            ("longest_recovery_ms", 812),
            ("in_flight", 3),
            ("ended", 0),
            ("faults", 0),
            ("unprovoked", 0),
            ("unheard", 0),
            ("needed_a_restart", 0),
        ] {
            assert_eq!(json.get(field).and_then(serde_json::Value::as_u64), Some(value), "{field}");
        }
    }

    #[test]
    fn anything_that_must_not_be_is_an_objection() {
        let mut report = Report { in_flight: 9, kills: 3, ..Report::default() };
        assert_eq!(report.objections(), 0);
        report.add(&Report { stale: 1, hung: 1, ..Report::default() });
        report.add(&Report { needed_a_restart: 1, ended: 1, ..Report::default() });
        report.add(&Report { faults: 1, unprovoked: 1, unheard: 1, ..Report::default() });
        assert_eq!(report.objections(), 7);
        assert!(!report.count(Verdict::InTime) && report.count(Verdict::Busy) && report.count(Verdict::Untimely));
        assert_eq!((report.objections(), report.too_busy), (8, 1));
        report.noticed(1010);
        report.noticed(990);
        assert_eq!(report.death_noticed_ms, Some((990, 1010)));
    }
}
