// SPDX-License-Identifier: Apache-2.0
//! Prints the machines' console lines, with the machine as a prefix, and with colours on a terminal.

use std::io::{self, IsTerminal};

use crate::output;

/// Prints the console lines of both sides.
#[derive(Debug)]
pub struct Console {
    to_errors: bool,
    coloured: bool,
    labels: [String; 2],
}

impl Console {
    /// Creates a console for two sides with `labels`. With `to_errors`, it prints to standard error, because standard
    /// output is machine-readable.
    pub fn new(labels: [String; 2], to_errors: bool) -> Self {
        let terminal = if to_errors { io::stderr().is_terminal() } else { io::stdout().is_terminal() };
        // no-color.org: any non-empty value disables colours.
        let unwanted = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        Self { to_errors, coloured: terminal && !unwanted, labels }
    }

    /// Prints a line from side 0 or 1. Errors are ignored, because the session can still return a result.
    pub fn show(&self, side: usize, line: &str) {
        let text = self.format(side, line);
        if self.to_errors {
            output::show_error(&text);
        } else {
            output::show(&text);
        }
    }

    fn format(&self, side: usize, line: &str) -> String {
        let width = self.labels.iter().map(String::len).max().unwrap_or(0);
        let label = &self.labels[side];
        // Cyan and yellow are legible on dark and light backgrounds, and most people can distinguish them.
        let (on, off) = if self.coloured { (["\x1b[36m", "\x1b[33m"][side], "\x1b[0m") } else { ("", "") };
        format!("{on}{label:width$} | {off}{line}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_prefixed_to_one_width_and_coloured_by_side() {
        let labels = ["a53 host".to_owned(), "m3 remote".to_owned()];
        let mut console = Console { to_errors: false, coloured: false, labels };
        assert_eq!(console.format(0, "up"), "a53 host  | up");
        assert_eq!(console.format(1, "up"), "m3 remote | up");
        console.coloured = true;
        assert_eq!(console.format(1, "up"), "\x1b[33mm3 remote | \x1b[0mup");
    }
}
