// SPDX-License-Identifier: Apache-2.0
//! The lines that one side of a stream prints.

use core::fmt::Write;
use core::str::SplitAsciiWhitespace;

use amp_ivshmem::rpmsg::DownReason;

use super::words::{fields, numbers};
use crate::console::line;

/// Message counts since this side of the stream started: `tally sent=… received=… …`. Each count wraps around.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Number of messages sent.
    pub sent: u32,
    /// Number of messages that arrived in their own session.
    pub received: u32,
    /// Number of messages that may have been in flight when a session ended.
    pub in_flight: u32,
    /// Number of messages that arrived twice or out of order.
    pub duplicated: u32,
    /// Number of messages that did not arrive before the end of their session.
    pub lost: u32,
    /// Number of messages with wrong content.
    pub corrupted: u32,
    /// Number of messages that belong to a different session.
    pub stale: u32,
}

impl Tally {
    const KEYS: [&str; 7] = ["sent", "received", "in_flight", "duplicated", "lost", "corrupted", "stale"];
}

/// The reason why a link went down, as one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// The peer closed the link.
    Left,
    /// The peer restarted.
    Restarted,
    /// The peer's heartbeat stopped.
    Timeout,
    /// The peer broke the protocol.
    Fault,
    /// A different peer already has this side's role.
    RoleConflict,
    /// Another peer overwrote words in the shared memory that only this side may write.
    StateCorrupted,
}

impl Why {
    const ALL: [Self; 6] =
        [Self::Left, Self::Restarted, Self::Timeout, Self::Fault, Self::RoleConflict, Self::StateCorrupted];

    const fn word(self) -> &'static str {
        match self {
            Self::Left => "why=left",
            Self::Restarted => "why=restarted",
            Self::Timeout => "why=timeout",
            Self::Fault => "why=fault",
            Self::RoleConflict => "why=role_conflict",
            Self::StateCorrupted => "why=state_corrupted",
        }
    }

    /// Returns true if this side found something in the memory that a correct peer never writes.
    #[must_use]
    pub const fn is_fault(self) -> bool {
        matches!(self, Self::Fault | Self::RoleConflict | Self::StateCorrupted)
    }
}

impl From<DownReason> for Why {
    fn from(reason: DownReason) -> Self {
        match reason {
            DownReason::PeerLeft => Self::Left,
            DownReason::PeerRestarted => Self::Restarted,
            DownReason::PeerTimeout => Self::Timeout,
            DownReason::Fault(_) => Self::Fault,
            DownReason::RoleConflict { .. } => Self::RoleConflict,
            DownReason::StateCorrupted => Self::StateCorrupted,
        }
    }
}

/// The kind of error in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wrong {
    /// The message has arrived before.
    Duplicated,
    /// One or more messages before this one did not arrive.
    Lost,
    /// The message has wrong content.
    Corrupted,
    /// The message belongs to a different session.
    Stale,
}

impl Wrong {
    const ALL: [Self; 4] = [Self::Duplicated, Self::Lost, Self::Corrupted, Self::Stale];

    const fn word(self) -> &'static str {
        match self {
            Self::Duplicated => "duplicated",
            Self::Lost => "lost",
            Self::Corrupted => "corrupted",
            Self::Stale => "stale",
        }
    }
}

/// A line printed by one side of a stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Report {
    /// A link came up: `up link=… peer=…`.
    Up {
        /// The link number.
        link: u8,
        /// The peer's id.
        peer: u16,
    },
    /// The first message of a session arrived: `talks link=…`.
    Talks {
        /// The link number.
        link: u8,
    },
    /// A link went down: `down link=… why=…`.
    Down {
        /// The link number.
        link: u8,
        /// Why the link went down.
        why: Why,
    },
    /// A link cannot come up: `incompatible link=…`.
    Incompatible {
        /// The link number.
        link: u8,
    },
    /// The current counts.
    Tally(Tally),
    /// A message was wrong: `wrong lost expected=… got=…`.
    Wrong {
        /// The kind of error.
        kind: Wrong,
        /// The expected message number.
        expected: u32,
        /// The received message number.
        got: u32,
    },
}

