// SPDX-License-Identifier: Apache-2.0
//! `amp peer`: runs this process as one side of the demo's pair.

use std::path::PathBuf;
use std::time::Duration;

use amp_ivshmem_host::Peer;
use anyhow::{Result, bail};

use crate::output::Stdout;
use crate::role::Role;

/// Time limit for the server to send the memory.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// The options of `amp peer`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Path of the server's socket
    #[arg(long, value_name = "PATH")]
    pub socket: PathBuf,
    /// The side to run
    #[arg(long, value_enum)]
    pub role: Role,
}

/// Runs this side until a signal stops the process.
///
/// # Errors
/// Returns an error if there is no server, or if the memory is too small for the link.
pub fn run(options: &Options) -> Result<()> {
    let mut peer = Peer::connect(&options.socket, CONNECT_LIMIT)?;
    amp_ivshmem_workload::run(&mut peer, options.role.into(), &mut Stdout::default());
    bail!("the exchange ended: the last line above says why")
}
