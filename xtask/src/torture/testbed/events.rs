// SPDX-License-Identifier: Apache-2.0
//! Interprets the members' console lines.

use std::time::Instant;

use amp::output;
use amp::process::Source;

use super::Testbed;
use super::seen::Event;
use crate::torture::console::{Report, Tally, Why, Word, Wrong};

impl Testbed<'_> {
    /// Handles a console line.
    pub(super) fn hear(&mut self, event: Event) {
        let Some(line) = event.line else { return };
        let label = self.members[event.member].machine.label(self.members[event.member].role);
        if self.verbose {
            output::show_error(&format!("{label} | {line}"));
        }
        let seen = &mut self.seen[event.member];
        if !line.starts_with("tally ") {
            seen.last_lines.push(&line);
        }
        // Late lines from an earlier incarnation are also handled, because the wrong messages that they report count.
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
                    // The machine was reset, so its counts start from 0 again.
                    self.bank(index);
                }
                let seen = &mut self.seen[index];
                // A caller waits for progress after an event, so both tallies must come after the event. This is why
                // the time of the previous tally is recorded. Stale messages count as progress: if a session's first
                // message was overwritten, the receiver treats all later messages in the session as stale.
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

    /// Records a finding, up to a maximum number.
    pub fn finding(&mut self, text: String) {
        output::show_error(&format!("amp: torture: {text}"));
        if self.report.findings.len() < 50 {
            self.report.findings.push(text);
        }
    }

    pub fn last_lines(&self, index: usize) -> Vec<String> {
        self.seen[index].last_lines.to_vec()
    }

    /// Returns true if both sides of each of the member's links have received messages in a session that began after
    /// `since`.
    pub fn talks_anew(&self, index: usize, since: Instant) -> bool {
        self.members[index].links.clone().all(|link| {
            let both = (0..self.members.len()).filter(|&other| self.members[other].links.contains(&link));
            both.into_iter().all(|member| self.seen[member].talks.get(&link).is_some_and(|&at| at > since))
        })
    }

    /// Returns true if a member has received messages after `since`. The messages may belong to any session.
    pub fn progresses(&self, index: usize, since: Instant) -> bool {
        self.seen[index].progress.is_some_and(|at| at > since)
    }

    /// Returns when and why a member's link last went down.
    pub fn down(&self, index: usize, link: u8) -> Option<(Instant, Why)> {
        self.seen[index].downs.get(&link).copied()
    }

    /// Returns the time of the first line from a member's current incarnation.
    pub fn first_line(&self, index: usize) -> Option<Instant> {
        self.seen[index].first_line
    }
}
