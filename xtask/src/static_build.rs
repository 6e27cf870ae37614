// SPDX-License-Identifier: Apache-2.0
//! `./amp static`: builds `amp` as a static program, and tests it outside the checkout.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use amp::{checkout as built, output, process};
use anyhow::{Context, Result, bail, ensure};
use object::elf::PT_INTERP;
use object::read::elf::{ElfFile64, ProgramHeader};
use object::{Architecture, Endianness, Object};

use crate::checkout::checkout;
use crate::trial;

/// Targets of the static build, each with its architecture.
const TARGETS: [(&str, Architecture); 2] =
    [("x86_64-unknown-linux-musl", Architecture::X86_64), ("aarch64-unknown-linux-musl", Architecture::Aarch64)];
/// Time limit for rustup to install a target.
const INSTALL_LIMIT: Duration = Duration::from_secs(300);

/// The options of `./amp static`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Build only for TARGET (default: all targets)
    #[arg(value_parser = TARGETS.map(|(target, _)| target))]
    pub target: Option<String>,
}

/// Builds for each target, and tests each program that this machine can run. Prints the programs' paths.
///
/// # Errors
/// Returns an error if a target is not available, a build fails, or a program is not static or does not work.
pub fn run(options: &Options) -> Result<()> {
    process::catch_interrupts()?;
    let wanted = |target: &str| options.target.as_ref().is_none_or(|only| only == target);
    for (target, architecture) in TARGETS.into_iter().filter(|(target, _)| wanted(target)) {
        if let Some(reason) = missing(target)? {
            bail!(reason);
        }
        let program = build(target)?;
        check_static(&program, architecture)?;
        match emulator(target) {
            Some(emulator) => trial::run(&program, emulator)?,
            None => output::show_error(&format!(
                "amp: {target} was not tried, as this machine cannot run it: install qemu-user to try it"
            )),
        }
        output::line(&program.display().to_string())?;
    }
    Ok(())
}

/// Returns the words to put before the name of a program for `target`, so that QEMU's user-mode emulator runs it. The
/// list is empty if this machine has the target's architecture. Returns `None` if the emulator is not installed.
fn emulator(target: &str) -> Option<&'static [&'static str]> {
    if target.starts_with(std::env::consts::ARCH) {
        return Some(&[]);
    }
    let [name] = if target.starts_with("aarch64") { &["qemu-aarch64"] } else { &["qemu-x86_64"] };
    let version = Command::new(name).arg("--version").output();
    version.is_ok_and(|version| version.status.success()).then_some(std::slice::from_ref(name))
}

/// Returns why `amp` cannot be built for `target`, or `None` if it can. Installs the target first if rustup is
/// available.
///
/// # Errors
/// Returns an error if the user interrupts the run (Ctrl-C).
pub fn missing(target: &str) -> Result<Option<String>> {
    let checkout = checkout()?;
    if checkout.has_target(target) {
        return Ok(None);
    }
    let mut rustup = process::guarded("rustup");
    rustup.current_dir(checkout.root()).args(["target", "add", target]);
    let installed = process::output(rustup, INSTALL_LIMIT);
    process::check_interrupts()?;
    Ok(installed.err().map(|error| {
        let error = format!("{error:#}");
        let why = error.lines().find(|line| line.contains("error")).unwrap_or(&error).trim();
        format!("no Rust target {target} ({why}): rustup target add {target}")
    }))
}

fn build(target: &str) -> Result<PathBuf> {
    // No cross compiler is needed, because Rust's own linker links the program and the target includes musl's start-up
    // files.
    let linker = format!("target.{target}.linker=\"rust-lld\"");
    let what = format!("amp for {target}");
    let arguments = ["--release", "--locked", "-p", "amp-ivshmem-tool", "--bin", "amp", "--config", &linker];
    let files = checkout()?.build(&what, Some(target), &arguments)?;
    built::find(&files, "amp")
}

/// Checks that `program` is for `architecture` and needs no dynamic loader, and therefore no shared library.
fn check_static(program: &Path, architecture: Architecture) -> Result<()> {
    let name = program.display();
    let data = fs::read(program).with_context(|| format!("{name} cannot be read"))?;
    let elf = ElfFile64::<Endianness>::parse(&*data).with_context(|| format!("{name} is no 64-bit ELF program"))?;
    ensure!(elf.architecture() == architecture, "{name} is for {:?}", elf.architecture());
    let interpreter = elf.elf_program_headers().iter().any(|header| header.p_type(elf.endian()) == PT_INTERP);
    ensure!(!interpreter, "{name} is not static: it needs a dynamic loader");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_with_libraries_is_not_static() {
        // This test program is linked dynamically with the C library.
        let program = std::env::current_exe().unwrap();
        let architecture = if cfg!(target_arch = "x86_64") { Architecture::X86_64 } else { Architecture::Aarch64 };
        let error = check_static(&program, architecture).unwrap_err().to_string();
        assert!(error.contains("not static"), "{error}");
    }
}
