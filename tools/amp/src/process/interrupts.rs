// SPDX-License-Identifier: Apache-2.0
//! The signals that end the tool. Every wait checks for them.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Error, Result};

/// A request of the user or the system that the tool ends.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted(pub usize);

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped by signal {}", self.0)
    }
}

impl std::error::Error for Interrupted {}

fn interrupts() -> &'static Arc<AtomicUsize> {
    static SIGNAL: OnceLock<Arc<AtomicUsize>> = OnceLock::new();
    SIGNAL.get_or_init(Arc::default)
}

/// Makes SIGINT, SIGTERM and SIGHUP end every wait for a process with [`Interrupted`] from now on, so that all code
/// cleans up.
///
/// # Errors
/// Returns an error if the system refuses the handlers.
pub fn catch_interrupts() -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let number = usize::try_from(signal)?;
        signal_hook::flag::register_usize(signal, interrupts().clone(), number).context("no signal handler")?;
    }
    Ok(())
}

/// # Errors
/// Returns [`Interrupted`] if one of the signals of [`catch_interrupts`] came.
pub fn check_interrupts() -> Result<()> {
    match interrupts().load(Ordering::Relaxed) {
        0 => Ok(()),
        signal => Err(Error::new(Interrupted(signal))),
    }
}
