// SPDX-License-Identifier: Apache-2.0
//! A Linux process under torture. The process runs the message stream on one link until a signal asks the process to
//! leave.

use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::time::Duration;

use amp::output::Stdout;
use amp::process;
use amp::role::Role;
use amp_ivshmem_host::Peer;
use amp_ivshmem_workload::stream::{self, Stream};
use anyhow::{Result, bail};

/// Time limit for the server to send the memory.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The options of the process.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Connect to the server's socket at SOCKET
    #[arg(long)]
    socket: PathBuf,
    /// Run the ROLE side of the link
    #[arg(long, value_enum)]
    role: Role,
    /// Use link number LINK
    #[arg(long)]
    link: u8,
}

/// Runs the message stream until a signal asks the process to leave.
///
/// # Errors
/// Returns an error if there is no server or if the link does not fit in the memory.
pub fn run(options: &Options) -> Result<()> {
    let mut peer = Peer::connect(&options.socket, CONNECT_LIMIT)?;
    let mut place = MaybeUninit::<Stream<_, 1>>::uninit();
    process::catch_interrupts()?;
    // A signal ends the current wait. A signal that arrives before the wait is detected at the next heartbeat.
    let keep_on = || process::check_interrupts().is_ok();
    if stream::run_in(&mut place, &mut peer, options.role.into(), options.link, &mut Stdout::default(), keep_on) {
        return Ok(());
    }
    bail!("there was no talk: its own line above says why")
}
