// SPDX-License-Identifier: Apache-2.0
//! The signals that end the tool, which every wait looks for.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Error, Result};

/// The user's or the system's wish that the tool ends.
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

/// From now on SIGINT, SIGTERM and SIGHUP end every wait for a process with [`Interrupted`], so that all cleans up.
///
/// # Errors
/// The system refuses the handlers.
pub fn catch_interrupts() -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let number = usize::try_from(signal)?;
        signal_hook::flag::register_usize(signal, interrupts().clone(), number).context("no signal handler")?;
    }
    Ok(())
}

/// # Errors
/// One of the signals of [`catch_interrupts`] came.
pub fn check_interrupts() -> Result<()> {
    match interrupts().load(Ordering::Relaxed) {
        0 => Ok(()),
        signal => Err(Error::new(Interrupted(signal))),
    }
}
