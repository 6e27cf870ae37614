// SPDX-License-Identifier: Apache-2.0
//! Records when sessions begin and end, and when actions affect their sides. Finds sessions that ended without an
//! action on either side.

use std::collections::BTreeMap;
use std::ops::Range;
use std::time::{Duration, Instant};

use amp::recent::Recent;

use crate::torture::console::Why;

/// Time limit for the other side to report the cause of a session's end.
const SETTLE: Duration = Duration::from_secs(2);
/// Number of actions to keep for each side, and number of session ends to keep.
const REMEMBERED: usize = 64;

/// The end of a session, as reported by one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Down {
    pub member: usize,
    pub link: u8,
    pub why: Why,
    /// When the session began.
    pub up: Instant,
    pub at: Instant,
}

/// The sessions on all links.
#[derive(Debug)]
pub struct Sessions {
    /// The links of each member.
    links: Vec<Range<u8>>,
    /// When each member's recent actions happened.
    acts: Vec<Recent<Instant, REMEMBERED>>,
    ups: BTreeMap<(usize, u8), Instant>,
    ends: Recent<Down, REMEMBERED>,
    /// Session ends that no action explains.
    pending: Vec<Down>,
}

impl Sessions {
    pub fn new(links: Vec<Range<u8>>) -> Self {
        let acts = links.iter().map(|_| Recent::default()).collect();
        Self { links, acts, ups: BTreeMap::new(), ends: Recent::default(), pending: Vec::new() }
    }

    /// Records an action on `member`, which may end the member's sessions.
    pub fn act(&mut self, member: usize, at: Instant) {
        self.acts[member].push(at);
    }

    /// Handles a side's report that a link is up.
    pub fn up(&mut self, member: usize, link: u8, at: Instant) {
        self.ups.insert((member, link), at);
    }

    /// Handles a side's report that a link is down. If no action has affected either side since the link came up, the
    /// end needs an explanation. Faults are counted separately.
    pub fn down(&mut self, member: usize, link: u8, why: Why, at: Instant) {
        let Some(up) = self.ups.remove(&(member, link)) else { return };
        let down = Down { member, link, why, up, at };
        self.ends.push(down);
        let provoked = |act: &Instant| up < *act && *act <= at;
        let sides = self.links.iter().zip(&self.acts).filter(|(links, _)| links.contains(&link));
        if !why.is_fault() && !sides.flat_map(|(_, acts)| acts.iter()).any(provoked) {
            self.pending.push(down);
        }
    }

    /// Returns the session ends that happened at least `SETTLE` before `until` and are still unexplained. An end is
    /// also explained if the other side restarted the session because of a timeout or a fault.
    pub fn unprovoked(&mut self, until: Instant) -> Vec<Down> {
        let (due, pending) = std::mem::take(&mut self.pending).into_iter().partition(|down| down.at + SETTLE <= until);
        self.pending = pending;
        let explained = |down: &Down| {
            let by = |other: &&Down| {
                let same = other.link == down.link && other.member != down.member;
                let anew = other.why == Why::Timeout || other.why.is_fault();
                same && anew && other.at > down.up && other.at <= down.at + SETTLE
            };
            down.why == Why::Restarted && self.ends.iter().any(|other| by(&other))
        };
        Vec::into_iter(due).filter(|down| !explained(down)).collect()
    }

    /// Returns all session ends that are still unexplained at the end of the test.
    pub fn rest(&mut self) -> Vec<Down> {
        let last = self.pending.iter().map(|down| down.at + SETTLE).max();
        last.map(|last| self.unprovoked(last)).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Returns the sessions of a host with two links and one remote on each link.
    fn sessions() -> (Sessions, impl Fn(u64) -> Instant) {
        let begun = Instant::now();
        (Sessions::new(vec![0..2, 0..1, 1..2]), move |seconds| begun + Duration::from_secs(seconds))
    }

    #[test]
    fn an_end_is_explained_by_an_act_on_either_side_since_it_began_only() {
        let (mut sessions, at) = sessions();
        for (member, act, explained) in [(0, 5, true), (1, 5, true), (2, 5, false), (1, 2, false), (1, 9, false)] {
            sessions.acts.fill_with(Recent::default);
            sessions.act(member, at(act));
            sessions.up(0, 0, at(3));
            sessions.down(0, 0, Why::Restarted, at(7));
            let expected = Down { member: 0, link: 0, why: Why::Restarted, up: at(3), at: at(7) };
            assert_eq!(sessions.unprovoked(at(8)), [], "it may still be explained");
            let expected = if explained { vec![] } else { vec![expected] };
            assert_eq!(sessions.unprovoked(at(9)), expected, "act {act} on {member}");
        }
    }

    #[test]
    fn who_was_found_silent_finds_the_other_restarted_and_only_the_first_is_to_be_explained() {
        let (mut sessions, at) = sessions();
        sessions.up(0, 0, at(1));
        sessions.up(1, 0, at(1));
        sessions.down(1, 0, Why::Restarted, at(4));
        sessions.down(0, 0, Why::Timeout, at(5));
        let silent = Down { member: 0, link: 0, why: Why::Timeout, up: at(1), at: at(5) };
        assert_eq!(sessions.rest(), [silent], "whichever is heard first");
        assert_eq!(sessions.rest(), []);
        // A session end on a different link, or an earlier session end, is not an explanation.
        sessions.up(2, 1, at(6));
        sessions.down(2, 1, Why::Restarted, at(6));
        sessions.up(1, 0, at(7));
        sessions.down(1, 0, Why::Restarted, at(8));
        assert_eq!(sessions.rest().len(), 2);
    }

    #[test]
    fn a_fault_is_counted_elsewhere_and_one_end_is_one() {
        let (mut sessions, at) = sessions();
        sessions.up(0, 0, at(1));
        sessions.up(1, 0, at(1));
        sessions.down(0, 0, Why::Fault, at(2));
        sessions.down(1, 0, Why::Restarted, at(2));
        sessions.down(0, 0, Why::Left, at(3));
        assert_eq!(sessions.rest(), []);
        sessions.up(0, 0, at(4));
        sessions.down(0, 0, Why::Left, at(5));
        assert_eq!(sessions.rest().len(), 1);
    }
}
