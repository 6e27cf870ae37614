// SPDX-License-Identifier: Apache-2.0
//! The job that installs `amp` with `cargo install` and runs it outside the checkout.

use std::fs;
use std::time::Duration;

use amp::folder::{FileName, Folder};
use amp::process;
use anyhow::{Context, Result};

use super::count::Count;
use super::end::End;
use crate::checkout::checkout;
use crate::trial;

/// Installs `amp` within `limit`, and tests it.
///
/// # Errors
/// Returns an error if the user interrupts the run (Ctrl-C).
pub fn run(limit: Duration) -> Result<End> {
    let result = install_and_try(limit);
    process::check_interrupts()?;
    Ok(match result {
        Ok(()) => End { count: Count::PASSED, note: "ok".to_owned(), output: Vec::new() },
        Err(error) => End { count: Count::FAILED, note: format!("FAILED: {error:#}"), output: Vec::new() },
    })
}

fn install_and_try(limit: Duration) -> Result<()> {
    let folder = Folder::new_in(&std::env::temp_dir())?;
    let work = folder.file(FileName::Work);
    fs::create_dir(&work)?;
    let mut cargo = checkout()?.cargo();
    // `--offline` works, because the dependencies were downloaded when this tool was built.
    cargo.args(["install", "--path", "tools/amp", "--locked", "--offline", "--no-track", "--root"]).arg(&work);
    process::output(cargo, limit).context("cargo install --path tools/amp failed")?;
    trial::run(&work.join("bin/amp"), &[])
}
