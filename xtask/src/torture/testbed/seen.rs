// SPDX-License-Identifier: Apache-2.0
//! Console lines from the members, and the facts about a member derived from these lines.

use std::collections::BTreeMap;
use std::time::Instant;

use amp::process::{LastLines, Running, Source};

use crate::torture::console::{Tally, Why};

/// A line from a member's console, or the end of the console's output.
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
    /// The last incarnation that is known to have exited on its own.
    pub ended: u32,
    /// The last incarnation in which errors are forgiven, because a hostile peer overwrites the memory.
    pub forgiven: u32,
    pub first_line: Option<Instant>,
    /// For each link, when the first message of its last session arrived.
    pub talks: BTreeMap<u8, Instant>,
    pub downs: BTreeMap<u8, (Instant, Why)>,
    pub tally: Tally,
    /// The time of the previous tally line when `tally.received` last grew.
    pub progress: Option<Instant>,
    pub last_tally: Option<Instant>,
    pub last_lines: LastLines,
}
