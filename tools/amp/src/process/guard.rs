// SPDX-License-Identifier: Apache-2.0
//! Starts processes that die together with the process that started them.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Error;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// Set if this program has the command `guard`.
static GUARD: AtomicBool = AtomicBool::new(false);

/// Records that this program has the command `guard`, which calls [`guard`]. Other programs, such as unit tests, start
/// their children without it.
pub fn enable_guard() {
    GUARD.store(true, Ordering::Relaxed);
}

/// Returns a command for `program` that is killed when the thread that starts it ends, however that thread ends.
///
/// The command first starts this program itself, with its command `guard`, which then becomes `program`. Only code that
/// runs after the fork can ask the kernel to kill it with its parent. Start such a command from the main thread.
pub fn guarded(program: impl AsRef<OsStr>) -> Command {
    if !GUARD.load(Ordering::Relaxed) {
        return Command::new(program);
    }
    let mut command = Command::new("/proc/self/exe");
    command.arg("guard").arg(std::process::id().to_string()).arg("--").arg(program);
    command
}

/// The other half of [`guarded`]: becomes `command`, unless `parent` is gone already. Returns only on failure.
pub fn guard(parent: i32, command: &[OsString]) -> Error {
    let Some((program, arguments)) = command.split_first() else { return Error::msg("no command to guard") };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return Error::new(error).context("the kernel does not tie a process to its parent");
    }
    // The parent may have died before the kernel got the request; then nobody needs the command.
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
        return Error::msg("the process that asked for this one has gone");
    }
    let error = Command::new(program).args(arguments).exec();
    Error::new(error).context(format!("{} did not start", program.display()))
}
