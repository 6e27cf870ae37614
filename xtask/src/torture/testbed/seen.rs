// SPDX-License-Identifier: Apache-2.0
//! Lines of the members' consoles, and the facts about a member that they reveal.

use std::collections::BTreeMap;
use std::time::Instant;

use amp::process::{LastLines, Running, Source};

use crate::torture::console::{Tally, Why};

/// A line of a member's console, or the end of the console.
pub struct Event {
    pub member: usize,
    pub incarnation: u32,
    pub source: Source,
    pub line: Option<String>,
    pub at: Instant,
}

/// The known facts about a member.
#[derive(Default)]
pub struct Seen {
    pub running: Option<Running>,
    pub incarnation: u32,
    /// The last incarnation that is known to have ended by itself.
    pub ended: u32,
    /// The last incarnation in which wrong messages are expected and links may go down, because a hostile guest writes.
    pub forgiven: u32,
    pub first_line: Option<Instant>,
    /// For each link, the time of the first message of its last session.
    pub talks: BTreeMap<u8, Instant>,
    pub downs: BTreeMap<u8, (Instant, Why)>,
    pub tally: Tally,
    /// When `tally.received` last grew, from one line to the next.
    pub progress: Option<Instant>,
    pub last_tally: Option<Instant>,
    pub last_lines: LastLines,
}
