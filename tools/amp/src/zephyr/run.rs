// SPDX-License-Identifier: Apache-2.0
//! Runs long commands of Zephyr's tools to completion, with a time limit. Keeps their output, and finds the line in the
//! output that explains a failure.

use std::process::Command;
use std::time::Duration;

use anyhow::{Error, Result, anyhow, bail};

use crate::process::{self, Running};

/// Texts that mark the line with the cause of a failure, in order of preference. For CMake, the cause is in the next
/// non-empty line.
const CAUSES: [&str; 8] =
    ["ModuleNotFoundError", "fatal error: ", "error: ", "error[", "CMake Error", "fatal: ", "FATAL ERROR: ", "ERROR"];
/// Maximum length of a printed line, in characters.
const SHOWN: usize = 240;

/// Runs `command` to completion, and passes each line to `show`.
///
/// # Errors
/// Returns an error if the command does not start, fails, takes longer than `limit`, or is interrupted by a signal. If
/// the command fails, the error contains the cause from its output.
pub fn run(command: Command, limit: Duration, mut show: impl FnMut(&str)) -> Result<Vec<String>> {
    let mut lines = Vec::new();
    let status = Running::spawn(command)?.lines_until_exit(Some(limit), |line, _| {
        show(line);
        lines.push(line.to_owned());
    })?;
    match status {
        Some(status) if status.success() => Ok(lines),
        Some(status) => bail!("{}", cause(&lines).unwrap_or_else(|| process::describe(status))),
        None => bail!("no end within {} s", limit.as_secs()),
    }
}

/// Returns the line with the cause of a failure.
fn cause(lines: &[String]) -> Option<String> {
    let marked = CAUSES.iter().find_map(|mark| Some((mark, lines.iter().position(|line| line.contains(mark))?)));
    let line = match marked {
        Some((&"CMake Error", at)) => lines[at + 1..].iter().find(|line| !line.trim().is_empty()),
        Some((_, at)) => lines.get(at),
        None => lines.iter().rev().find(|line| !line.trim().is_empty()),
    };
    line.map(|line| line.trim().chars().take(SHOWN).collect())
}

/// Reduces an error to the line with the cause.
pub fn first_line(error: Error) -> Error {
    let text = format!("{error:#}");
    let lines: Vec<String> = text.lines().map(str::to_owned).collect();
    anyhow!(cause(&lines).unwrap_or(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Option<String> {
        cause(&text.lines().map(str::to_owned).collect::<Vec<_>>())
    }

    #[test]
    fn the_cause_is_found_in_what_zephyrs_tools_print() {
        let cmake = "-- x\nCMake Error at a.cmake:3 (find_package):\n\n  No Zephyr SDK.\n\nFATAL: y";
        assert_eq!(of(cmake).unwrap(), "No Zephyr SDK.");
        assert_eq!(
            of("Traceback\nModuleNotFoundError: No module named 'elftools'\nx").unwrap(),
            "ModuleNotFoundError: No module named 'elftools'"
        );
        assert_eq!(of("a\nx.c:1: error: y\nb").unwrap(), "x.c:1: error: y");
        let west = "error: X (undefined) was assigned\nCMake Error at k.cmake:1 (message):\n  command failed\nFATAL ERROR: cmake";
        assert_eq!(of(west).unwrap(), "error: X (undefined) was assigned");
        let git = "fatal: unable to access 'https://x/': y\nFATAL ERROR: command exited with status 128: fetch";
        assert_eq!(of(git).unwrap(), "fatal: unable to access 'https://x/': y");
        assert_eq!(of("a\nlast\n\n").unwrap(), "last");
        assert_eq!(of(""), None);
    }

    #[test]
    fn a_command_that_fails_tells_why_and_one_that_hangs_is_stopped() {
        let shell = |script: &str| {
            let mut command = process::guarded("sh");
            command.args(["-c", script]);
            run(command, Duration::from_secs(1), |_| {})
        };
        assert_eq!(shell("echo a; echo b >&2").unwrap().len(), 2);
        assert_eq!(shell("echo error: no; exit 3").unwrap_err().to_string(), "error: no");
        assert_eq!(shell("exit 3").unwrap_err().to_string(), "exit status 3");
        assert_eq!(shell("sleep 9").unwrap_err().to_string(), "no end within 1 s");
    }
}
