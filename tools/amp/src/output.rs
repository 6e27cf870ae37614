// SPDX-License-Identifier: Apache-2.0
//! Standard output. If the reader has gone, such as `head`, the program continues. Any other failure to write a result, such as
//! a full disk, is an error.

use std::fmt;
use std::io::{self, ErrorKind, Write};

use anyhow::{Context, Result};

/// Writes text as it is; it is seen when a line ends.
///
/// # Errors
/// There is a reader, and it does not get it.
pub fn write(text: &str) -> Result<()> {
    ignore_lost_reader(io::stdout().lock().write_all(text.as_bytes()))
}

/// Prints text as it is, at once.
///
/// # Errors
/// As [`write()`].
pub fn print(text: &str) -> Result<()> {
    write(text)?;
    ignore_lost_reader(io::stdout().lock().flush())
}

/// Prints a line.
///
/// # Errors
/// As [`write()`].
pub fn line(text: &str) -> Result<()> {
    print(&format!("{text}\n"))
}

/// Standard output as a console to format to; a line is seen when it ends.
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
