// SPDX-License-Identifier: Apache-2.0
//! Handles the signals that stop the tool. Every wait checks for these signals.

use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use anyhow::{Context, Error, Result};

/// The error for a wait that was interrupted by a signal. It contains the signal's number.
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

/// Installs handlers for SIGINT, SIGTERM and SIGHUP. From then on, these signals end every wait for a process with
/// [`Interrupted`], so that the tool can clean up.
///
/// # Errors
/// Returns an error if a handler cannot be installed.
pub fn catch_interrupts() -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let number = usize::try_from(signal)?;
        signal_hook::flag::register_usize(signal, interrupts().clone(), number).context("no signal handler")?;
    }
    Ok(())
}

/// Checks for signals that [`catch_interrupts`] handles.
///
/// # Errors
/// Returns [`Interrupted`] if a signal has arrived.
pub fn check_interrupts() -> Result<()> {
    match interrupts().load(Ordering::Relaxed) {
        0 => Ok(()),
        signal => Err(Error::new(Interrupted(signal))),
    }
}
