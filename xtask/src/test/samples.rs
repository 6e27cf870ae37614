// SPDX-License-Identifier: Apache-2.0
//! The job that runs the bare-metal samples, with the `ping` image on one machine and the `echo` image on the other.

use std::path::PathBuf;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use amp::artifacts::{Artifacts, SHARED_MEMORY};
use amp::folder::Folder;
use amp::machine::Machine;
use amp::process::{self, Next, Running};
use amp_ivshmem_server as server;
use anyhow::{Context, Result, bail, ensure};

use super::count::Count;
use super::end::End;
use crate::checkout::{checkout, find};

/// The pairs. The first machine runs `ping`, and the second runs `echo`.
const PAIRS: [(Machine, Machine); 2] = [(Machine::A53, Machine::M3), (Machine::M3, Machine::A53)];
/// Time limit for a pair.
const LIMIT: Duration = Duration::from_secs(60);
/// The last line that `ping` prints.
const DONE: &str = "ping: 1000 messages came back";

/// Runs both pairs.
///
/// # Errors
/// Returns an error if the user interrupts the run (Ctrl-C).
pub fn run() -> Result<End> {
    let mut sum = Count::default();
    let mut output = Vec::new();
    for (host, remote) in PAIRS {
        match run_pair(host, remote) {
            Ok(()) => sum += Count::PASSED,
            Err(error) => {
                process::check_interrupts()?;
                sum += Count::FAILED;
                output.push(format!("{} pings {}: {error:#}", host.name(), remote.name()));
            }
        }
    }
    let verdict = if sum.failed == 0 { "ok" } else { "FAILED" };
    Ok(End { note: format!("{verdict}: {} passed, {} failed", sum.passed, sum.failed), count: sum, output })
}

fn run_pair(host: Machine, remote: Machine) -> Result<()> {
    let artifacts = Artifacts::with_images(checkout()?, &[host, remote].into(), images)?;
    let folder = Folder::new_in(&std::env::temp_dir())?;
    let socket = folder.socket();
    let server = server::Server::start(&server::Options { size: SHARED_MEMORY, ..server::Options::new(&socket) })?;
    let (sender, lines) = mpsc::sync_channel(64);
    let mut machines = Vec::new();
    for (machine, image) in [(remote, "echo"), (host, "ping")] {
        let mut running = Running::spawn(artifacts.boot(machine, image, &socket)?)?;
        let sender = sender.clone();
        running.read(move |_, line| {
            // Sending fails after the job has ended, because the receiver no longer exists.
            let _ = sender.send(line);
        });
        machines.push(running);
    }
    let end = Instant::now() + LIMIT;
    loop {
        process::check_interrupts()?;
        ensure!(Instant::now() < end, "no line '{DONE}' within {} s", LIMIT.as_secs());
        let Next::Item(line) = process::next(&lines) else { continue };
        let line = line.context("a machine ended early")?;
        if line == DONE {
            break;
        }
        if line.starts_with("ping: ") || line.starts_with("echo: ") || line.starts_with("amp: ") {
            bail!("a machine printed: {line}");
        }
    }
    drop(machines);
    server.stop().context("the server ended")
}

fn images(machine: Machine, target: &str) -> Result<[PathBuf; 2]> {
    let what = format!("the bare-metal samples for {}", machine.name());
    let words = ["--profile", "guest", "-p", "amp-ivshmem-sample-bare-metal", "--bins"];
    let files = checkout()?.build(&what, Some(target), &words)?;
    Ok([find(&files, "ping")?, find(&files, "echo")?])
}
