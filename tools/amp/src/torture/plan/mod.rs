//! What is done to whom, drawn at random.

mod expect;

use std::time::{Duration, Instant};

use anyhow::Result;

use self::expect::between;
use super::rig::Rig;
use super::vitals;
use super::{Options, hostile};
use crate::machines::Machine;
use crate::server::random::Random;

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
