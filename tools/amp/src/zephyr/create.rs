// SPDX-License-Identifier: Apache-2.0
//! Creates a Zephyr workspace with west in the cache folder, from this repository's `west.yml` and without git history.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};

use super::run;
use super::tree::Zephyr;
use crate::checkout::Checkout;
use crate::{cache, process};

/// Time limit for `west update`, which fetches about 400 MB.
const UPDATE_LIMIT: Duration = Duration::from_secs(3600);
/// Time limit for each of the other steps.
const STEP_LIMIT: Duration = Duration::from_secs(900);

/// Creates the workspace, or continues an earlier attempt.
///
/// # Errors
/// Returns an error that names the failed step and its cause, and says how to fix the problem.
pub fn create(checkout: &Checkout) -> Result<Zephyr> {
    let top = cache::workspace()?;
    crate::output::show_error(&format!(
        "amp: making a Zephyr workspace in {} (about 400 MB, some minutes)",
        top.display()
    ));
    fs::create_dir_all(top.join("manifest")).with_context(|| format!("no folder {}", top.display()))?;
    fs::copy(checkout.root().join("west.yml"), top.join("manifest/west.yml")).context("no copy of west.yml")?;
    let venv = top.join(".venv");
    let bin = venv.join("bin");
    if !bin.join("west").is_file() {
        let remedy = "install python3 and python3-venv";
        step("python3 -m venv", remedy, Path::new("python3"), &["-m", "venv", ".venv"], &top, STEP_LIMIT)?;
        let remedy = "is there a network? else name a workspace in ZEPHYR_BASE";
        step("pip install west", remedy, &bin.join("pip"), &["install", "--quiet", "west"], &top, STEP_LIMIT)?;
    }
    let west = bin.join("west");
    if !top.join(".west/config").is_file() {
        step("west init", "install git", &west, &["init", "-l", "manifest"], &top, STEP_LIMIT)?;
    }
    let remedy = "is there a network? else name a workspace in ZEPHYR_BASE; what was fetched stays";
    step("west update", remedy, &west, &["update", "--narrow", "--fetch-opt=--depth=1"], &top, UPDATE_LIMIT)?;
    let requirements = ["base", "run-test"].map(|name| format!("zephyr/scripts/requirements-{name}.txt"));
    let words = ["install", "--quiet", "-r", &requirements[0], "-r", &requirements[1]];
    step("pip install of Zephyr's requirements", remedy, &bin.join("pip"), &words, &top, STEP_LIMIT)?;
    Zephyr::find(checkout)
}

fn step(name: &str, remedy: &str, program: &Path, words: &[&str], folder: &Path, limit: Duration) -> Result<()> {
    crate::output::show_error(&format!("amp: {name}"));
    let mut command = process::guarded(program);
    command.args(words).current_dir(folder).env_remove("ZEPHYR_BASE").env("GIT_TERMINAL_PROMPT", "0");
    let result = run::run(command, limit, |_| {});
    process::check_interrupts()?;
    result.map(drop).with_context(|| format!("no Zephyr workspace, {name} failed ({remedy})"))
}
