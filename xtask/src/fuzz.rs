// SPDX-License-Identifier: Apache-2.0
//! `./amp fuzz`: runs a fuzz target with cargo-fuzz. Installs cargo-fuzz from crates.io if it is missing.

use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use amp::process::{self, Running};
use anyhow::{Result, bail, ensure};

use crate::checkout::checkout;
use crate::test::got::Program;

/// The program that runs a fuzz target.
const CARGO_FUZZ: Program = Program { name: "cargo-fuzz", version: "0.13.2" };
/// Duration of each target's run in `./amp test`, in seconds.
pub const SECONDS: u32 = 20;

/// The options of `./amp fuzz`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Run the fuzz target in fuzz/fuzz_targets/TARGET.rs
    pub target: String,
    /// Stop after SECONDS seconds
    #[arg(long, value_name = "SECONDS", default_value_t = SECONDS, value_parser = clap::value_parser!(u32).range(1..))]
    pub seconds: u32,
}

/// Runs a target and prints cargo-fuzz's output.
///
/// # Errors
/// Returns an error if the target or cargo-fuzz is missing, or if the target finds a defect.
pub fn run(options: &Options) -> Result<()> {
    process::catch_interrupts()?;
    let Options { target, seconds } = options;
    let targets = checkout()?.root().join("fuzz/fuzz_targets");
    ensure!(targets.join(format!("{target}.rs")).is_file(), "no target {target} in {}", targets.display());
    if let Some(reason) = missing()? {
        bail!(reason);
    }
    let mut running = Running::spawn(command(target, *seconds, None)?)?;
    let status = running.lines_until_exit(None, |line, _| amp::output::show_error(line))?;
    ensure!(status.is_some_and(|status| status.success()), "{target} has a finding: see the lines above");
    Ok(())
}

fn answers(words: &[&str]) -> Result<bool> {
    let mut question = CARGO_FUZZ.cargo()?;
    question.args(words);
    let answer = process::output(question, Duration::from_secs(60));
    process::check_interrupts()?;
    Ok(answer.is_ok())
}

/// Returns why fuzz targets cannot run on this machine, or `None` if they can. Installs cargo-fuzz if nothing else is
/// missing. The result is computed only once.
///
/// # Errors
/// Returns an error if the user interrupts the run (Ctrl-C), or if there is no cache folder.
pub fn missing() -> Result<Option<String>> {
    static KNOWN: OnceLock<Option<String>> = OnceLock::new();
    if let Some(known) = KNOWN.get() {
        return Ok(known.clone());
    }
    let found = find()?;
    Ok(KNOWN.get_or_init(|| found).clone())
}

fn find() -> Result<Option<String>> {
    if !answers(&["+nightly", "--version"])? {
        return Ok(Some("no nightly toolchain (rustup toolchain install nightly)".to_owned()));
    }
    let mut compiler = process::guarded(std::env::var_os("CXX").unwrap_or_else(|| "c++".into()));
    compiler.arg("--version");
    if process::output(compiler, Duration::from_secs(10)).is_err() {
        return Ok(Some("no C++ compiler for libFuzzer (install g++, or set CXX)".to_owned()));
    }
    if answers(&["+nightly", "fuzz", "--version"])? {
        return Ok(None);
    }
    CARGO_FUZZ.by_cargo()
}

/// Returns the command that runs `target` for `seconds` seconds, starting with its corpus. Without a `seed`, each run
/// tries other inputs.
///
/// # Errors
/// Returns an error if there is no cache folder.
pub fn command(target: &str, seconds: u32, seed: Option<u32>) -> Result<Command> {
    let mut cargo = CARGO_FUZZ.cargo()?;
    // No sanitizer is needed, because the core checks its accesses to shared memory with assertions.
    cargo.args(["+nightly", "fuzz", "run", "--sanitizer", "none", "--debug-assertions", target, "--"]);
    // libFuzzer measures its timeout in wall-clock time. The timeout is long, so that a pause of several seconds on a
    // busy machine is not reported as a finding.
    cargo.args(["-max_len=256", "-timeout=60"]).arg(format!("-max_total_time={seconds}"));
    cargo.args(seed.map(|seed| format!("-seed={seed}")));
    Ok(cargo)
}
