//! `amp torture`: pairs whose sides and server are killed, stopped, reset and restarted at random while every message is
//! checked; and what came of it.

mod hostile;
pub mod linux;
mod plan;
mod qmp;
mod report;
mod rig;
mod verdict;
mod vitals;
mod word;

use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};

use amp::demo::pair::Pair;
use amp::machines::{Machine, Role, Workshop};
use amp::{output, process};
use amp_ivshmem_server::Faults;
use amp_ivshmem_server::random::Random;
use plan::Plan;
use report::Report;
use rig::{Member, Rig};

/// What `amp torture` can be told.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The machines of the rpmsg host and the remote, as for the demo; may be given several times
    #[arg(long, value_name = "HOST-SIDE,REMOTE-SIDE")]
    pub pair: Vec<Pair>,
    /// Also an A53 as the host of three links at once, with two M3s and a Linux process as their remotes
    #[arg(long)]
    pub star: bool,
    /// For how long in all, in minutes; may be a fraction. 1 where no number of cycles is given
    #[arg(long, value_name = "N")]
    pub minutes: Option<f64>,
    /// End each pair after this many kills and restarts of a side
    #[arg(long, value_name = "N")]
    pub cycles: Option<u64>,
    /// What to draw all numbers from; without it another each time, which is printed
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Only SIGKILL and restart, for the most cycles in a time
    #[arg(long)]
    pub kills_only: bool,
    /// Only SIGKILL, and a restart when the others have noticed, for the most such deaths in a time
    #[arg(long, conflicts_with = "kills_only")]
    pub deaths_only: bool,
    /// Now and then somebody scribbles over the shared memory while traffic flows
    #[arg(long)]
    pub hostile: bool,
    /// What the server does wrong meanwhile, as for `amp server`
    #[arg(long, value_name = "FAULTS")]
    pub fault: Option<Faults>,
    /// Print the figures as JSON, one object a pair and one for all; findings go to standard error
    #[arg(long)]
    pub json: bool,
    /// Show the sides' consoles on standard error
    #[arg(long)]
    pub verbose: bool,
}

const KINDS: [Machine; 3] = [Machine::A53, Machine::M3, Machine::Linux];

/// Tortures.
///
/// # Errors
/// What is missing, an interrupt, or what must not have happened and did.
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
    let guest = options.hostile.then_some(rig::HOSTILE_GUEST);
    let machines = pairs.iter().flat_map(|&pair| members(pair)).map(|member| member.machine).chain(guest).collect();
    let workshop = Workshop::prepare(&machines)?;
    if !options.json {
        output::line(&format!("seed {seed}"))?;
    }
    let share = minutes.map(|minutes| Duration::from_secs_f64(minutes * 60.0 / pairs.len() as f64));
    let mut all = Report { pair: "all".to_owned(), seed, ..Report::default() };
    for (number, pair) in (0..).zip(&pairs) {
        let name = pair.map_or("star".to_owned(), |pair| pair.to_string());
        let report = Report { pair: name, seed, ..Report::default() };
        let rig = Rig::new(&workshop, members(*pair), report, options)?;
        let plan = Plan { options, limit: share, random: Random::new(seed.wrapping_add(number << 32)) };
        let report = plan.carry_out(rig)?;
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

/// Who takes part: the two of a pair, or the star.
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
