// SPDX-License-Identifier: Apache-2.0
//! Makes console lines safe to print, shortens them, and keeps the last lines.

use std::borrow::Cow;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};

use crate::recent::Recent;

/// Maximum length of a line in bytes. Longer lines are split, so that a guest without line ends cannot exhaust memory.
const LONGEST_LINE: u64 = 4096;

/// Maximum length, in characters, of a line quoted in an error.
const SHOWN: usize = 200;
/// Maximum number of console lines quoted in an error.
const LAST: usize = 8;

/// Shortens a line for quoting in an error.
pub fn cut(line: &str) -> Cow<'_, str> {
    match line.char_indices().nth(SHOWN) {
        Some((at, _)) => format!("{}…", &line[..at]).into(),
        None => line.into(),
    }
}

/// The last lines of a console, for the error when its machine exits.
#[derive(Debug, Default)]
pub struct LastLines(Recent<String, LAST>);

impl LastLines {
    /// Adds a line.
    pub fn push(&mut self, line: &str) {
        self.0.push(cut(line).into_owned());
    }

    /// Returns the lines, oldest first.
    pub fn to_vec(&self) -> Vec<String> {
        self.0.iter().cloned().collect()
    }
}

impl fmt::Display for LastLines {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("it printed nothing");
        }
        f.write_str("its last lines:")?;
        self.0.iter().try_for_each(|line| write!(f, "\n    {line}"))
    }
}

/// Splits a stream into lines without line ends. Removes ECMA-48 control sequences, such as colours and cursor
/// movements, and escapes other control characters, so that a guest cannot control the user's terminal.
pub(super) fn read_lines(stream: impl Read, mut take: impl FnMut(String)) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while stream.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        let mut clean = String::with_capacity(text.len());
        let mut letters = text.trim_end_matches(['\n', '\r']).chars().peekable();
        while let Some(letter) = letters.next() {
            if letter == '\x1b' && letters.next_if_eq(&'[').is_some() {
                // Skips the parameters and the final byte of the sequence.
                while letters.next_if(|letter| (' '..='?').contains(letter)).is_some() {}
                letters.next_if(|letter| ('@'..='~').contains(letter));
            } else if letter.is_control() && letter != '\t' {
                clean.extend(letter.escape_default())
            } else {
                clean.push(letter)
            }
        }
        take(clean);
        line.clear();
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_lines_are_few_and_short() {
        let mut lines = LastLines::default();
        assert_eq!(lines.to_string(), "it printed nothing");
        (0..20).for_each(|number| lines.push(&format!("{number} {}", "ä".repeat(300))));
        let shown = lines.to_vec();
        assert_eq!((shown.len(), shown[0].split(' ').next()), (LAST, Some("12")));
        assert_eq!(shown[0].chars().count(), SHOWN + 1);
        assert!(lines.to_string().starts_with("its last lines:\n    12 "));
    }

    #[test]
    fn a_guest_does_not_steer_the_terminal() {
        let mut lines = Vec::new();
        read_lines(&b"\x1b[1;33m<wrn> a\x1b[0m\r\nb\x1b]0;title\x07\n\x1b["[..], |line| lines.push(line)).unwrap();
        assert_eq!(lines, ["<wrn> a", "b\\u{1b}]0;title\\u{7}", ""]);
    }
}
