//! What is done to whom, drawn at random.

mod expect;

use std::time::{Duration, Instant};

use anyhow::Result;

use self::expect::{HUNG, between};
use super::rig::Rig;
use super::vitals;
use super::{Options, hostile};
use amp::machines::Machine;
use amp_ivshmem_server::random::Random;

/// After how many acts, about, all have to show that they still receive, where no act asks for it.
const ACTS: u64 = 10;

/// One thing that is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// SIGKILL, and a restart soon after.
    Kill,
    /// SIGKILL of all, and restarts in any order.
    KillAll,
    /// SIGKILL, and a restart only after the others have noticed.
    StayAway,
    /// SIGTERM, which lets a process say that it leaves, and a restart. A guest is told nothing of it: it is killed.
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
        let all: Vec<usize> = (0..rig.members.len()).collect();
        let mut order = all.clone();
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
            if self.random.below(ACTS) == 0 {
                self.expect_progress(&mut rig, &all, &format!("{act:?} of side {index}, and a while"))?;
            }
        }
        self.expect_progress(&mut rig, &all, "all")?;
        rig.check_ended()?;
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
        let with_partners = |rig: &Rig<'_>| [rig.partners(index), vec![index]].concat();
        let name = format!("{act:?} of side {index}");
        match act {
            Act::Leave if rig.members[index].machine == Machine::Linux => self.leave(rig, index, since, &name),
            Act::Kill | Act::Leave => {
                rig.kill(index);
                rig.report.kills += 1;
                // Mostly at once; sometimes so late that the others have noticed.
                let pause = if self.random.below(8) == 0 { 1500 } else { 150 };
                rig.listen(self.random.millis(0, pause))?;
                self.restart(rig, index, &name)
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
                self.restart(rig, index, &name)
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
                self.expect_progress(rig, &with_partners(rig), &name)
            }
            Act::Server => {
                rig.restart_server()?;
                rig.report.server_restarts += 1;
                // Nobody needs the server who has met.
                self.expect_progress(rig, &with_partners(rig), &name)?;
                self.perform(rig, Act::KillAll, index)
            }
            Act::Scribble => self.scribble(rig),
        }
    }

    /// A process is asked to leave, which its partners hear.
    fn leave(&mut self, rig: &mut Rig<'_>, index: usize, since: Instant, name: &str) -> Result<()> {
        rig.ask_to_leave(index);
        rig.report.leaves += 1;
        let mut left = None;
        if !self.wait(rig, HUNG, |rig| {
            left = rig.has_left(index);
            left.is_some()
        })? {
            return self.hung(rig, name);
        }
        if left == Some(false) {
            rig.report.ended += 1;
            rig.finding(format!("{name}: it did not leave in peace: {:?}", rig.last_lines(index)));
            return self.restart(rig, index, name);
        }
        // Half of the time the successor is there so soon that the others may not have looked.
        let all = self.random.below(2) == 0;
        if all {
            self.expect_heard(rig, index, since, all)?;
        } else {
            rig.listen(self.random.millis(0, 300))?;
        }
        self.restart(rig, index, name)?;
        if all { Ok(()) } else { self.expect_heard(rig, index, since, all) }
    }

    fn restart(&mut self, rig: &mut Rig<'_>, index: usize, name: &str) -> Result<()> {
        let started = Instant::now();
        rig.start(index)?;
        rig.report.restarts += 1;
        self.expect_anew(rig, &[index], started, name)
    }

    /// Somebody scribbles. What is received meanwhile may be anything; but nobody may end or hang, and afterwards all find
    /// together again by themselves.
    fn scribble(&mut self, rig: &mut Rig<'_>) -> Result<()> {
        rig.forgive(true);
        let time = self.random.millis(20, 500);
        let scribbled = if self.random.below(2) == 0 {
            hostile::scribble(&rig.socket(), &mut self.random, time)?;
            true
        } else {
            rig.hostile_guest(time)?
        };
        rig.report.bursts_of_scribbling += u64::from(scribbled);
        rig.listen(Duration::from_millis(100))?;
        let after = Instant::now();
        let all: Vec<usize> = (0..rig.members.len()).collect();
        let mended = self.wait(rig, HUNG, |rig| all.iter().all(|&side| rig.progresses(side, after)))?;
        rig.check_ended()?;
        if !mended {
            rig.report.needed_a_restart += 1;
            let lines: Vec<_> = all.iter().map(|&side| rig.last_lines(side)).collect();
            rig.finding(format!("nobody mends what was scribbled over: {lines:?}"));
        }
        // From here on each message counts again, in sessions that know nothing of the scribbling.
        for &side in &all {
            rig.kill(side);
            rig.report.kills += 1;
        }
        rig.listen(Duration::from_millis(50))?;
        if !mended {
            rig.restart_server()?;
        }
        rig.forgive(false);
        let started = Instant::now();
        for &side in &all {
            rig.start(side)?;
            rig.report.restarts += 1;
        }
        self.expect_anew(rig, &all, started, "scribbling")
    }
}
