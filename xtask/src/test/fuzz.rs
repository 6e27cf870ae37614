//! cargo-fuzz: found, or got from cargo's registry into the cache folder; and how a target is run with it. Knows no targets.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;

use anyhow::Result;

use amp::zephyr::create::cache;
use amp::{process, workspace};

/// The version that is got where there is none.
const VERSION: &str = "0.13.2";
/// How long each target runs; whoever has hours runs `cargo fuzz` by hand.
const SECONDS: u32 = 20;
/// How long to build cargo-fuzz may take.
const LIMIT: Duration = Duration::from_secs(600);

/// Where cargo-fuzz is put where there is none.
fn folder() -> Result<PathBuf> {
    Ok(cache()?.join(format!("cargo-fuzz-{VERSION}")))
}

/// Cargo, which finds cargo-fuzz also where it was put.
fn cargo() -> Result<Command> {
    let mut path = std::env::var_os("PATH").unwrap_or_default();
    if !path.is_empty() {
        path.push(":");
    }
    path.push(OsString::from(folder()?.join("bin")));
    let mut cargo = workspace::cargo();
    // Asking must not install a toolchain.
    cargo.env("PATH", path).env("RUSTUP_AUTO_INSTALL", "0").env("CI", "true");
    Ok(cargo)
}

fn answers(words: &[&str]) -> Result<bool> {
    let mut question = cargo()?;
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
    let folder = folder()?;
    eprintln!("amp: installing with cargo: cargo-fuzz {VERSION} in {} (about a minute)", folder.display());
    let mut install = cargo()?;
    // Not what this project's own build is told; one try is enough where there is no registry.
    install.env_remove("CARGO_TARGET_DIR").env("CARGO_NET_RETRY", "1");
    install.args(["install", "--quiet", "--locked", "--version", VERSION, "--root"]).arg(&folder).arg("cargo-fuzz");
    let got = process::output(install, LIMIT);
    process::check_interrupts()?;
    Ok(got.err().map(|error| {
        let why = format!("{error:#}");
        let why = why.lines().find(|line| line.contains("error")).unwrap_or("no word of why").trim().to_owned();
        format!("cargo-fuzz could not be had ({why}); cargo install cargo-fuzz")
    }))
}

/// Runs `target` for a moment, from its corpus on.
///
/// # Errors
/// No folder for a cache.
pub fn command(target: &str) -> Result<Command> {
    let mut cargo = cargo()?;
    // Without a sanitizer: the core's accesses to shared memory are checked by its own assertions.
    cargo.args(["+nightly", "fuzz", "run", "--sanitizer", "none", "--debug-assertions", target, "--"]);
    // libFuzzer's limit is of wall-clock time: a machine that stands still for seconds is no finding, and what hangs hangs for ever.
    cargo.args(["-max_len=256", "-timeout=60"]).arg(format!("-max_total_time={SECONDS}"));
    Ok(cargo)
}
