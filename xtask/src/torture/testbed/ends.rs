// SPDX-License-Identifier: Apache-2.0
//! Detects members that exited on their own, and sessions that ended for no known reason.

use std::time::{Duration, Instant};

use amp::process::{self, Running};
use amp_ivshmem_workload::stream::PEER_TIMEOUT;
use anyhow::Result;

use super::Testbed;
use super::seen::Seen;
use super::sessions::Down;
use crate::torture::console::Why;
use crate::torture::heartbeats;
use crate::torture::verdict::{Death, Verdict};

impl Testbed<'_> {
    /// Counts that a member exited on its own, at most once for each incarnation.
    pub(super) fn note_end(&mut self, index: usize, incarnation: u32, how: &str) {
        let seen = &mut self.seen[index];
        if incarnation > seen.ended {
            seen.ended = incarnation;
            self.report.ended += 1;
            let label = self.members[index].machine.label(self.members[index].role);
            self.finding(format!("{label} ended by itself, {how}: {:?}", self.last_lines(index)));
        }
    }

    /// Sets whether errors are ignored. While a hostile peer overwrites the memory, the errors that running members
    /// report do not count.
    pub fn forgive(&mut self, forgiving: bool) {
        self.forgiving = forgiving;
        for seen in self.seen.iter_mut().filter(|_| forgiving) {
            seen.forgiven = seen.incarnation;
        }
    }

    /// Returns true if a member has exited on its own. Counts each exit once.
    pub(super) fn look_at_end(&mut self, index: usize) -> bool {
        let seen = &mut self.seen[index];
        let incarnation = seen.incarnation;
        if let Some(status) = seen.running.as_mut().and_then(Running::exit) {
            self.note_end(index, incarnation, &process::describe(status));
        }
        self.seen[index].ended == incarnation
    }

    /// Records each member that should be running but has exited on its own, and restarts the member.
    ///
    /// # Errors
    /// Returns an error if a member cannot be restarted.
    pub fn check_ended(&mut self) -> Result<()> {
        for index in 0..self.members.len() {
            if self.look_at_end(index) {
                self.kill(index);
                self.start(index)?;
            }
        }
        Ok(())
    }

    /// Periodically reads how long all members have waited for a CPU, and judges sessions that ended some time ago.
    pub(super) fn look_at_sessions(&mut self, now: Instant) {
        if self.waits.are_due(now) {
            let own = |seen: &Seen| seen.running.as_ref().map(Running::id);
            let waits = self.seen.iter().map(|seen| own(seen).and_then(|id| Some((id, heartbeats::waited(id)?))));
            self.waits.read(now, waits.collect());
        }
        for down in self.sessions.unprovoked(now) {
            self.judge(&down);
        }
    }

    /// Judges a session that ended without any action on its sides. On a busy machine, a side may have to wait for a
    /// CPU for so long that its peer reports a timeout. The timeout is then judged like the death of the waiting side.
    pub(super) fn judge(&mut self, down: &Down) {
        let Down { member, link, why, at, .. } = *down;
        let other = self.other_ends(member).into_iter().find(|&(_, of)| of == link);
        let mut verdict = None;
        if why == Why::Timeout
            && let Some((other, _)) = other
        {
            let beat = self.heartbeats.last_beat(self.members[other].role, link, at);
            let from = beat.unwrap_or(at - PEER_TIMEOUT);
            let death = Death {
                after: Duration::ZERO,
                silent: at - from,
                gap: Duration::ZERO,
                blind: self.heartbeats.blind_since(from),
                waited: self.waits.of(other, from, at).zip(Some(Duration::ZERO)),
            };
            verdict = Some((death.judge(PEER_TIMEOUT), death));
        }
        match verdict {
            Some((Verdict::Busy, _)) => self.report.too_busy += 1,
            _ => self.report.unprovoked += 1,
        }
        self.finding(format!(
            "side {member} says that link {link} is down, {why:?}, to which nothing was done: {verdict:?}"
        ));
    }
}
