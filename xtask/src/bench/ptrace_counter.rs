// SPDX-License-Identifier: Apache-2.0
//! Counts a Linux program's instructions with ptrace, so that no other tool is needed. The program runs in single steps
//! between its markers. A repeated string instruction counts once per step, as in callgrind. This file does not depend
//! on the metrics.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::FileExt;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use amp::process;
use anyhow::{Context, Error, Result, bail};
use nix::sys::ptrace;
use nix::sys::signal::Signal;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::Pid;
use object::{Object, ObjectSection, ObjectSegment, SectionKind};

use super::counts::{self, Counted, Section};
use super::guest::section;
use crate::checkout::{self, checkout};

/// First bytes of a marker. A marker is a long nop that starts with these bytes. The next byte is the marker's type.
const MARKER: [u8; 7] = [0x0f, 0x1f, 0x84, 0x00, b'A', b'M', b'P'];
/// Length of a marker in bytes.
const MARKER_LEN: u64 = 8;
/// `int3`.
const BREAKPOINT: u8 = 0xcc;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Marker {
    Begin,
    End,
    Section,
}

/// The child's part of [`count`]: lets the parent trace this process, and executes `program`. Returns only on failure.
pub fn become_traced(program: &Path) -> Error {
    match ptrace::traceme() {
        Ok(()) => Error::new(Command::new(program).exec()).context("the program to count did not start"),
        Err(error) => Error::new(error).context("this system does not let a process be traced"),
    }
}

/// Builds the program and counts its instructions. Returns the program's path and the counted sections.
///
/// # Errors
/// Returns an error if the program does not build or run, or if the system does not allow tracing.
pub fn count() -> Result<(PathBuf, Vec<Section>)> {
    let files =
        checkout()?.build("the program to count", None, &["--profile", "counted", "-p", "amp-ivshmem-instructions"])?;
    let program = checkout::find(&files, "instructions")?;
    let mut command = process::guarded("/proc/self/exe");
    command.arg("traced").arg(&program).stdin(Stdio::null()).stdout(Stdio::piped());
    let mut child = command.spawn()?;
    let pid = Pid::from_raw(i32::try_from(child.id())?);
    let outcome = trace(pid, &program);
    if outcome.is_err() {
        let _ = child.kill();
    }
    let counted = outcome?;
    let mut output = String::new();
    child.stdout.take().context("no output")?.read_to_string(&mut output)?;
    let told = output.lines().filter(|line| *line != "over").map(section).collect::<Result<Vec<_>>>()?;
    let sections = counts::name(&told, counted)?;
    Ok((program, sections))
}

/// Runs the program to completion. Addresses in the result are the addresses in the program's file.
fn trace(pid: Pid, program: &Path) -> Result<Vec<Counted>> {
    match waitpid(pid, None)? {
        WaitStatus::Stopped(_, Signal::SIGTRAP) => {}
        other => bail!("this system does not let a process be traced ({other:?}): allow ptrace"),
    }
    ptrace::setoptions(pid, ptrace::Options::PTRACE_O_EXITKILL)?;
    let markers = markers(program)?;
    let base = base(pid, program)?;
    let memory = File::options().write(true).open(format!("/proc/{pid}/mem"))?;
    for (&address, _) in markers.iter().filter(|(_, marker)| **marker != Marker::End) {
        memory.write_all_at(&[BREAKPOINT], base + address).context("the program to count cannot be written")?;
    }
    let (mut sections, mut counted, mut on) = (Vec::new(), Counted::default(), false);
    loop {
        if on {
            ptrace::step(pid, None)?
        } else {
            ptrace::cont(pid, None)?
        }
        match waitpid(pid, None)? {
            WaitStatus::Stopped(_, Signal::SIGTRAP) => {}
            WaitStatus::Exited(_, 0) => return Ok(sections),
            other => bail!("the program to count stopped: {other:?}"),
        }
        process::check_interrupts()?;
        let mut registers = ptrace::getregs(pid)?;
        // After a single step, the program counter is at the next instruction. After a breakpoint, it is one byte
        // behind the breakpoint's address.
        let at = registers.rip.wrapping_sub(base).wrapping_sub(u64::from(!on));
        match markers.get(&at) {
            Some(marker) => {
                on = *marker == Marker::Begin;
                if *marker == Marker::Section {
                    sections.push(std::mem::take(&mut counted));
                }
                registers.rip = base + at + MARKER_LEN;
                ptrace::setregs(pid, registers)?;
                if on {
                    *counted.instructions.entry(at + MARKER_LEN).or_default() += 1;
                }
            }
            None if on => *counted.instructions.entry(at).or_default() += 1,
            None => bail!("the program to count stopped at {at:#x}, where it should not"),
        }
    }
}

/// Returns the addresses of the markers in the file.
fn markers(program: &Path) -> Result<BTreeMap<u64, Marker>> {
    let data = fs::read(program)?;
    let elf = object::File::parse(&*data)?;
    let mut markers = BTreeMap::new();
    for section in elf.sections().filter(|section| section.kind() == SectionKind::Text) {
        let code = section.data()?;
        for (offset, bytes) in code.windows(MARKER.len() + 1).enumerate() {
            let marker = match bytes.strip_prefix(&MARKER) {
                Some([1]) => Marker::Begin,
                Some([2]) => Marker::End,
                Some([3]) => Marker::Section,
                _ => continue,
            };
            markers.insert(section.address() + offset as u64, marker);
        }
    }
    Ok(markers)
}

/// Returns the offset that the kernel adds to addresses in the file.
fn base(pid: Pid, program: &Path) -> Result<u64> {
    let data = fs::read(program)?;
    let lowest = object::File::parse(&*data)?.segments().map(|segment| segment.address()).min().unwrap_or(0);
    let maps = fs::read_to_string(format!("/proc/{pid}/maps"))?;
    let name = fs::canonicalize(program)?;
    let first = maps.lines().find(|line| line.ends_with(&*name.to_string_lossy()));
    let first = first.and_then(|line| u64::from_str_radix(line.split('-').next()?, 16).ok());
    Ok(first.context("the program to count is not mapped")? - lowest)
}
