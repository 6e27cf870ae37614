// SPDX-License-Identifier: Apache-2.0
//! Starts processes that are killed when the process that started them exits.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Error;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// True if this program has the command `guard`.
static GUARD: AtomicBool = AtomicBool::new(false);

/// Records that this program has the command `guard`, which calls [`guard`]. Without this call, as in unit tests,
/// children are started without a guard.
pub fn enable_guard() {
    GUARD.store(true, Ordering::Relaxed);
}

/// Returns a command for `program` that the kernel kills when the thread that started it exits for any reason. Start
/// the command from the main thread.
///
/// The command first executes this program with the command `guard`, which then executes `program`. This is necessary
/// because a process can only ask the kernel to kill itself, not another process, when its parent exits.
pub fn guarded(program: impl AsRef<OsStr>) -> Command {
    if !GUARD.load(Ordering::Relaxed) {
        return Command::new(program);
    }
    let mut command = Command::new("/proc/self/exe");
    command.arg("guard").arg(std::process::id().to_string()).arg("--").arg(program);
    command
}

/// Implements the command `guard` for [`guarded`]. Executes `command`, unless `parent` has already exited. Returns only
/// on failure.
pub fn guard(parent: i32, command: &[OsString]) -> Error {
    let Some((program, arguments)) = command.split_first() else { return Error::msg("no command to guard") };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return Error::new(error).context("the kernel does not tie a process to its parent");
    }
    // The parent may have exited before the kernel got the request. The command is then not needed.
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
        return Error::msg("the process that asked for this one has gone");
    }
    let error = Command::new(program).args(arguments).exec();
    Error::new(error).context(format!("{} did not start", program.display()))
}
