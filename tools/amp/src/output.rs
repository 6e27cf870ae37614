// SPDX-License-Identifier: Apache-2.0
//! Writes to standard output and standard error. If the reader (such as `head`) has exited, the program continues. Any
//! other failure, such as a full disk, is an error.
//!
//! Separate threads write the output, so the program serves its peers and handles signals even while nobody reads the
//! output.

use std::fmt;
use std::io::{self, ErrorKind, Write as _};
use std::sync::OnceLock;
use std::time::Duration;

use amp_ivshmem_server::Writer;
use anyhow::{Context, Result};

use crate::process::check_interrupts;

/// Interval at which a wait for the reader checks for signals.
const TICK: Duration = Duration::from_millis(20);
/// Time limit for writing the last lines when the program ends.
const LAST_LINES: Duration = Duration::from_millis(500);

static OUTPUT: OnceLock<Option<Writer>> = OnceLock::new();
static ERRORS: OnceLock<Option<Writer>> = OnceLock::new();

/// Returns the writer to standard output.
fn output() -> Result<&'static Writer> {
    let writer = OUTPUT.get_or_init(|| Writer::start(io::stdout()).ok());
    writer.as_ref().context("the system has no thread for the output: raise the limit with ulimit -u")
}

/// Writes `text` unchanged, and waits until it has been written.
///
/// # Errors
/// Returns an error if writing fails, or if a signal interrupts the wait. A reader that has exited is not an error.
pub fn print(text: &str) -> Result<()> {
    let writer = output()?;
    while !writer.has_room(text.len()) {
        check_interrupts()?;
        // If writing fails, `has_room` returns true, and the loop below reports the error.
        let _ = writer.wait(TICK);
    }
    writer.offer(format_args!("{text}"));
    loop {
        match writer.wait(TICK) {
            Ok(true) => return Ok(()),
            Ok(false) => {
                if let Err(interrupt) = check_interrupts() {
                    return if writer.wait(LAST_LINES).is_ok_and(|written| written) { Ok(()) } else { Err(interrupt) };
                }
            }
            Err(error) if error.kind() == ErrorKind::BrokenPipe => return Ok(()),
            Err(error) => {
                return Err(error).context("standard output takes no more, and a result is lost: send it elsewhere");
            }
        }
    }
}

/// Prints a line, and waits until it has been written.
///
/// # Errors
/// Returns the same errors as [`print()`].
pub fn line(text: &str) -> Result<()> {
    print(&format!("{text}\n"))
}

/// Prints a line without waiting, so that the program can continue to serve peers and machines. If too much output is
/// waiting for a reader, drops the line. The output later says how many lines are missing.
pub fn show(text: &str) {
    if let Ok(writer) = output() {
        writer.offer(format_args!("{text}\n"));
    }
}

/// Does the same as [`show`] on standard error.
pub fn show_error(text: &str) {
    match ERRORS.get_or_init(|| Writer::start(io::stderr()).ok()) {
        Some(writer) => drop(writer.offer(format_args!("{text}\n"))),
        // The system does not allow another thread. This line may say so.
        None => drop(writeln!(io::stderr(), "{text}")),
    }
}

/// Waits a short time for the last lines to be written.
pub fn finish() {
    for writer in [OUTPUT.get(), ERRORS.get()].into_iter().flatten().flatten() {
        let _ = writer.wait(LAST_LINES);
    }
}

/// Standard output as a [`fmt::Write`]. Prints each line once it is complete.
#[derive(Clone, Debug, Default)]
pub struct Stdout {
    line: String,
}

impl fmt::Write for Stdout {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.line.push_str(text);
        if let Some((lines, rest)) = self.line.rsplit_once('\n') {
            show(lines);
            self.line = rest.to_owned();
        }
        Ok(())
    }
}
