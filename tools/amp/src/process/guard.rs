//! Processes that die with the one that started them.

use std::ffi::{OsStr, OsString};
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::Error;
use rustix::process::{Signal, getppid, set_parent_process_death_signal};

/// A command for `program` that is killed when the thread that starts it ends, however it ends.
///
/// The tool itself comes in between (`amp guard`), because only code that runs after the fork can ask the kernel for
/// that; it then becomes `program`. Start such a command from the main thread.
pub fn guarded(program: impl AsRef<OsStr>) -> Command {
    if cfg!(test) {
        // The unit tests' own binary is no `amp`.
        return Command::new(program);
    }
    let mut command = Command::new("/proc/self/exe");
    command.arg("guard").arg(std::process::id().to_string()).arg("--").arg(program);
    command
}

/// The other half of [`guarded`]: becomes `command`, unless `parent` is gone already. Returns only if it can't.
pub fn guard(parent: i32, command: &[OsString]) -> Error {
    let Some((program, arguments)) = command.split_first() else { return Error::msg("no command to guard") };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return Error::new(error).context("the kernel does not tie a process to its parent");
    }
    // The parent may have died before the kernel knew; then nobody wants the command.
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
        return Error::msg("the process that asked for this one has gone");
    }
    let error = Command::new(program).args(arguments).exec();
    Error::new(error).context(format!("{} did not start", program.display()))
}
