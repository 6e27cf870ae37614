// SPDX-License-Identifier: Apache-2.0
//! Counts instructions per message on both guests and on this machine. The same runs also count loads and stores in
//! shared memory, doorbells, and copies.

use std::path::Path;

use amp::machine::Machine;
use anyhow::{Context as _, Result, ensure};

use super::context::Context;
use super::counts::Section;
use super::figure::Figure;
use super::functions::{Functions, by_function};
use super::guest;
#[cfg(target_arch = "x86_64")]
use super::ptrace_counter;

/// Source path of the benchmark program. Instructions from these files are not counted as the library's.
const PROGRAM: &str = "benches/instructions/src/";

/// Metrics measured on the A53.
pub const A53_KEYS: &[&str] = &[
    "instr.a53.16",
    "instr.a53.496",
    "instr.a53.zero_copy",
    "instr.a53.openamp_over_native",
    "loads.a53.16",
    "stores.a53.16",
    "copies.a53.496",
    "copies.a53.zero_copy",
    "doorbells_per_message.burst",
];
/// Metrics measured on the M3.
pub const M3_KEYS: &[&str] = &[
    "instr.m3.16",
    "instr.m3.496",
    "instr.m3.zero_copy",
    "instr.m3.openamp_over_native",
    "loads.m3.16",
    "stores.m3.16",
];
/// Metrics measured in a Linux process.
pub const X86_64_KEYS: &[&str] = &[
    "instr.x86_64.16",
    "instr.x86_64.496",
    "instr.x86_64.zero_copy",
    "instr.x86_64.openamp_over_native",
    "growth.ring",
    "growth.endpoints",
];

/// Counts instructions on the A53.
///
/// # Errors
/// Returns an error if a program does not build or run.
pub fn a53(bench: &Context) -> Result<Vec<Figure>> {
    on_guest(bench, Machine::A53, A53_KEYS)
}

/// Counts instructions on the M3.
///
/// # Errors
/// Returns an error if a program does not build or run.
pub fn m3(bench: &Context) -> Result<Vec<Figure>> {
    on_guest(bench, Machine::M3, M3_KEYS)
}

/// Counts instructions in a process on this machine.
///
/// # Errors
/// Returns an error if a program does not build or run.
#[cfg(target_arch = "x86_64")]
pub fn x86_64(bench: &Context) -> Result<Vec<Figure>> {
    let (program, sections) = ptrace_counter::count()?;
    figures(bench, "x86_64", X86_64_KEYS, &program, &sections)
}

/// Returns an error, because the counter does not support this machine's architecture.
///
/// # Errors
/// Always returns an error.
#[cfg(not(target_arch = "x86_64"))]
pub fn x86_64(_: &Context) -> Result<Vec<Figure>> {
    check_x86_64().map(|()| Vec::new())
}

/// Checks that [`x86_64`] can count on this machine.
///
/// # Errors
/// Returns an error if this machine's architecture is not x86-64.
pub fn check_x86_64() -> Result<()> {
    ensure!(cfg!(target_arch = "x86_64"), "this machine is no x86_64");
    Ok(())
}

fn on_guest(bench: &Context, machine: Machine, keys: &[&'static str]) -> Result<Vec<Figure>> {
    let (image, sections) = guest::count(machine)?;
    figures(bench, machine.name(), keys, &image, &sections)
}

fn figures(
    bench: &Context,
    machine: &str,
    keys: &[&'static str],
    program: &Path,
    sections: &[Section],
) -> Result<Vec<Figure>> {
    let sections: Vec<_> = sections.iter().zip(by_function(sections, program, PROGRAM)?).collect();
    if bench.verbose {
        sections.iter().for_each(|(section, functions)| show(machine, section, functions));
    }
    let value = |key: &&'static str| Ok(Figure::exact(key, value(key, &sections)?));
    keys.iter().map(value).collect()
}

/// Returns the value of a metric. The last part of its name selects the section.
fn value(key: &str, sections: &[(&Section, Functions)]) -> Result<f64> {
    let found = |name: &str| {
        sections
            .iter()
            .find(|(section, _)| section.name == name)
            .with_context(|| format!("no section {name} for {key}"))
    };
    let section = |name: &str| found(name).map(|(section, _)| section);
    // Number of the library's instructions: all instructions minus the benchmark program's instructions.
    let instructions = |name: &str| found(name).map(|(section, functions)| section.instructions() - functions.own);
    // The number of copies equals the number of bytes accessed in shared memory per additional payload byte.
    let copies = |more: f64, less: f64| (more - less) / 480.0;
    let (first, rest) = key.split_once('.').unwrap_or((key, ""));
    let last = rest.split_once('.').map_or(rest, |(_, last)| last);
    match (first, last) {
        ("instr", "openamp_over_native") => {
            let ratio = |of: &str| -> Result<f64> {
                Ok(instructions(&format!("openamp.{of}"))? / instructions(&format!("native.{of}"))?)
            };
            ["16", "496", "zero_copy"].into_iter().map(ratio).try_fold(0.0, |worst: f64, ratio| Ok(worst.max(ratio?)))
        }
        ("instr", of) => instructions(&format!("native.{of}")),
        ("loads" | "stores", of) => Ok(section(&format!("native.{of}"))?.accesses(&format!("{first} shared"))),
        ("copies", "496") => Ok(copies(section("native.496")?.shared_bytes(), section("native.16")?.shared_bytes())),
        ("copies", of) => {
            Ok(copies(section(&format!("native.{of}"))?.shared_bytes(), section("native.zero_copy_16")?.shared_bytes()))
        }
        ("doorbells_per_message", of) => Ok(section(&format!("native.{of}"))?.accesses("stores device")),
        ("growth", "ring") => Ok(instructions("ring_1024.16")? / instructions("native.16")?),
        ("growth", _) => Ok(instructions("endpoints_1000.16")? / instructions("endpoints_1.16")?),
        _ => Err(anyhow::Error::msg(format!("nothing is counted for {key}"))),
    }
}

/// Prints a section on standard error, broken down by function.
fn show(machine: &str, section: &Section, functions: &Functions) {
    let (all, own) = (section.instructions(), functions.own);
    let name = &section.name;
    amp::output::show_error(&format!(
        "amp: {machine} {name}: {:.1} instructions for each message, without the program's own {own:.1}",
        all - own
    ));
    for kind in section.counted.accesses.keys() {
        amp::output::show_error(&format!("    {:8.2} {kind}", section.accesses(kind)));
    }
    for (name, instructions) in &functions.each {
        amp::output::show_error(&format!("    {instructions:8.2} {name}"));
    }
}
