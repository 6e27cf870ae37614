//! What is done to whom, drawn at random, and what must follow from it.

use std::time::{Duration, Instant};

use amp_ivshmem_conversation::SILENCE;
use anyhow::Result;

use super::rig::Rig;
use super::vitals::{self, Death};
use super::{Options, hostile};
use crate::machines::Machine;
use crate::process;
use crate::server::random::Random;

/// How long a pair may take until it talks again before it counts as hung: much longer than any boot, since other work may
/// keep the machine busy.
const HUNG: Duration = Duration::from_secs(30);
/// How long two sides have after scribbling to find together again by themselves.
const MEND: Duration = Duration::from_secs(10);

/// One thing that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// SIGKILL, and a restart soon after.
    Kill,
    /// SIGKILL of all, and restarts in any order.
    KillAll,
    /// SIGKILL, and a restart only after the others have noticed.
    StayAway,
    /// SIGTERM, and a restart.
    Leave,
    /// The machine's reset.
    Reset,
    /// SIGSTOP, and SIGCONT before or after the others have noticed.
    Stop,
    /// Another server: who has met goes on, and then all begin anew on the new one.
    Server,
    /// Somebody scribbles over the memory.
    Scribble,
}

fn millis(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

/// What was waited between two readings.
fn between(before: Option<Duration>, after: Option<Duration>) -> Option<Duration> {
    Some(after?.saturating_sub(before?))
}

/// How often each is drawn.
const WEIGHTS: [(Act, u64); 7] = [
    (Act::Kill, 10),
    (Act::KillAll, 2),
    (Act::StayAway, 1),
    (Act::Leave, 3),
    (Act::Reset, 5),
    (Act::Stop, 5),
    (Act::Server, 1),
];

/// A torture of one rig.
pub struct Plan<'o> {
    pub options: &'o Options,
    pub limit: Option<Duration>,
    pub random: Random,
}

