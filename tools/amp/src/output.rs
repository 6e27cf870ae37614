// SPDX-License-Identifier: Apache-2.0
//! Writes to standard output. If the reader (such as `head`) has exited, the program continues. Any other failure, such
//! as a full disk, is an error.

use std::fmt;
use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};

/// Writes text as it is. Standard output is flushed at the end of each line.
///
/// # Errors
/// Returns an error if writing fails for any reason other than a reader that has exited.
pub fn write(text: &str) -> Result<()> {
    ignore_lost_reader(io::stdout().lock().write_all(text.as_bytes()))
}

/// Writes text as it is, and flushes standard output.
///
/// # Errors
/// Returns the same errors as [`write()`].
pub fn print(text: &str) -> Result<()> {
    write(text)?;
    ignore_lost_reader(io::stdout().lock().flush())
}

/// Prints a line.
///
/// # Errors
/// Returns the same errors as [`write()`].
pub fn line(text: &str) -> Result<()> {
    print(&format!("{text}\n"))
}

/// Standard output as a [`fmt::Write`]. It is flushed at the end of each line.
#[derive(Clone, Copy, Debug)]
pub struct Stdout;

impl fmt::Write for Stdout {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        write(text).map_err(|_| fmt::Error)
    }
}

fn ignore_lost_reader(result: io::Result<()>) -> Result<()> {
    match result {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("standard output takes no more, and a result is lost: send it elsewhere"),
    }
}
