//! Standard output. A reader that has gone, as `head` does, is no reason to stop or to panic.

use std::io::{self, Write};

/// Prints text as it is, at once.
pub fn print(text: &str) {
    let mut output = io::stdout().lock();
    let _ = output.write_all(text.as_bytes()).and_then(|()| output.flush());
}

/// Prints a line.
pub fn line(text: &str) {
    print(&format!("{text}\n"));
}
