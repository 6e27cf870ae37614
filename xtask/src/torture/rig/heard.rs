//! What the consoles of those under torture have said, and what follows from it.

use std::collections::BTreeMap;
use std::time::Instant;

use super::Rig;
use crate::torture::word::{Report, Tally, Why, Word, Wrong};
use amp::process::{LastLines, Running, Source};

/// A line of a member's console, or its end.
pub(super) struct Event {
    pub(super) member: usize,
    pub(super) incarnation: u32,
    pub(super) source: Source,
    pub(super) line: Option<String>,
    pub(super) at: Instant,
}

/// What is known of a member.
#[derive(Default)]
pub(super) struct Seen {
    pub(super) running: Option<Running>,
    pub(super) incarnation: u32,
    /// The last incarnation that is known to have ended by itself.
    pub(super) ended: u32,
    /// Up to which incarnation wrong messages are expected, and links may go down: somebody scribbles.
    pub(super) forgiven: u32,
    pub(super) first_line: Option<Instant>,
    /// By link: when the first message of the last session came, and when the last session ended.
    pub(super) talks: BTreeMap<u8, Instant>,
    pub(super) downs: BTreeMap<u8, (Instant, Why)>,
    pub(super) tally: Tally,
    /// When `tally.received` last grew, from one line to the next.
    pub(super) progress: Option<Instant>,
    pub(super) last_tally: Option<Instant>,
    pub(super) last_lines: LastLines,
}

impl Rig<'_> {
    /// Takes a line in.
    pub(super) fn hear(&mut self, event: Event) {
        let Some(line) = event.line else { return };
        let label = self.members[event.member].machine.label(self.members[event.member].role);
        if self.verbose {
            eprintln!("{label} | {line}");
        }
        let seen = &mut self.seen[event.member];
        if !line.starts_with("tally ") {
            seen.last_lines.push(&line);
        }
        // What a former incarnation still had to say: its wrong messages count all the same.
        let current = event.incarnation == seen.incarnation && event.source == Source::Output;
        let forgiven = event.incarnation <= seen.forgiven;
        match Word::parse(&line) {
            Some(Word::Died) => self.note_end(event.member, event.incarnation, &line),
            Some(Word::Report(Report::Wrong { .. })) if event.source == Source::Errors || forgiven => {}
            Some(Word::Report(Report::Wrong { kind, expected, got })) => {
                let count = if kind == Wrong::Lost { u64::from(got.saturating_sub(expected)) } else { 1 };
                match kind {
                    Wrong::Duplicated => self.report.duplicated += count,
                    Wrong::Lost => self.report.lost += count,
                    Wrong::Corrupted => self.report.corrupted += count,
                    Wrong::Stale => self.report.stale += count,
                }
                self.finding(format!("{label}: {line}"));
            }
            Some(Word::Report(report @ Report::Down { why, .. }))
                if why.is_fault() && event.source == Source::Output && !forgiven =>
            {
                self.report.faults += 1;
                self.finding(format!("{label}: {line}"));
                if current {
                    self.note(event.member, report, event.at, forgiven);
                }
            }
            Some(Word::Report(report)) if current => self.note(event.member, report, event.at, forgiven),
            _ => {}
        }
    }

    fn note(&mut self, index: usize, report: Report, at: Instant, forgiven: bool) {
        let seen = &mut self.seen[index];
        seen.first_line.get_or_insert(at);
        match report {
            Report::Up { link, .. } => self.sessions.up(index, link, at),
            Report::Talks { link } => {
                seen.talks.insert(link, at);
            }
            Report::Down { link, why } => {
                seen.downs.insert(link, (at, why));
                if !forgiven {
                    self.sessions.down(index, link, why, at);
                }
            }
            Report::Tally(tally) => {
                if tally.sent < seen.tally.sent {
                    // It was reset, and counts anew.
                    self.bank(index);
                }
                let seen = &mut self.seen[index];
                // Both ends of the interval must lie after what is waited for: the former one counts. A session whose first
                // message somebody has scribbled over takes the others for stale, but they come.
                let came = |tally: Tally| u64::from(tally.received) + u64::from(tally.stale);
                if came(tally) > came(seen.tally) {
                    seen.progress = seen.last_tally;
                }
                seen.last_tally = Some(at);
                seen.tally = tally;
            }
            Report::Incompatible { .. } if !forgiven => {
                self.report.ended += 1;
                self.finding(format!("side {index} says that it cannot be: {:?}", self.last_lines(index)));
            }
            Report::Incompatible { .. } | Report::Wrong { .. } => {}
        }
    }

    /// Remembers what is wrong, up to a number.
    pub fn finding(&mut self, text: String) {
        eprintln!("amp: torture: {text}");
        if self.report.findings.len() < 50 {
            self.report.findings.push(text);
        }
    }

    pub fn last_lines(&self, index: usize) -> Vec<String> {
        self.seen[index].last_lines.to_vec()
    }

    /// Whether all links of `index` have begun new sessions since, on both sides.
    pub fn talks_anew(&self, index: usize, since: Instant) -> bool {
        self.members[index].links.clone().all(|link| {
            let both = (0..self.members.len()).filter(|&other| self.members[other].links.contains(&link));
            both.into_iter().all(|member| self.seen[member].talks.get(&link).is_some_and(|&at| at > since))
        })
    }

    /// Whether a member receives, whatever its sessions.
    pub fn progresses(&self, index: usize, since: Instant) -> bool {
        self.seen[index].progress.is_some_and(|at| at > since)
    }

    /// When a member's link last went down, and why.
    pub fn down(&self, index: usize, link: u8) -> Option<(Instant, Why)> {
        self.seen[index].downs.get(&link).copied()
    }

    /// When a member's present incarnation said its first word.
    pub fn first_line(&self, index: usize) -> Option<Instant> {
        self.seen[index].first_line
    }
}
