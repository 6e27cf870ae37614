// SPDX-License-Identifier: Apache-2.0
//! Forwards `log` messages to Zephyr's logging, without an allocator.

use core::ffi::CStr;
use core::fmt::{self, Write};

use log::{Level, LevelFilter, Log, Metadata, Record, SetLoggerError};

use crate::sys;

/// Size of the line buffer in bytes. A message that does not fit is truncated, and ends in dots.
const LINE: usize = 128;

struct Logger;

static LOGGER: Logger = Logger;

/// Forwards messages from the `log` crate to Zephyr's logging, in the log module `amp_ivshmem`. Zephyr filters the
/// messages by `CONFIG_AMP_IVSHMEM_LOG_LEVEL_…`, by a backend's filter, or by the `log` shell command.
///
/// Do not use it together with `zephyr::set_logger` from zephyr-lang-rust, which logs to the module `rust` and needs an
/// allocator.
///
/// ```no_run
/// amp_ivshmem_zephyr_rust::set_logger()?;
/// log::info!("ready");
/// # Ok::<(), log::SetLoggerError>(())
/// ```
///
/// # Errors
/// Returns an error if a logger is already set.
pub fn set_logger() -> Result<(), SetLoggerError> {
    log::set_logger(&LOGGER)?;
    log::set_max_level(LevelFilter::Debug);
    Ok(())
}

impl Log for Logger {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn log(&self, record: &Record<'_>) {
        // Zephyr's log levels. Zephyr has no level below debug.
        let level = match record.level() {
            Level::Error => 1,
            Level::Warn => 2,
            Level::Info => 3,
            Level::Debug | Level::Trace => 4,
        };
        let mut line = Line { bytes: [0; LINE], len: 0 };
        if line.write_fmt(*record.args()).is_err() {
            line.end_in_dots();
        }
        if let Ok(text) = CStr::from_bytes_until_nul(&line.bytes) {
            sys::log(level, text);
        }
    }

    fn flush(&self) {}
}

/// A NUL-terminated text for C.
struct Line {
    bytes: [u8; LINE],
    /// Length of the text in bytes, always less than `LINE`.
    len: usize,
}

impl Line {
    fn end_in_dots(&mut self) {
        let end = self.len.min(LINE - 4);
        if let Some(dots) = self.bytes.get_mut(end..end + 4) {
            dots.copy_from_slice(b"...\0");
        }
    }
}

impl Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let room = LINE - 1 - self.len;
        let whole = (0..=room.min(text.len())).rev().find(|&end| text.is_char_boundary(end));
        let fits = whole.and_then(|end| text.get(..end)).unwrap_or_default();
        if let Some(place) = self.bytes.get_mut(self.len..self.len + fits.len()) {
            place.copy_from_slice(fits.as_bytes());
        }
        self.len += fits.len();
        if fits.len() == text.len() { Ok(()) } else { Err(fmt::Error) }
    }
}
