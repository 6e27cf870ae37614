// SPDX-License-Identifier: Apache-2.0
//! The options of `./amp torture`.

use amp::demo::pair::Pair;
use amp_ivshmem_server::Faults;

/// The options of `./amp torture`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Test the pair HOST-SIDE,REMOTE-SIDE, where each side is a53, m3 or host (a Linux process); may be repeated
    /// (default: all nine pairs)
    #[arg(long, value_name = "HOST-SIDE,REMOTE-SIDE")]
    pub pair: Vec<Pair>,
    /// Also test a star: an A53 is the host of three links, and the remotes are two M3s and a Linux process
    #[arg(long)]
    pub star: bool,
    /// Run for N minutes in total; N may be a fraction (default: 1, or no limit with --cycles)
    #[arg(long, value_name = "N")]
    pub minutes: Option<f64>,
    /// End the test of each pair after N kills
    #[arg(long, value_name = "N")]
    pub cycles: Option<u64>,
    /// Use S as the seed of all random numbers (default: a new seed, which is printed)
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Only kill sides with SIGKILL and restart them, so that as many kills as possible happen
    #[arg(long)]
    pub kills_only: bool,
    /// Only kill sides with SIGKILL, and restart a side only after its peers have detected its death
    #[arg(long, conflicts_with = "kills_only")]
    pub deaths_only: bool,
    /// From time to time, let a hostile process or guest overwrite the shared memory at random
    #[arg(long)]
    pub hostile: bool,
    /// Make the server inject FAULTS, in the syntax of `amp server --fault`
    #[arg(long, value_name = "FAULTS")]
    pub fault: Option<Faults>,
    /// Print the figures as JSON, with one object per pair and one for all pairs; print findings on standard error
    #[arg(long)]
    pub json: bool,
    /// Print the sides' console output on standard error
    #[arg(long)]
    pub verbose: bool,
}
