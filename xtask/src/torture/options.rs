// SPDX-License-Identifier: Apache-2.0
//! The options of `./amp torture`.

use amp::demo::pair::Pair;
use amp_ivshmem_server::Faults;

/// The options of `./amp torture`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Machines of the rpmsg host and remote, as for the demo; can be given several times
    #[arg(long, value_name = "HOST-SIDE,REMOTE-SIDE")]
    pub pair: Vec<Pair>,
    /// Also run an A53 as the host of three links at once, with two M3s and a Linux process as the remotes
    #[arg(long)]
    pub star: bool,
    /// Total duration in minutes, which may be a fraction (default: 1, or no limit with --cycles)
    #[arg(long, value_name = "N")]
    pub minutes: Option<f64>,
    /// Stop each pair after this number of kills
    #[arg(long, value_name = "N")]
    pub cycles: Option<u64>,
    /// Seed for all random numbers (default: a new seed, which is printed)
    #[arg(long, value_name = "S")]
    pub seed: Option<u64>,
    /// Only kill (SIGKILL) and restart, for the largest number of cycles
    #[arg(long)]
    pub kills_only: bool,
    /// Only kill (SIGKILL), and restart after the other sides have detected it, for the largest number of detected
    /// deaths
    #[arg(long, conflicts_with = "kills_only")]
    pub deaths_only: bool,
    /// Sometimes overwrite the shared memory while messages are exchanged
    #[arg(long)]
    pub hostile: bool,
    /// Faults that the server injects during the test, as for `amp server`
    #[arg(long, value_name = "FAULTS")]
    pub fault: Option<Faults>,
    /// Print the figures as JSON, one object per pair and one for all pairs; findings go to standard error
    #[arg(long)]
    pub json: bool,
    /// Print the sides' console output on standard error
    #[arg(long)]
    pub verbose: bool,
}
