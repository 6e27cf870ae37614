// SPDX-License-Identifier: Apache-2.0
//! `./amp images`: builds the bare-metal images for the demo and the torture test, and prints their paths.

use amp::machine::Machine;
use amp::{artifacts, output, process};
use anyhow::{Context, Result};

use crate::checkout::checkout;

/// Builds the images for each machine that boots an image.
///
/// # Errors
/// Returns an error if an image does not build, or if standard output cannot be written.
pub fn run() -> Result<()> {
    process::catch_interrupts()?;
    for machine in [Machine::A53, Machine::M3] {
        let target = machine.target().context("a machine without images")?;
        for image in artifacts::images(checkout()?, machine, target)? {
            output::line(&format!("{} {}", machine.name(), image.display()))?;
        }
    }
    Ok(())
}
