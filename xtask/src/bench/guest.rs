// SPDX-License-Identifier: Apache-2.0
//! Starts a server and one machine with the QEMU counter plugin, and reads the counts. This file does not depend on the
//! metrics.

use std::path::{Path, PathBuf};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use amp::artifacts::{Artifacts, SHARED_MEMORY};
use amp::folder::{FileName, Folder};
use amp::machine::Machine;
use amp::process::{self, Next, Running};
use amp_ivshmem_server as server;
use anyhow::{Context, Result, bail};

use super::counts::{self, Section};
use crate::checkout::{self, checkout};

/// File name of the counter plugin.
const COUNTER: &str = "libamp_qemu_count.so";
/// File name of the image.
const IMAGE: &str = "instructions";
/// Time limit for a guest.
const LIMIT: Duration = Duration::from_secs(120);

/// Builds the image, and runs it on `machine` with the counter plugin. Returns the image's path and the counted
/// sections.
///
/// # Errors
/// Returns an error if the image does not build, or if the guest does not start or finish.
pub fn count(machine: Machine) -> Result<(PathBuf, Vec<Section>)> {
    let artifacts = Artifacts::with_images(checkout()?, &[machine].into(), image)?;
    let files = checkout()?.build("the counter", None, &["--release", "-p", "amp-qemu-count"])?;
    let counter = checkout::find(&files, COUNTER)?;
    let folder = Folder::new_in(&std::env::temp_dir())?;
    let socket = folder.socket();
    let out = folder.file(FileName::Counts);
    let server = server::Server::start(&server::Options { size: SHARED_MEMORY, ..server::Options::new(&socket) })?;
    let mut command = artifacts.boot(machine, IMAGE, &socket)?;
    // Derive the guest's time from its instruction count, so that every run is identical.
    command.args(["-icount", "shift=0"]);
    // The guest's address range for the shared memory. The port sets this range.
    let shared = if machine == Machine::M3 { "60000000-60100000" } else { "80000000-100000000" };
    let escaped = |path: &Path| path.to_str().context("a path is not UTF-8").map(|path| path.replace(',', ",,"));
    command.arg("-plugin").arg(format!("{},out={},shared={shared}", escaped(&counter)?, escaped(&out)?));
    let told = run(command)?;
    server.stop().context("the server ended")?;
    let text = std::fs::read_to_string(&out).context("the counter wrote nothing")?;
    let image = artifacts.image(machine, IMAGE)?;
    Ok((image, counts::name(&told, counts::parse(&text)?)?))
}

fn image(machine: Machine, target: &str) -> Result<[PathBuf; 2]> {
    let what = format!("the {} image to count", machine.name());
    let files = checkout()?.build(&what, Some(target), &["--profile", "counted", "-p", "amp-ivshmem-instructions"])?;
    let image = checkout::find(&files, IMAGE)?;
    Ok([image.clone(), image])
}

/// Returns the sections printed on the console. Stops the guest after the last line.
fn run(command: std::process::Command) -> Result<Vec<(String, u64)>> {
    let (sender, lines) = mpsc::sync_channel(64);
    let mut running = Running::spawn(command)?;
    running.read(move |_, line| {
        let _ = sender.send(line);
    });
    let (end, mut told) = (Instant::now() + LIMIT, Vec::new());
    loop {
        process::check_interrupts()?;
        match process::next(&lines) {
            Next::Item(Some(line)) if line == "over" => return Ok(told),
            Next::Item(Some(line)) => told.push(section(&line)?),
            Next::End => bail!("the guest ended before its last section"),
            Next::Item(None) | Next::Nothing if Instant::now() > end => {
                bail!("the guest took longer than {} s", LIMIT.as_secs())
            }
            Next::Item(None) | Next::Nothing => {}
        }
    }
}

/// Parses a line with a section's name and its number of messages.
///
/// # Errors
/// Returns an error that contains `line` if the line does not describe a section.
pub fn section(line: &str) -> Result<(String, u64)> {
    match *line.split(' ').collect::<Vec<_>>() {
        ["section", name, messages] => Ok((name.to_owned(), messages.parse()?)),
        _ => bail!("what was to be counted said: {line}"),
    }
}
