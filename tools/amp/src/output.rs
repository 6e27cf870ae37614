//! Standard output. A reader that has gone, as `head` does, is no reason to stop or to panic.

use std::io::{self, Write};

/// Writes text as it is; it is seen when a line ends.
pub fn write(text: &str) {
    let _ = io::stdout().lock().write_all(text.as_bytes());
}

/// Prints text as it is, at once.
pub fn print(text: &str) {
    write(text);
    let _ = io::stdout().lock().flush();
}

/// Prints a line.
pub fn line(text: &str) {
    print(&format!("{text}\n"));
}
