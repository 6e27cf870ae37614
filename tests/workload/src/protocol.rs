// SPDX-License-Identifier: Apache-2.0
//! Defines the format of the machine-readable lines that a side prints, and functions that write and parse these lines.
//!
//! A line consists of a keyword and then `key=value` words in a fixed order, separated by single spaces.

use core::fmt::Write;

use amp_ivshmem::rpmsg::Role;

use crate::console::line;

mod report;
mod words;

pub use report::{Report, Tally, Why, Wrong};
use words::{fields, numbers, words};

/// Prefix of a line that explains why a side exits.
pub const ERROR: &str = "error: ";
/// Prefix of the line printed for the first message received from a peer.
pub const FIRST_MESSAGE: &str = "first message: ";

/// One side's result of an exchange: `figures role=host messages=6667 lost=0 …`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// The side's role.
    pub role: Role,
    /// Number of messages that this side initiated and that came back correctly.
    pub messages: u32,
    /// Number of messages that this side initiated and that did not come back.
    pub lost: u32,
    /// Number of messages with a wrong length or content, detected on either side.
    pub wrong: u32,
    /// Median round-trip time of the messages that this side initiated, in microseconds.
    pub median_micros: u32,
    /// 99th percentile of the round-trip time of the messages that this side initiated, in microseconds.
    pub p99_micros: u32,
    /// Number of times this side rang the doorbell.
    pub doorbells: u32,
}

impl Figures {
    const KEYS: [&str; 6] = ["messages", "lost", "wrong", "median_us", "p99_us", "doorbells"];

    /// Prints the figures on one line.
    pub fn write(&self, console: &mut impl Write) {
        let Self { role, messages, lost, wrong, median_micros, p99_micros, doorbells } = *self;
        let values = [messages, lost, wrong, median_micros, p99_micros, doorbells];
        fields(line(console).text("figures ").text(role_word(role)), &Self::KEYS, &values).end();
    }

    /// Parses a line. Returns `None` if the line does not have exactly this format.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = words(line, "figures")?;
        let role = words.next()?;
        let role = [Role::Host, Role::Remote].into_iter().find(|&side| role_word(side) == role)?;
        let [messages, lost, wrong, median_micros, p99_micros, doorbells] = numbers(words, Self::KEYS)?;
        Some(Self { role, messages, lost, wrong, median_micros, p99_micros, doorbells })
    }
}

/// Returns the role's name as used in lines: `host` or `remote`.
#[must_use]
pub const fn role_name(role: Role) -> &'static str {
    match role {
        Role::Host => "host",
        Role::Remote => "remote",
    }
}

const fn role_word(role: Role) -> &'static str {
    match role {
        Role::Host => "role=host",
        Role::Remote => "role=remote",
    }
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::string::String;
    use std::{assert_eq, format};

    use super::*;

    const FIGURES: &str = "figures role=host messages=6667 lost=0 wrong=1 median_us=123 p99_us=456 doorbells=789";

    #[test]
    fn figures_are_read_as_they_were_written() {
        let figures = Figures::parse(FIGURES).unwrap();
        assert_eq!((figures.role, figures.messages, figures.wrong), (Role::Host, 6667, 1));
        assert_eq!((figures.median_micros, figures.p99_micros, figures.doorbells), (123, 456, 789));
        let mut text = String::new();
        figures.write(&mut text);
        assert_eq!(text, format!("{FIGURES}\n"));
        let remote = Figures { role: Role::Remote, ..figures };
        text.clear();
        remote.write(&mut text);
        assert_eq!(Figures::parse(&text), Some(remote));
    }

    #[test]
    fn other_lines_are_not_figures() {
        for line in [
            "",
            "figures",
            "the figures role=host",
            "figures role=both messages=1 lost=0 wrong=0 median_us=1 p99_us=1 doorbells=1",
            "figures role=host messages=-1 lost=0 wrong=0 median_us=1 p99_us=1 doorbells=1",
            "figures role=host messages=1 wrong=0 lost=0 median_us=1 p99_us=1 doorbells=1",
            "figures role=host messages=99999999999 lost=0 wrong=0 median_us=1 p99_us=1 doorbells=1",
        ] {
            assert_eq!(Figures::parse(line), None, "{line}");
        }
        assert_eq!(Figures::parse(&format!("{FIGURES} more=1")), None);
    }
}
