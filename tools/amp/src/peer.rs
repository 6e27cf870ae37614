//! `amp peer`: this process as one side of a demo's pair.

use std::fmt;
use std::mem::MaybeUninit;
use std::path::PathBuf;
use std::time::Duration;

use amp_ivshmem::link;
use amp_ivshmem_conversation::{Endless, run_endless_in};
use amp_ivshmem_host::Peer;
use anyhow::{Result, bail};

use crate::machines::Role;
use crate::{output, process};

/// How long the server has to hand over the memory.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// What `amp peer` is told.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// The server's socket
    #[arg(long)]
    pub socket: PathBuf,
    /// Which side to be
    #[arg(long, value_enum)]
    pub role: Role,
    /// Stream without end on this link, as `amp torture` wants it, instead of the demo's talk
    #[arg(long, value_name = "LINK")]
    pub endless: Option<u8>,
}

/// Plays the side until it is stopped; an endless one leaves when it is asked to.
///
/// # Errors
/// No server, or a memory that the link cannot be in.
pub fn run(options: &Options) -> Result<()> {
    let mut peer = Peer::connect(&options.socket, CONNECT_LIMIT)?;
    let role = match options.role {
        Role::Host => link::Role::Host,
        Role::Remote => link::Role::Remote,
    };
    match options.endless {
        Some(first) => {
            let mut place = MaybeUninit::<Endless<_, 1>>::uninit();
            process::catch_interrupts()?;
            // A signal ends the wait that it comes in, and one that comes before it is seen after the next heartbeat.
            let keep_on = || process::check_interrupts().is_ok();
            if run_endless_in(&mut place, &mut peer, role, first, &mut Console, keep_on) {
                return Ok(());
            }
        }
        None => amp_ivshmem_conversation::run(&mut peer, role, &mut Console),
    }
    bail!("there was no talk: its own line above says why")
}

/// Standard output as the conversation's console; it is flushed at each line's end.
struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        output::write(text).map_err(|_| fmt::Error)
    }
}
