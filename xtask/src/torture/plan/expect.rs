// SPDX-License-Identifier: Apache-2.0
//! Checks that each action has the expected effects, and records a finding if an effect is missing.

use std::time::{Duration, Instant};

use amp::process;
use amp_ivshmem_workload::stream::PEER_TIMEOUT;
use anyhow::Result;

use super::Plan;
use crate::torture::console::Why;
use crate::torture::testbed::Testbed;
use crate::torture::verdict::{self, Death, HUNG, between};

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

impl Plan<'_> {
    /// Expects that all links of these sides soon begin new sessions. Both ends of each link must report the new
    /// session.
    pub(super) fn expect_anew(
        &mut self,
        testbed: &mut Testbed<'_>,
        sides: &[usize],
        since: Instant,
        name: &str,
    ) -> Result<()> {
        let before = testbed.all_waited();
        if self.wait(testbed, HUNG, |testbed| sides.iter().all(|&side| testbed.talks_anew(side, since)))? {
            let recovery = since.elapsed();
            let boot = sides.iter().filter_map(|&side| testbed.first_line(side)).max();
            let after_boot = boot.map_or(recovery, |boot| boot.max(since).elapsed());
            testbed.report.longest_recovery_ms = testbed.report.longest_recovery_ms.max(millis(recovery));
            testbed.report.longest_recovery_after_boot_ms =
                testbed.report.longest_recovery_after_boot_ms.max(millis(after_boot));
            if after_boot > verdict::RECOVERY {
                // The waits of several processes may happen one after the other, so the sum of all waits is the longest
                // delay that they can explain.
                let since = |(process, after): (u32, Duration)| {
                    after.saturating_sub(before.get(&process).copied().unwrap_or_default())
                };
                let waited = testbed.all_waited().into_iter().map(since).reduce(|sum, more| sum + more);
                let verdict = verdict::judge_recovery(after_boot, waited);
                if testbed.report.count(verdict) {
                    testbed.finding(format!(
                        "recovery after {name}: {verdict:?}: {recovery:?}, {after_boot:?} after the boot; all waited \
                         {waited:?} for a processor"
                    ));
                }
            }
            return Ok(());
        }
        self.hung(testbed, name)
    }

    /// Expects that these sides soon receive messages.
    pub(super) fn expect_progress(&mut self, testbed: &mut Testbed<'_>, sides: &[usize], name: &str) -> Result<()> {
        let since = Instant::now();
        if self.wait(testbed, HUNG, |testbed| sides.iter().all(|&side| testbed.progresses(side, since)))? {
            return Ok(());
        }
        self.hung(testbed, name)
    }

    /// Expects that the partners of a killed side detect the death within the time limit. `dead_waited` is how long the
    /// killed side waited for a CPU just before its death. `before` is how long each member had waited for a CPU from
    /// its start until the kill.
    pub(super) fn expect_noticed(
        &mut self,
        testbed: &mut Testbed<'_>,
        index: usize,
        since: Instant,
        dead_waited: Option<Duration>,
        before: &[Option<Duration>],
    ) -> Result<()> {
        for (other, link) in testbed.other_ends(index) {
            if let Some((at, Why::Timeout)) = self.notices(testbed, (other, link), since, index)? {
                let waited = between(before[other], testbed.waited()[other]);
                let last = testbed.heartbeats.beat(testbed.members[index].role, link, at);
                let death = Death {
                    after: at - since,
                    silent: last.map_or(at - since, |(beat, _)| at.saturating_duration_since(beat)),
                    gap: testbed
                        .heartbeats
                        .beat(testbed.members[other].role, link, at)
                        .map_or(Duration::ZERO, |(_, gap)| gap),
                    blind: testbed.heartbeats.blind(),
                    waited: dead_waited.zip(waited),
                };
                testbed.report.noticed(millis(death.after));
                testbed.report.deaths += 1;
                let verdict = death.judge(PEER_TIMEOUT);
                if testbed.report.count(verdict) {
                    testbed.finding(format!("side {other} and the death of side {index}: {verdict:?}: {death:?}"));
                }
            }
        }
        Ok(())
    }

    /// Expects that the partners of side `index` report that this side has left. If `all` is false, a partner may also
    /// report a restart, or report nothing.
    pub(super) fn expect_heard(
        &mut self,
        testbed: &mut Testbed<'_>,
        index: usize,
        since: Instant,
        all: bool,
    ) -> Result<()> {
        for (other, link) in testbed.other_ends(index) {
            let said = if all {
                self.notices(testbed, (other, link), since, index)?
            } else {
                testbed.down(other, link).filter(|&(at, _)| at > since)
            };
            // A partner reports a restart if it polls only after the successor has started.
            let good = |why| why == Why::Left || !all && why == Why::Restarted;
            if let Some((_, why)) = said.filter(|&(_, why)| !good(why)) {
                testbed.report.unheard += 1;
                testbed.finding(format!("side {index} left, but side {other} says {why:?}"));
            }
        }
        Ok(())
    }

    /// Waits until side `other` reports that its link to side `index` has gone down. Returns the time and the reason.
    /// Records a finding if no report arrives after `since`.
    fn notices(
        &self,
        testbed: &mut Testbed<'_>,
        (other, link): (usize, u8),
        since: Instant,
        index: usize,
    ) -> Result<Option<(Instant, Why)>> {
        let noticed = |testbed: &mut Testbed<'_>| testbed.down(other, link).filter(|&(at, _)| at > since);
        if !self.wait(testbed, HUNG, |testbed| noticed(testbed).is_some())? {
            testbed.report.hung += 1;
            testbed.finding(format!("side {other} never noticed the end of side {index}"));
        }
        Ok(noticed(testbed))
    }

    /// Waits until `done` returns true or `limit` expires. Returns true if `done` returned true.
    pub(super) fn wait(
        &self,
        testbed: &mut Testbed<'_>,
        limit: Duration,
        mut done: impl FnMut(&mut Testbed<'_>) -> bool,
    ) -> Result<bool> {
        let end = Instant::now() + limit;
        while !done(testbed) {
            if Instant::now() > end {
                return Ok(false);
            }
            process::check_interrupts()?;
            testbed.listen(Duration::from_millis(2))?;
        }
        Ok(true)
    }

    /// Records that a pair no longer makes progress, and restarts all sides so that the test can continue.
    pub(super) fn hung(&mut self, testbed: &mut Testbed<'_>, name: &str) -> Result<()> {
        testbed.report.hung += 1;
        let lines: Vec<_> = (0..testbed.members.len()).map(|side| testbed.last_lines(side)).collect();
        testbed.finding(format!("hung after {name}: {lines:?}"));
        testbed.restart_server()?;
        for side in 0..testbed.members.len() {
            testbed.kill(side);
        }
        for side in 0..testbed.members.len() {
            testbed.start(side)?;
        }
        testbed.listen(Duration::from_secs(3))
    }
}
