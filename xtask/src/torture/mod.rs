// SPDX-License-Identifier: Apache-2.0
//! `./amp torture`: kills, stops, resets and restarts random sides, restarts their servers, checks every message, and
//! reports the result.

mod console;
mod heartbeats;
mod hostile;
pub mod linux;
mod options;
mod plan;
mod qmp;
mod report;
mod testbed;
mod verdict;

use std::time::{Duration, SystemTime};

use amp::artifacts::Artifacts;
use amp::demo::pair::Pair;
use amp::machine::Machine;
use amp::role::Role;
use amp::{output, process};
use amp_ivshmem_server::random::Random;
use anyhow::{Result, bail};
pub use options::Options;
use plan::Plan;
use report::Report;
use testbed::{Member, Testbed};

use crate::checkout::checkout;

const KINDS: [Machine; 3] = [Machine::A53, Machine::M3, Machine::Linux];

/// Runs the torture test.
///
/// # Errors
/// Returns an error if a part is missing, if the user interrupts the run (Ctrl-C), or if the torture test fails.
pub fn run(options: &Options) -> Result<()> {
    process::catch_interrupts()?;
    let minutes = match (options.minutes, options.cycles) {
        (Some(minutes), _) => Some(minutes),
        (None, Some(_)) => None,
        (None, None) => Some(1.0),
    };
    if minutes.is_some_and(|minutes| !(0.01..=100_000.0).contains(&minutes)) {
        bail!("--minutes is from 0.01 to 100000");
    }
    let seconds = |duration: Duration| duration.as_secs() ^ u64::from(duration.subsec_nanos());
    let seed = options
        .seed
        .unwrap_or_else(|| SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(1, seconds) % 1_000_000);
    let mut pairs: Vec<Option<Pair>> = options.pair.iter().copied().map(Some).collect();
    if pairs.is_empty() && !options.star {
        pairs = KINDS.iter().flat_map(|&host| KINDS.map(|remote| Some(Pair { host, remote }))).collect();
    }
    if options.star {
        pairs.push(None);
    }
    let guest = options.hostile.then_some(testbed::HOSTILE_GUEST);
    let machines = pairs.iter().flat_map(|&pair| members(pair)).map(|member| member.machine).chain(guest).collect();
    let artifacts = Artifacts::prepare(checkout()?, &machines)?;
    if !options.json {
        output::line(&format!("seed {seed}"))?;
    }
    let share = minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0 / pairs.len() as f64));
    let mut all = Report { pair: "all".to_owned(), seed, ..Report::default() };
    for (number, pair) in (0..).zip(&pairs) {
        let name = pair.map_or("star".to_owned(), |pair| pair.to_string());
        let report = Report { pair: name, seed, ..Report::default() };
        let testbed = Testbed::new(&artifacts, members(*pair), report, options)?;
        let plan = Plan { options, limit: share, random: Random::new(seed.wrapping_add(number << 32)) };
        let report = plan.carry_out(testbed)?;
        tell(options, &report)?;
        all.add(&report);
    }
    if pairs.len() > 1 {
        tell(options, &all)?;
    }
    if all.objections() > 0 {
        bail!("the torture found what must not be; the same again with --seed {seed}");
    }
    Ok(())
}

fn tell(options: &Options, report: &Report) -> Result<()> {
    output::line(&if options.json { serde_json::to_string(report)? } else { report.line() })
}

/// Returns the two sides of `pair`, or the members of the star if `pair` is `None`.
fn members(pair: Option<Pair>) -> Vec<Member> {
    let member = |machine, role, image, links| Member { machine, role, image, links };
    match pair {
        Some(Pair { host, remote }) => {
            vec![member(host, Role::Host, "torture-host", 0..1), member(remote, Role::Remote, "torture-remote", 0..1)]
        }
        None => vec![
            member(Machine::A53, Role::Host, "torture-host-three", 0..3),
            member(Machine::M3, Role::Remote, "torture-remote", 0..1),
            member(Machine::M3, Role::Remote, "torture-remote-1", 1..2),
            member(Machine::Linux, Role::Remote, "", 2..3),
        ],
    }
}
