// SPDX-License-Identifier: Apache-2.0
//! The members' console lines, and what these lines say about a member.

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

/// A member's process, and the events that its console lines have reported.
#[derive(Default)]
pub struct Seen {
    pub running: Option<Running>,
    pub incarnation: u32,
    /// The last incarnation that exited on its own.
    pub ended: u32,
    /// The last incarnation whose errors do not count, because a hostile peer overwrote the memory.
    pub forgiven: u32,
    pub first_line: Option<Instant>,
    /// Time at which the first message of the last session arrived, keyed by link.
    pub talks: BTreeMap<u8, Instant>,
    pub downs: BTreeMap<u8, (Instant, Why)>,
    pub tally: Tally,
    /// Time of the tally line that preceded the last increase in the number of received messages.
    pub progress: Option<Instant>,
    pub last_tally: Option<Instant>,
    pub last_lines: LastLines,
}
