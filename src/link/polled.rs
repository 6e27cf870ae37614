//! How a link of any profile is polled: a message passes straight through, all that is rare is done apart. Knows no profile.

use super::Event;
use crate::platform::Instant;
use crate::rpmsg::{self, Fault, Message, Rare};

/// How far a poll has come with what is looked at once in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// Nothing was looked at.
    First,
    /// Whether the link itself is due.
    Beaten,
    /// And what the bus has to tell.
    Attended,
}

/// What one look at a link finds. Small, as it is returned for each message; an [`Event`] is made of it where it is to lie.
pub(super) enum Found {
    /// A message for a bound endpoint.
    Message(Message),
    /// Nothing: the caller may wait.
    Nothing,
    /// The link itself is due: its heartbeat, or whatever it looks at from time to time.
    Beat,
    /// The bus has something to be done.
    Bus(Rare),
    /// The bus has nothing, but the link is not at rest: its peer has changed, or broken something.
    Unsettled,
    /// The peer has broken this.
    Fault(Fault),
}

/// What each profile's link has to say.
pub(super) trait Polled {
    /// One look.
    fn look(&mut self, now: Instant, stage: Stage) -> Found;

    /// Does what [`Found::Beat`] asks for.
    fn beat(&mut self, now: Instant) -> Option<Event>;

    /// Does what [`Found::Bus`] asks for.
    fn handle(&mut self, rare: Rare) -> Option<rpmsg::Event>;

    /// The peer has broken something; what follows is for [`settle`](Self::settle).
    fn fail(&mut self, fault: Fault);

    /// Does what [`Found::Unsettled`] asks for.
    fn settle(&mut self, now: Instant) -> Option<Event>;

    /// How many looks a poll may take beside those at the link and the bus themselves.
    fn rounds(&self) -> u32;

    /// There may be more, although this poll ends.
    fn stop(&mut self);
}

/// What has happened on `link` since the last call.
// Inlined, so that the caller's own match on the event is decided by what was found, and no event goes through memory.
#[inline(always)]
pub(super) fn poll<L: Polled>(link: &mut L, now: Instant) -> Option<Event> {
    match link.look(now, Stage::First) {
        Found::Message(Message { endpoint, source, length, buffer, session }) => {
            // Field by field, or it is moved by a call of `memcpy`.
            let message = Message { endpoint, source, length, buffer, session };
            Some(Event::Bus(rpmsg::Event::Message(message)))
        }
        Found::Nothing => None,
        rare => poll_rare(link, now, rare),
    }
}

#[cold]
#[inline(never)]
fn poll_rare<L: Polled>(link: &mut L, now: Instant, mut found: Found) -> Option<Event> {
    // The link itself, the bus' own, and then messages.
    let mut left = link.rounds().saturating_add(2);
    loop {
        let mut stage = Stage::Attended;
        let event = match found {
            Found::Message(message) => Some(Event::Bus(rpmsg::Event::Message(message))),
            Found::Nothing => return None,
            Found::Unsettled => return link.settle(now),
            Found::Fault(fault) => {
                link.fail(fault);
                return link.settle(now);
            }
            Found::Beat => {
                stage = Stage::Beaten;
                link.beat(now)
            }
            Found::Bus(rare) => link.handle(rare).map(Event::Bus),
        };
        if event.is_some() {
            return event;
        }
        // Before the look: what it finds may be a message, which has left its ring.
        let Some(fewer) = left.checked_sub(1) else {
            link.stop();
            return None;
        };
        left = fewer;
        found = link.look(now, stage);
    }
}