impl Plan<'_> {
    /// Carries it out; the rig's report.
    ///
    /// # Errors
    /// An interrupt, or what has nothing to do with those under torture.
    pub fn carry_out(mut self, mut rig: Rig<'_>) -> Result<super::Report> {
        let begun = Instant::now();
        let mut order: Vec<usize> = (0..rig.members.len()).collect();
        self.shuffle(&mut order);
        for index in order {
            rig.start(index)?;
            rig.listen(self.random.millis(0, 200))?;
        }
        self.expect_anew(&mut rig, &[0], begun, "the first start")?;
        loop {
            let cycles = rig.report.kills;
            let enough = self.limit.is_some_and(|limit| begun.elapsed() >= limit)
                || self.options.cycles.is_some_and(|most| cycles >= most);
            if enough {
                break;
            }
            rig.listen(self.random.millis(20, 300))?;
            rig.check_ended()?;
            let index = self.random.below(rig.members.len() as u64) as usize;
            let act = self.draw();
            self.perform(&mut rig, act, index)?;
        }
        rig.report.seconds = begun.elapsed().as_secs_f64();
        Ok(rig.finish())
    }

    fn shuffle(&mut self, order: &mut [usize]) {
        for last in (1..order.len()).rev() {
            order.swap(last, self.random.below(last as u64 + 1) as usize);
        }
    }

    fn draw(&mut self) -> Act {
        if self.options.kills_only {
            return Act::Kill;
        }
        if self.options.deaths_only {
            return Act::StayAway;
        }
        let scribbles = if self.options.hostile { 8 } else { 0 };
        let sum: u64 = WEIGHTS.iter().map(|(_, weight)| weight).sum();
        let mut number = self.random.below(sum + scribbles);
        for (act, weight) in WEIGHTS {
            if number < weight {
                return act;
            }
            number -= weight;
        }
        Act::Scribble
    }

    fn perform(&mut self, rig: &mut Rig<'_>, act: Act, index: usize) -> Result<()> {
        let since = Instant::now();
        let name = format!("{act:?} of side {index}");
        match act {
            Act::Kill => {
                rig.kill(index);
                rig.report.kills += 1;
                // Mostly at once; sometimes so late that the others have noticed.
                let pause = if self.random.below(8) == 0 { 1500 } else { 150 };
                rig.listen(self.random.millis(0, pause))?;
                self.restart(rig, index, since, &name)
            }
            Act::KillAll => {
                let mut order: Vec<usize> = (0..rig.members.len()).collect();
                self.shuffle(&mut order);
                for &index in &order {
                    rig.kill(index);
                    rig.report.kills += 1;
                }
                self.shuffle(&mut order);
                let started = Instant::now();
                for &index in &order {
                    rig.start(index)?;
                    rig.report.restarts += 1;
                    rig.listen(self.random.millis(0, 200))?;
                }
                self.expect_anew(rig, &order, started, &name)
            }
            Act::StayAway => {
                rig.vitals.begin();
                let before = rig.waited();
                rig.listen(2 * vitals::BEAT)?;
                let then = rig.waited();
                let since = Instant::now();
                rig.kill(index);
                rig.report.kills += 1;
                let dead_waited = between(before[index], then[index]);
                self.expect_noticed(rig, index, since, dead_waited, &then)?;
                self.restart(rig, index, since, &name)
            }
            Act::Leave => {
                rig.end(index);
                rig.report.leaves += 1;
                rig.listen(self.random.millis(0, 300))?;
                self.restart(rig, index, since, &name)
            }
            Act::Reset if rig.members[index].machine != Machine::Linux => {
                rig.reset(index)?;
                rig.report.resets += 1;
                self.expect_anew(rig, &[index], since, &name)
            }
            Act::Stop | Act::Reset => {
                rig.pause(index, true);
                rig.report.stops += 1;
                rig.listen(self.random.millis(5, 2500))?;
                rig.pause(index, false);
                self.expect_progress(rig, index, Instant::now(), &name)
            }
            Act::Server => {
                rig.restart_server()?;
                rig.report.server_restarts += 1;
                // Nobody needs the server who has met.
                self.expect_progress(rig, index, Instant::now(), &name)?;
                self.perform(rig, Act::KillAll, index)
            }
            Act::Scribble => self.scribble(rig, index),
        }
    }

    fn restart(&mut self, rig: &mut Rig<'_>, index: usize, since: Instant, name: &str) -> Result<()> {
        let others = self.bystanders(rig, index);
        let started = Instant::now();
        rig.start(index)?;
        rig.report.restarts += 1;
        self.expect_anew(rig, &[index], started, name)?;
        // A link whose other side found this one silent has begun anew, which is no disturbance either.
        let silent: Vec<u8> = others
            .iter()
            .filter(|&&(other, link)| rig.down(other, link).is_some_and(|(at, silent)| at > since && silent))
            .map(|&(_, link)| link)
            .collect();
        for (other, link) in others {
            if rig.down(other, link).is_some_and(|(at, _)| at > since) && !silent.contains(&link) {
                rig.report.hung += 1;
                rig.finding(format!("{name} disturbed link {link} of side {other}"));
            }
        }
        Ok(())
    }

    /// Sides and links that have nothing to do with side `index`.
    fn bystanders(&self, rig: &Rig<'_>, index: usize) -> Vec<(usize, u8)> {
        let links = &rig.members[index].links;
        let of = |other: usize| rig.members[other].links.clone().map(move |link| (other, link));
        (0..rig.members.len()).flat_map(of).filter(|(_, link)| !links.contains(link)).collect()
    }

    /// The links of these sides begin new sessions, on both sides, before long.
    fn expect_anew(&mut self, rig: &mut Rig<'_>, sides: &[usize], since: Instant, name: &str) -> Result<()> {
        let before = rig.all_waited();
        if self.wait(rig, HUNG, |rig| sides.iter().all(|&side| rig.talks_anew(side, since)))? {
            let recovery = since.elapsed();
            let boot = sides.iter().filter_map(|&side| rig.first_line(side)).max();
            let after_boot = boot.map_or(recovery, |boot| boot.max(since).elapsed());
            rig.report.longest_recovery_ms = rig.report.longest_recovery_ms.max(millis(recovery));
            rig.report.longest_recovery_after_boot_ms =
                rig.report.longest_recovery_after_boot_ms.max(millis(after_boot));
            if after_boot > vitals::RECOVERY {
                // Waits of several that follow one another add up; so this is the most that they explain.
                let since = |(process, after): (u32, Duration)| {
                    after.saturating_sub(before.get(&process).copied().unwrap_or_default())
                };
                let waited = rig.all_waited().into_iter().map(since).reduce(|sum, more| sum + more);
                let verdict = vitals::judge_recovery(after_boot, waited);
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

    /// A side and its partners receive before long.
    fn expect_progress(&mut self, rig: &mut Rig<'_>, index: usize, since: Instant, name: &str) -> Result<()> {
        let mut sides = rig.partners(index);
        sides.push(index);
        if self.wait(rig, HUNG, |rig| sides.iter().all(|&side| rig.progresses(side, since)))? {
            return Ok(());
        }
        self.hung(rig, name)
    }

    /// The partners of a side that was killed notice within their limit, as they are told to; `dead_waited` is how long that
    /// side had waited for a processor just before, `before` how long each had in all.
    fn expect_noticed(
        &mut self,
        rig: &mut Rig<'_>,
        index: usize,
        since: Instant,
        dead_waited: Option<Duration>,
        before: &[Option<Duration>],
    ) -> Result<()> {
        let links = rig.members[index].links.clone();
        for other in rig.partners(index) {
            let shared: Vec<u8> = links.clone().filter(|link| rig.members[other].links.contains(link)).collect();
            for link in shared {
                let noticed = |rig: &Rig<'_>| rig.down(other, link).filter(|&(at, _)| at > since);
                if !self.wait(rig, HUNG, |rig| noticed(rig).is_some())? {
                    rig.report.hung += 1;
                    rig.finding(format!("side {other} never noticed the death of side {index}"));
                } else if let Some((at, true)) = noticed(rig) {
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
                    let verdict = death.judge(SILENCE);
                    if rig.report.count(verdict) {
                        rig.finding(format!("side {other} and the death of side {index}: {verdict:?}: {death:?}"));
                    }
                }
            }
        }
        Ok(())
    }

    /// Waits until `done`, at most for `limit`; whether it came.
    fn wait(&self, rig: &mut Rig<'_>, limit: Duration, done: impl Fn(&Rig<'_>) -> bool) -> Result<bool> {
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
    fn hung(&mut self, rig: &mut Rig<'_>, name: &str) -> Result<()> {
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

    /// Somebody scribbles. What is received meanwhile may be anything; but nobody may end or hang, and afterwards the two
    /// find together again, if need be with a restart.
    fn scribble(&mut self, rig: &mut Rig<'_>, index: usize) -> Result<()> {
        rig.forgiving = true;
        rig.report.bursts_of_scribbling += 1;
        let time = self.random.millis(20, 500);
        if self.random.below(2) == 0 {
            hostile::scribble(&rig.socket(), &mut self.random, time)?;
        } else {
            rig.hostile_guest(time)?;
        }
        rig.listen(Duration::from_millis(100))?;
        let after = Instant::now();
        let all: Vec<usize> = (0..rig.members.len()).collect();
        let mended = self.wait(rig, MEND, |rig| all.iter().all(|&side| rig.progresses(side, after)))?;
        rig.report.needed_a_restart += u64::from(!mended);
        // From here on each message counts again, in sessions that know nothing of the scribbling.
        for &side in &all {
            rig.kill(side);
            rig.report.kills += 1;
        }
        rig.listen(Duration::from_millis(50))?;
        if !mended && index == 0 {
            rig.restart_server()?;
        }
        let started = Instant::now();
        for &side in &all {
            rig.start(side)?;
            rig.report.restarts += 1;
        }
        rig.forgiving = false;
        self.expect_anew(rig, &all, started, "scribbling")
    }
}
