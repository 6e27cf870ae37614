//! How a link of any profile is polled: a message passes straight through, all that is rare is done apart. Knows no profile.

use super::{AnyLink, Event};
use crate::platform::Instant;
use crate::rpmsg::{self, Fault, Message, Next, Rare};

/// How far a poll has come with what is looked at once in each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// Nothing was looked at.
    First,
    /// Whether the link itself is due.
    Beaten,
    /// And what the bus has to tell.
    Attended,
}

/// What one look at a link finds. Small, as it is returned for each message; an [`Event`] is made of it where it is to lie.
enum Found {
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
pub(super) trait Polled<const E: usize>: AnyLink<E> {
    /// Whether the link itself is due.
    fn is_due(&self, now: Instant) -> bool;

    /// Does what the link itself is due to.
    fn beat(&mut self, now: Instant) -> Option<Event>;

    /// Whether it is at rest where its bus has nothing to do.
    fn is_settled(&self) -> bool;

    /// Does what it takes to be at rest.
    fn settle(&mut self, now: Instant) -> Option<Event>;
}

/// What has happened on `link` since the last call.
// Inlined, so that the caller's own match on the event is decided by what was found, and no event goes through memory.
#[inline(always)]
pub(super) fn poll<const E: usize, L: Polled<E>>(link: &mut L, now: Instant) -> Option<Event> {
    match look(link, now, Stage::First) {
        Found::Message(Message { endpoint, source, length, buffer, session }) => {
            // Field by field, or it is moved by a call of `memcpy`.
            let message = Message { endpoint, source, length, buffer, session };
            Some(Event::Bus(rpmsg::Event::Message(message)))
        }
        Found::Nothing => None,
        rare => poll_rare(link, now, rare),
    }
}

/// One look. After the peer is looked when there is nothing else to do, and when the link is due however busy the bus is.
#[inline(never)]
fn look<const E: usize, L: Polled<E>>(link: &mut L, now: Instant, stage: Stage) -> Found {
    if link.is_due(now) && stage == Stage::First {
        return Found::Beat;
    }
    match link.bus().next(stage == Stage::Attended) {
        Next::Message(message) => Found::Message(message),
        Next::Rare(rare) => Found::Bus(rare),
        Next::Fault(fault) => Found::Fault(fault),
        Next::Nothing if link.is_settled() => Found::Nothing,
        Next::Nothing => Found::Unsettled,
    }
}

#[cold]
#[inline(never)]
fn poll_rare<const E: usize, L: Polled<E>>(link: &mut L, now: Instant, mut found: Found) -> Option<Event> {
    // The link itself, the bus' own, and then messages.
    let mut left = link.bus().rounds().saturating_add(2);
    loop {
        let mut stage = Stage::Attended;
        let event = match found {
            Found::Message(message) => Some(Event::Bus(rpmsg::Event::Message(message))),
            Found::Nothing => return None,
            Found::Unsettled => return link.settle(now),
            Found::Fault(fault) => {
                link.bus().fail(fault);
                return link.settle(now);
            }
            Found::Beat => {
                stage = Stage::Beaten;
                link.beat(now)
            }
            Found::Bus(rare) => link.bus().handle(rare).map(Event::Bus),
        };
        if event.is_some() {
            return event;
        }
        // Before the look: what it finds may be a message, which has left its ring.
        let Some(fewer) = left.checked_sub(1) else {
            link.bus().stop();
            return None;
        };
        left = fewer;
        found = look(link, now, stage);
    }
}
