//! `amp peer`: this process as one side of a demo's pair.

use std::path::PathBuf;

use anyhow::{Result, bail};

use crate::machines::Role;

/// What `amp peer` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The server's socket
    #[arg(long)]
    pub socket: PathBuf,
    /// Which side to be
    #[arg(long, value_enum)]
    pub role: Role,
}

/// Plays the side until it is stopped.
///
/// # Errors
/// No server, or a memory that the link cannot be in.
pub fn run(options: &Options) -> Result<()> {
    bail!("the host port is not there yet to be the {} at {}", options.role, options.socket.display());
}
