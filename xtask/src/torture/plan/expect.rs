//! What must follow from what was done, and the judgement where it does not.

use std::time::{Duration, Instant};

use amp_ivshmem_workload::stream::PEER_TIMEOUT;
use anyhow::Result;

use super::Plan;
use crate::torture::rig::Rig;
use crate::torture::verdict::{self, Death};
use crate::torture::word::Why;
use amp::process;

/// How long a pair may take until it talks again before it counts as hung, after scribbling, too: much longer than any boot,
/// since other work may keep the machine busy.
pub(super) const HUNG: Duration = Duration::from_secs(30);

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What was waited between two readings.
pub(super) fn between(before: Option<Duration>, after: Option<Duration>) -> Option<Duration> {
    Some(after?.saturating_sub(before?))
}

impl Plan<'_> {
    /// The links of these sides begin new sessions, on both sides, before long.
    pub(super) fn expect_anew(&mut self, rig: &mut Rig<'_>, sides: &[usize], since: Instant, name: &str) -> Result<()> {
        let before = rig.all_waited();
        if self.wait(rig, HUNG, |rig| sides.iter().all(|&side| rig.talks_anew(side, since)))? {
            let recovery = since.elapsed();
            let boot = sides.iter().filter_map(|&side| rig.first_line(side)).max();
            let after_boot = boot.map_or(recovery, |boot| boot.max(since).elapsed());
            rig.report.longest_recovery_ms = rig.report.longest_recovery_ms.max(millis(recovery));
            rig.report.longest_recovery_after_boot_ms =
                rig.report.longest_recovery_after_boot_ms.max(millis(after_boot));
            if after_boot > verdict::RECOVERY {
                // Waits of several that follow one another add up; so this is the most that they explain.
                let since = |(process, after): (u32, Duration)| {
                    after.saturating_sub(before.get(&process).copied().unwrap_or_default())
                };
                let waited = rig.all_waited().into_iter().map(since).reduce(|sum, more| sum + more);
                let verdict = verdict::judge_recovery(after_boot, waited);
                if rig.report.count(verdict) {
                    rig.finding(format!(
                        "recovery after {name}: {verdict:?}: {recovery:?}, {after_boot:?} after the boot; all waited \
                         {waited:?} for a processor"
                    ));
                }
            }
            return Ok(());
        }
        self.hung(rig, name)
    }

    /// These sides receive from now on, before long.
    pub(super) fn expect_progress(&mut self, rig: &mut Rig<'_>, sides: &[usize], name: &str) -> Result<()> {
        let since = Instant::now();
        if self.wait(rig, HUNG, |rig| sides.iter().all(|&side| rig.progresses(side, since)))? {
            return Ok(());
        }
        self.hung(rig, name)
    }

    /// The partners of a side that was killed notice within their limit, as they are told to; `dead_waited` is how long that
    /// side had waited for a processor just before, `before` how long each had in all.
    pub(super) fn expect_noticed(
        &mut self,
        rig: &mut Rig<'_>,
        index: usize,
        since: Instant,
        dead_waited: Option<Duration>,
        before: &[Option<Duration>],
    ) -> Result<()> {
        for (other, link) in rig.other_ends(index) {
            if let Some((at, Why::Timeout)) = self.notices(rig, (other, link), since, index)? {
                let waited = between(before[other], rig.waited()[other]);
                let last = rig.vitals.pulse(rig.members[index].role, link, at);
                let death = Death {
                    after: at - since,
                    silent: last.map_or(at - since, |(beat, _)| at.saturating_duration_since(beat)),
                    gap: rig.vitals.pulse(rig.members[other].role, link, at).map_or(Duration::ZERO, |(_, gap)| gap),
                    blind: rig.vitals.blind(),
                    waited: dead_waited.zip(waited),
                };
                rig.report.noticed(millis(death.after));
                rig.report.deaths += 1;
                let verdict = death.judge(PEER_TIMEOUT);
                if rig.report.count(verdict) {
                    rig.finding(format!("side {other} and the death of side {index}: {verdict:?}: {death:?}"));
                }
            }
        }
        Ok(())
    }

    /// Side `index` left: what its partners say of it, which must not be that it was silent; where `all` is set, each says
    /// something.
    pub(super) fn expect_heard(&mut self, rig: &mut Rig<'_>, index: usize, since: Instant, all: bool) -> Result<()> {
        for (other, link) in rig.other_ends(index) {
            let said = if all {
                self.notices(rig, (other, link), since, index)?
            } else {
                rig.down(other, link).filter(|&(at, _)| at > since)
            };
            // Whoever looks only when the successor has begun finds that.
            let good = |why| why == Why::Left || !all && why == Why::Restarted;
            if let Some((_, why)) = said.filter(|&(_, why)| !good(why)) {
                rig.report.unheard += 1;
                rig.finding(format!("side {index} left, but side {other} says {why:?}"));
            }
        }
        Ok(())
    }

    /// When, and why, a side's link went down after `since`, when `index` on its other side ended. None is a finding.
    fn notices(
        &self,
        rig: &mut Rig<'_>,
        (other, link): (usize, u8),
        since: Instant,
        index: usize,
    ) -> Result<Option<(Instant, Why)>> {
        let noticed = |rig: &mut Rig<'_>| rig.down(other, link).filter(|&(at, _)| at > since);
        if !self.wait(rig, HUNG, |rig| noticed(rig).is_some())? {
            rig.report.hung += 1;
            rig.finding(format!("side {other} never noticed the end of side {index}"));
        }
        Ok(noticed(rig))
    }

    /// Waits until `done`, at most for `limit`; whether it came.
    pub(super) fn wait(
        &self,
        rig: &mut Rig<'_>,
        limit: Duration,
        mut done: impl FnMut(&mut Rig<'_>) -> bool,
    ) -> Result<bool> {
        let end = Instant::now() + limit;
        while !done(rig) {
            if Instant::now() > end {
                return Ok(false);
            }
            process::check_interrupts()?;
            rig.listen(Duration::from_millis(2))?;
        }
        Ok(true)
    }

    /// Nobody talks: a finding, and all start anew so that the torture can go on.
    pub(super) fn hung(&mut self, rig: &mut Rig<'_>, name: &str) -> Result<()> {
        rig.report.hung += 1;
        let lines: Vec<_> = (0..rig.members.len()).map(|side| rig.last_lines(side)).collect();
        rig.finding(format!("hung after {name}: {lines:?}"));
        rig.restart_server()?;
        for side in 0..rig.members.len() {
            rig.kill(side);
        }
        for side in 0..rig.members.len() {
            rig.start(side)?;
        }
        rig.listen(Duration::from_secs(3))
    }
}
