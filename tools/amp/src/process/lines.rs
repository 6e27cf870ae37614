//! A console's lines, made safe to show.

use std::io::{self, BufRead, BufReader, Read};

/// The longest line, in bytes, that a child gets through whole: a guest that prints no line end fills no memory.
const LONGEST_LINE: u64 = 4096;

/// Splits a stream into lines without their ends, colours and cursor movements (ECMA-48's control sequences) left out and
/// other control characters shown as escapes: a guest does not steer the user's terminal.
pub(super) fn read_lines(stream: impl Read, mut take: impl FnMut(String)) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while stream.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        let mut clean = String::with_capacity(text.len());
        let mut letters = text.trim_end_matches(['\n', '\r']).chars().peekable();
        while let Some(letter) = letters.next() {
            if letter == '\x1b' && letters.next_if_eq(&'[').is_some() {
                // Parameters, and the one letter that ends it.
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
    fn a_guest_does_not_steer_the_terminal() {
        let mut lines = Vec::new();
        read_lines(&b"\x1b[1;33m<wrn> a\x1b[0m\r\nb\x1b]0;title\x07\n\x1b["[..], |line| lines.push(line)).unwrap();
        assert_eq!(lines, ["<wrn> a", "b\\u{1b}]0;title\\u{7}", ""]);
    }
}
