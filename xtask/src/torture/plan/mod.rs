// SPDX-License-Identifier: Apache-2.0
//! Chooses random actions, and applies them to the sides.

mod expect;

use std::time::{Duration, Instant};

use amp::machine::Machine;
use amp_ivshmem_server::random::Random;
use anyhow::Result;

use super::heartbeats;
use super::hostile;
use super::options::Options;
use super::report::Report;
use super::testbed::Testbed;
use super::verdict::{HUNG, between};

/// Average number of actions between two checks that all sides still receive messages. Each action also checks its own
/// effects.
const ACTS: u64 = 10;

/// An action on the sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Act {
    /// Kills a side with SIGKILL, and restarts the side soon afterwards.
    Kill,
    /// Kills all sides with SIGKILL, and restarts the sides in random order.
    KillAll,
    /// Kills a side with SIGKILL, and restarts the side only after the other sides have detected its death.
    StayAway,
    /// Sends SIGTERM to a process, which then announces that it is leaving, and restarts the process. Kills a guest
    /// instead, because a guest cannot receive a signal.
    Leave,
    /// Resets a machine.
    Reset,
    /// Stops a side with SIGSTOP, and continues the side with SIGCONT. The other sides may or may not detect the pause.
    Stop,
    /// Starts a new server. At first, the peers continue to exchange messages without a server. Then all peers restart
    /// on the new server.
    Server,
    /// Lets a hostile peer overwrite the shared memory.
    Scribble,
}

/// The weight of each action.
const WEIGHTS: [(Act, u64); 7] = [
    (Act::Kill, 10),
    (Act::KillAll, 2),
    (Act::StayAway, 1),
    (Act::Leave, 3),
    (Act::Reset, 5),
    (Act::Stop, 5),
    (Act::Server, 1),
];

/// A torture test on one testbed.
pub struct Plan<'o> {
    pub options: &'o Options,
    pub limit: Option<Duration>,
    pub random: Random,
}

