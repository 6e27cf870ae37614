// SPDX-License-Identifier: Apache-2.0
//! The options of `./amp torture`.

use amp::demo::pair::Pair;
use amp_ivshmem_server::Faults;

/// The options of `./amp torture`.
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
    /// Seed of all random numbers; a new one each time by default, which is printed
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
    /// Faults that the server injects meanwhile, as for `amp server`
    #[arg(long, value_name = "FAULTS")]
    pub fault: Option<Faults>,
    /// Print the figures as JSON, one object a pair and one for all; findings go to standard error
    #[arg(long)]
    pub json: bool,
    /// Show the sides' consoles on standard error
    #[arg(long)]
    pub verbose: bool,
}
