//! What came of a torture, for people and for programs, and what the sides' lines say.

use serde::Serialize;

use super::vitals::Verdict;

/// What a side has counted since it started: `tally sent=… received=… cut=…`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    pub sent: u64,
    pub received: u64,
    pub cut: u64,
}

/// A line of a side that means something here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    /// The first message of a session came on this link.
    Talks(u8),
    /// A link went down; whether for silence.
    Down { link: u8, silent: bool },
    /// How far it is.
    Tally(Tally),
    /// A message that must not be: what kind, and how many of them.
    Wrong(Wrong, u64),
    /// A link cannot come up, or there is none.
    Refused,
}

/// What can be wrong with a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    Duplicated,
    Lost,
    Corrupted,
    Stale,
}

impl Word {
    /// What `line` says; none where it is of no concern.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        let kind = words.next()?;
        let mut rest = words.clone();
        let mut value = |key: &str| rest.find_map(|word| word.strip_prefix(key)?.strip_prefix('='));
        match kind {
            "talks" => Some(Self::Talks(value("link")?.parse().ok()?)),
            "down" => {
                let link = value("link")?.parse().ok()?;
                Some(Self::Down { link, silent: value("why")? == "silent" })
            }
            "tally" => {
                let mut number = |key| value(key)?.parse().ok();
                Some(Self::Tally(Tally { sent: number("sent")?, received: number("received")?, cut: number("cut")? }))
            }
            "wrong" => {
                let wrong = match words.next()? {
                    "duplicated" => Wrong::Duplicated,
                    "lost" => Wrong::Lost,
                    "corrupted" => Wrong::Corrupted,
                    _ => Wrong::Stale,
                };
                let mut number = |key| value(key)?.parse::<u64>().ok();
                let (expected, got) = (number("expected")?, number("got")?);
                let count = if wrong == Wrong::Lost { got.saturating_sub(expected) } else { 1 };
                Some(Self::Wrong(wrong, count))
            }
            "refused" | "error:" => Some(Self::Refused),
            _ => None,
        }
    }
}

/// What came of one pair, or of all.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Report {
    /// The pair, `star` or `all`.
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
    /// Messages received and checked.
    pub messages: u64,
    /// Under way when a session ended, at most: what may be lost.
    pub in_flight: u64,
    pub lost: u64,
    pub duplicated: u64,
    pub corrupted: u64,
    pub stale: u64,
    pub hung: u64,
    /// Sides that ended by themselves, or said that they cannot be.
    pub ended: u64,
    /// From a side's restart until both had a message of the other, in milliseconds, the guest's boot included.
    pub longest_recovery_ms: u64,
    /// The same without the boot: from the side's first line on.
    pub longest_recovery_after_boot_ms: u64,
    /// From a kill to the survivor's word that its peer is silent, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub death_noticed_ms: Option<(u64, u64)>,
    /// Deaths that were noticed by the peer's silence.
    pub deaths: u64,
    /// Recoveries and noticed deaths beyond their limits because the machine was busy: the processes concerned waited for a
    /// processor for as long.
    pub too_busy: u64,
    /// The same with nothing to explain it.
    pub untimely: u64,
    /// After scribbling: how often the two did not find together again by themselves, but after a restart.
    pub needed_a_restart: u64,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub findings: Vec<String>,
}

impl Report {
    /// What must not be.
    pub fn objections(&self) -> u64 {
        self.lost + self.duplicated + self.corrupted + self.stale + self.hung + self.ended + self.untimely
    }

    /// Adds another pair's.
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

    /// Counts what did not come in time; whether it did not.
    pub fn count(&mut self, verdict: Verdict) -> bool {
        self.too_busy += u64::from(verdict == Verdict::Busy);
        self.untimely += u64::from(verdict == Verdict::Untimely);
        verdict != Verdict::InTime
    }

    /// A death was noticed after so many milliseconds.
    pub fn noticed(&mut self, millis: u64) {
        let (least, most) = self.death_noticed_ms.unwrap_or((millis, millis));
        self.death_noticed_ms = Some((least.min(millis), most.max(millis)));
    }

    /// All of it as one line.
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
             {} in flight at an end; {} lost, {} duplicated, {} corrupted, {} stale, {} hung, {} ended; longest recovery \
             {} ms, {} ms after the boot{}; {} times too late or early on a busy machine, {} for no reason{}",
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
    fn lines_of_a_side_are_understood() {
        assert_eq!(Word::parse("talks link=2"), Some(Word::Talks(2)));
        assert_eq!(Word::parse("down link=0 why=silent"), Some(Word::Down { link: 0, silent: true }));
        assert_eq!(Word::parse("down link=1 why=left"), Some(Word::Down { link: 1, silent: false }));
        let line = "tally sent=5 received=4 cut=3 duplicated=0 lost=0 corrupted=0 stale=0";
        assert_eq!(Word::parse(line), Some(Word::Tally(Tally { sent: 5, received: 4, cut: 3 })));
        assert_eq!(Word::parse("wrong lost expected=3 got=7"), Some(Word::Wrong(Wrong::Lost, 4)));
        assert_eq!(Word::parse("wrong duplicated expected=3 got=2"), Some(Word::Wrong(Wrong::Duplicated, 1)));
        assert_eq!(Word::parse("up link=0 peer=3"), None);
        assert_eq!(Word::parse(""), None);
    }

    #[test]
    fn anything_that_must_not_be_is_an_objection() {
        let mut report = Report { in_flight: 9, kills: 3, ..Report::default() };
        assert_eq!(report.objections(), 0);
        report.add(&Report { stale: 1, hung: 1, ..Report::default() });
        assert_eq!(report.objections(), 2);
        assert!(!report.count(Verdict::InTime) && report.count(Verdict::Busy) && report.count(Verdict::Untimely));
        assert_eq!((report.objections(), report.too_busy), (3, 1));
        report.noticed(1010);
        report.noticed(990);
        assert_eq!(report.death_noticed_ms, Some((990, 1010)));
    }
}
