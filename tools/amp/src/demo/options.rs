// SPDX-License-Identifier: Apache-2.0
//! The options of `amp demo`.

use super::pair::{Pair, Start};

/// The options of `amp demo`.
#[derive(Clone, Copy, Debug, clap::Args)]
pub struct Options {
    /// Machines for the rpmsg host and the rpmsg remote, each of them a53, m3 or host (a Linux process)
    #[arg(long, value_name = "HOST-SIDE,REMOTE-SIDE", default_value = "a53,m3")]
    pub pair: Pair,
    /// Order in which the machines start
    #[arg(long, value_enum, default_value = "host-first")]
    pub start: Start,
    /// Time limit of each run, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 60, value_parser = clap::value_parser!(u64).range(1..=86_400))]
    pub timeout: u64,
    /// Number of runs, one after the other; the first failure ends the series
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..))]
    pub runs: u32,
    /// Require Zephyr images; if there is no workspace, create one with west in the cache folder (needs the network)
    #[arg(long, conflicts_with = "bare_metal")]
    pub zephyr: bool,
    /// Use the bare-metal images, and do not look for Zephyr
    #[arg(long)]
    pub bare_metal: bool,
    /// Print the figures as JSON, with one object per run; the consoles go to standard error
    #[arg(long)]
    pub json: bool,
}