impl Plan<'_> {
    /// Runs the plan and returns the testbed's report.
    ///
    /// # Errors
    /// Returns an error if the user interrupts the run (Ctrl-C), or if the test itself fails, for example to start a
    /// process.
    pub fn carry_out(mut self, mut testbed: Testbed<'_>) -> Result<Report> {
        let begun = Instant::now();
        let all: Vec<usize> = (0..testbed.members.len()).collect();
        let mut order = all.clone();
        self.shuffle(&mut order);
        for index in order {
            testbed.start(index)?;
            testbed.listen(self.random.millis(0, 200))?;
        }
        self.expect_anew(&mut testbed, &[0], begun, "the first start")?;
        loop {
            let cycles = testbed.report.kills;
            let enough = self.limit.is_some_and(|limit| begun.elapsed() >= limit)
                || self.options.cycles.is_some_and(|most| cycles >= most);
            if enough {
                break;
            }
            testbed.listen(self.random.millis(20, 300))?;
            testbed.check_ended()?;
            let index = self.random.below(testbed.members.len() as u64) as usize;
            let act = self.draw();
            self.perform(&mut testbed, act, index)?;
            if self.random.below(ACTS) == 0 {
                self.expect_progress(&mut testbed, &all, &format!("{act:?} of side {index}, and a while"))?;
            }
        }
        self.expect_progress(&mut testbed, &all, "all")?;
        testbed.check_ended()?;
        testbed.report.seconds = begun.elapsed().as_secs_f64();
        Ok(testbed.finish())
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

    fn perform(&mut self, testbed: &mut Testbed<'_>, act: Act, index: usize) -> Result<()> {
        let since = Instant::now();
        let with_partners = |testbed: &Testbed<'_>| [testbed.partners(index), vec![index]].concat();
        let name = format!("{act:?} of side {index}");
        match act {
            Act::Leave if testbed.members[index].machine == Machine::Linux => self.leave(testbed, index, since, &name),
            Act::Kill | Act::Leave => {
                testbed.kill(index);
                testbed.report.kills += 1;
                // Usually, restart the side soon. Sometimes, wait long enough for the other sides to detect the death.
                let pause = if self.random.below(8) == 0 { 1500 } else { 150 };
                testbed.listen(self.random.millis(0, pause))?;
                self.restart(testbed, index, &name)
            }
            Act::KillAll => {
                let mut order: Vec<usize> = (0..testbed.members.len()).collect();
                self.shuffle(&mut order);
                for &index in &order {
                    testbed.kill(index);
                    testbed.report.kills += 1;
                }
                self.shuffle(&mut order);
                let started = Instant::now();
                for &index in &order {
                    testbed.start(index)?;
                    testbed.report.restarts += 1;
                    testbed.listen(self.random.millis(0, 200))?;
                }
                self.expect_anew(testbed, &order, started, &name)
            }
            Act::StayAway => {
                testbed.heartbeats.begin();
                let before = testbed.waited();
                testbed.listen(2 * heartbeats::BEAT)?;
                let then = testbed.waited();
                let since = Instant::now();
                testbed.kill(index);
                testbed.report.kills += 1;
                let dead_waited = between(before[index], then[index]);
                self.expect_noticed(testbed, index, since, dead_waited, &then)?;
                self.restart(testbed, index, &name)
            }
            Act::Reset if testbed.members[index].machine != Machine::Linux => {
                testbed.reset(index)?;
                testbed.report.resets += 1;
                self.expect_anew(testbed, &[index], since, &name)
            }
            Act::Stop | Act::Reset => {
                testbed.pause(index, true);
                testbed.report.stops += 1;
                testbed.listen(self.random.millis(5, 2500))?;
                testbed.pause(index, false);
                self.expect_progress(testbed, &with_partners(testbed), &name)
            }
            Act::Server => {
                testbed.restart_server()?;
                testbed.report.server_restarts += 1;
                // Peers that are already connected to each other do not need the server.
                self.expect_progress(testbed, &with_partners(testbed), &name)?;
                self.perform(testbed, Act::KillAll, index)
            }
            Act::Scribble => self.scribble(testbed),
        }
    }

    /// Asks a process to leave, and checks that the process's partners report this.
    fn leave(&mut self, testbed: &mut Testbed<'_>, index: usize, since: Instant, name: &str) -> Result<()> {
        testbed.ask_to_leave(index);
        testbed.report.leaves += 1;
        let mut left = None;
        if !self.wait(testbed, HUNG, |testbed| {
            left = testbed.has_left(index);
            left.is_some()
        })? {
            return self.hung(testbed, name);
        }
        if left == Some(false) {
            testbed.report.ended += 1;
            testbed.finding(format!("{name}: it did not leave in peace: {:?}", testbed.last_lines(index)));
            return self.restart(testbed, index, name);
        }
        // Half of the time, start the successor so soon that the other sides may not poll in between.
        let all = self.random.below(2) == 0;
        if all {
            self.expect_heard(testbed, index, since, all)?;
        } else {
            testbed.listen(self.random.millis(0, 300))?;
        }
        self.restart(testbed, index, name)?;
        if all { Ok(()) } else { self.expect_heard(testbed, index, since, all) }
    }

    fn restart(&mut self, testbed: &mut Testbed<'_>, index: usize, name: &str) -> Result<()> {
        let started = Instant::now();
        testbed.start(index)?;
        testbed.report.restarts += 1;
        self.expect_anew(testbed, &[index], started, name)
    }

    /// Lets a hostile peer overwrite the memory. Meanwhile, the sides may receive wrong messages, but no side may exit
    /// or hang. All links must then come up again without a restart of any side.
    fn scribble(&mut self, testbed: &mut Testbed<'_>) -> Result<()> {
        testbed.forgive(true);
        let time = self.random.millis(20, 500);
        let scribbled = if self.random.below(2) == 0 {
            hostile::scribble(&testbed.socket(), &mut self.random, time)?;
            true
        } else {
            testbed.hostile_guest(time)?
        };
        testbed.report.bursts_of_scribbling += u64::from(scribbled);
        testbed.listen(Duration::from_millis(100))?;
        let after = Instant::now();
        let all: Vec<usize> = (0..testbed.members.len()).collect();
        let mended = self.wait(testbed, HUNG, |testbed| all.iter().all(|&side| testbed.progresses(side, after)))?;
        testbed.check_ended()?;
        if !mended {
            testbed.report.needed_a_restart += 1;
            let lines: Vec<_> = all.iter().map(|&side| testbed.last_lines(side)).collect();
            testbed.finding(format!("nobody mends what was scribbled over: {lines:?}"));
        }
        // The sides restart with new sessions, which the overwritten memory does not affect. From here on, wrong
        // messages count again.
        for &side in &all {
            testbed.kill(side);
            testbed.report.kills += 1;
        }
        testbed.listen(Duration::from_millis(50))?;
        if !mended {
            testbed.restart_server()?;
        }
        testbed.forgive(false);
        let started = Instant::now();
        for &side in &all {
            testbed.start(side)?;
            testbed.report.restarts += 1;
        }
        self.expect_anew(testbed, &all, started, "scribbling")
    }
}
