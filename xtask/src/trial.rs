// SPDX-License-Identifier: Apache-2.0
//! Tests an `amp` program outside the checkout.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use amp::folder::{FileName, Folder};
use amp::process::{self, Next, Running};
use anyhow::{Context, Result, bail, ensure};

/// Time limit for each command.
const LIMIT: Duration = Duration::from_secs(30);
/// Number of messages to exchange.
const MESSAGES: u64 = 1000;

/// Copies `program` to an empty folder, and runs it there with no environment variables except `PATH`. Tests the help,
/// a server with echo and ping, and a command that must fail because it needs a checkout. If an emulator is needed,
/// `emulator` contains the words to put before the program's name.
///
/// # Errors
/// Returns an error if a command fails unexpectedly, prints the wrong text, or takes too long.
pub fn run(program: &Path, emulator: &[&str]) -> Result<()> {
    let folder = Folder::new_in(&std::env::temp_dir())?;
    let work = folder.file(FileName::Work);
    fs::create_dir(&work)?;
    let copy = work.join("amp");
    fs::copy(program, &copy)?;
    let command = |words: &str| {
        let mut line = emulator.iter().map(OsStr::new).chain([copy.as_os_str()]);
        let mut command = process::guarded(line.next().unwrap_or_default());
        command.args(line).args(words.split_whitespace()).current_dir(&work).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command
    };
    let help = process::output(command("--help"), LIMIT)?;
    ensure!(help.contains("ping"), "the help of {} does not show its commands", copy.display());
    let _server = started(command("server --socket s --size 1M"), "listening")?;
    let _echo = started(command("echo --socket s --role remote"), "")?;
    let ping = format!("ping --socket s --role host --count {MESSAGES} --json");
    let said = process::output(command(&ping), LIMIT).context("ping and echo away from the checkout")?;
    let figures: serde_json::Value = serde_json::from_str(said.trim()).context("ping printed no JSON")?;
    ensure!(figures["messages"] == MESSAGES, "ping lost messages: {said}");
    let demo = process::output(command("demo --bare-metal"), LIMIT);
    let error = demo.err().map(|error| format!("{error:#}")).unwrap_or_default();
    ensure!(error.contains("checkout"), "the demo does not say that it needs a checkout: {error:?}");
    Ok(())
}

/// Starts a command and waits for a line that contains `word`. Does not wait if `word` is empty.
fn started(command: Command, word: &str) -> Result<Running> {
    let name = command.get_args().last().map(OsStr::to_owned).unwrap_or_default();
    let mut running = Running::spawn(command)?;
    let (sender, lines) = mpsc::sync_channel(64);
    running.read(move |_, line| {
        let _ = sender.try_send(line);
    });
    let end = Instant::now() + LIMIT;
    while !word.is_empty() {
        process::check_interrupts()?;
        match process::next(&lines) {
            Next::Item(Some(line)) if line.contains(word) => break,
            Next::Item(Some(line)) => bail!("amp … {} printed: {line}", name.display()),
            Next::End => bail!("amp … {} ended early", name.display()),
            _ => ensure!(Instant::now() < end, "amp … {} printed nothing", name.display()),
        }
    }
    Ok(running)
}