impl Report {
    /// Prints the line.
    pub fn write(&self, console: &mut impl Write) {
        let start = line(console);
        match *self {
            Self::Up { link, peer } => fields(start.text("up"), &["link", "peer"], &[link.into(), peer.into()]),
            Self::Talks { link } => fields(start.text("talks"), &["link"], &[link.into()]),
            Self::Down { link, why } => {
                fields(start.text("down"), &["link"], &[link.into()]).text(" ").text(why.word())
            }
            Self::Incompatible { link } => fields(start.text("incompatible"), &["link"], &[link.into()]),
            Self::Tally(Tally { sent, received, in_flight, duplicated, lost, corrupted, stale }) => {
                let values = [sent, received, in_flight, duplicated, lost, corrupted, stale];
                fields(start.text("tally"), &Tally::KEYS, &values)
            }
            Self::Wrong { kind, expected, got } => {
                fields(start.text("wrong ").text(kind.word()), &["expected", "got"], &[expected, got])
            }
        }
        .end();
    }

    /// Parses a line. Returns `None` if the line does not have one of these formats.
    #[must_use]
    pub fn parse(line: &str) -> Option<Self> {
        let mut rest = line.split_ascii_whitespace();
        match rest.next()? {
            "up" => {
                let [link, peer] = numbers(rest, ["link", "peer"])?;
                Some(Self::Up { link: link.try_into().ok()?, peer: peer.try_into().ok()? })
            }
            "talks" => Some(Self::Talks { link: link(rest)? }),
            "incompatible" => Some(Self::Incompatible { link: link(rest)? }),
            "down" => {
                let why = rest.next_back()?;
                let why = Why::ALL.into_iter().find(|reason| reason.word() == why)?;
                Some(Self::Down { link: link(rest)?, why })
            }
            "tally" => {
                let [sent, received, in_flight, duplicated, lost, corrupted, stale] = numbers(rest, Tally::KEYS)?;
                Some(Self::Tally(Tally { sent, received, in_flight, duplicated, lost, corrupted, stale }))
            }
            "wrong" => {
                let kind = rest.next()?;
                let kind = Wrong::ALL.into_iter().find(|wrong| wrong.word() == kind)?;
                let [expected, got] = numbers(rest, ["expected", "got"])?;
                Some(Self::Wrong { kind, expected, got })
            }
            _ => None,
        }
    }
}

fn link(words: SplitAsciiWhitespace<'_>) -> Option<u8> {
    let [link] = numbers(words, ["link"])?;
    link.try_into().ok()
}

#[cfg(test)]
mod tests {
    extern crate std;

    use std::assert_eq;
    use std::string::String;

    use super::*;

    #[test]
    fn reports_are_read_as_they_were_written() {
        let tally = Tally { sent: 7, received: 6, in_flight: 5, duplicated: 4, lost: 3, corrupted: 2, stale: u32::MAX };
        let whys = Why::ALL.map(|why| Report::Down { link: 1, why });
        let wrongs = Wrong::ALL.map(|kind| Report::Wrong { kind, expected: 3, got: 7 });
        let others = [
            Report::Up { link: 251, peer: u16::MAX },
            Report::Talks { link: 2 },
            Report::Incompatible { link: 0 },
            Report::Tally(tally),
        ];
        for report in whys.into_iter().chain(wrongs).chain(others) {
            let mut text = String::new();
            report.write(&mut text);
            assert_eq!(Report::parse(&text), Some(report), "{text}");
        }
        assert_eq!(
            Report::parse("tally sent=7 received=6 in_flight=5 duplicated=4 lost=3 corrupted=2 stale=4294967295"),
            Some(Report::Tally(tally))
        );
    }

    #[test]
    fn other_lines_are_not_reports() {
        for line in [
            "",
            "up",
            "up as host with id 0, 1024 KiB shared",
            "up link=1 peer=65536",
            "up link=256 peer=1",
            "talks link=1 more",
            "down link=1 why=tired",
            "down why=left",
            "wrong slow expected=1 got=2",
            "tally sent=1",
            "first message: 284 bytes at 0x400",
        ] {
            assert_eq!(Report::parse(line), None, "{line}");
        }
    }

    #[test]
    fn reasons_that_no_correct_peer_causes_are_faults() {
        let faults = Why::ALL.map(Why::is_fault);
        assert_eq!(faults, [false, false, false, true, true, true]);
    }
}
