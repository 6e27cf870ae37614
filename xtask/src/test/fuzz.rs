//! cargo-fuzz: found, or got from cargo's registry into the cache folder; and how a target is run with it. Knows no targets.

use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;

use super::got::Program;
use amp::process;

/// The program that runs a target.
const CARGO_FUZZ: Program = Program { name: "cargo-fuzz", version: "0.13.2" };
/// How long each target runs; whoever has hours runs `cargo fuzz` by hand.
const SECONDS: u32 = 20;

fn answers(words: &[&str]) -> Result<bool> {
    let mut question = CARGO_FUZZ.cargo()?;
    question.args(words);
    let answer = process::output(question, Duration::from_secs(60));
    process::check_interrupts()?;
    Ok(answer.is_ok())
}

/// Why no target can be run, if none can; gets cargo-fuzz first where all else is there. Found out once.
///
/// # Errors
/// An interrupt, or no folder for a cache.
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

/// Runs `target` for a moment, from its corpus on.
///
/// # Errors
/// No folder for a cache.
pub fn command(target: &str) -> Result<Command> {
    let mut cargo = CARGO_FUZZ.cargo()?;
    // Without a sanitizer: the core's accesses to shared memory are checked by its own assertions.
    cargo.args(["+nightly", "fuzz", "run", "--sanitizer", "none", "--debug-assertions", target, "--"]);
    // libFuzzer's limit is of wall-clock time: a machine that stands still for seconds is no finding, and what hangs hangs for ever.
    cargo.args(["-max_len=256", "-timeout=60"]).arg(format!("-max_total_time={SECONDS}"));
    Ok(cargo)
}
