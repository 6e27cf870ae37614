//! How a link of any profile is polled: a message passes straight through, all that is rare is done apart. Knows no profile.

use super::{AnyLink, Event};
use crate::platform::Instant;
use crate::rpmsg::{self, Message, RxOutcome};

/// What each profile's link has to say.
pub(super) trait LinkDriver<const E: usize>: AnyLink<E> {
    /// Whether the link itself is due.
    fn is_due(&self, now: Instant) -> bool;

    /// Does what the link itself is due to.
    fn tick(&mut self, now: Instant) -> Option<Event>;

    /// Whether it is at rest where its bus is up and has nothing to do.
    #[inline(always)]
    fn is_in_sync(&self) -> bool {
        true
    }

    /// Does what it takes to be at rest.
    fn resync(&mut self, now: Instant) -> Option<Event>;
}

/// What has happened on `link` since the last call. After the peer is looked when there is nothing else to do, and when the link
/// is due however busy the bus is; but first that the peer has broken something.
// Inlined, so that the caller's own match on the event is decided by what was found, and no event goes through memory.
#[inline(always)]
pub(super) fn poll<const E: usize, L: LinkDriver<E>>(link: &mut L, now: Instant) -> Option<Event> {
    if !link.is_due(now) && link.bus().is_quiet() {
        match link.bus().receive() {
            RxOutcome::Message(message) => {
                // Field by field, or it is moved by a call of `memcpy`.
                let Message { endpoint, source, length, buffer, session } = message;
                return Some(Event::Bus(rpmsg::Event::Message(Message { endpoint, source, length, buffer, session })));
            }
            RxOutcome::Empty if link.is_in_sync() => return None,
            RxOutcome::Empty | RxOutcome::Other => (),
        }
    }
    poll_slow(link, now)
}

/// A poll in which the link is due, the bus has something of its own to do, or the peer has changed or broken something.
#[cold]
#[inline(never)]
fn poll_slow<const E: usize, L: LinkDriver<E>>(link: &mut L, now: Instant) -> Option<Event> {
    // First that the link is down, then what that unbinds.
    if link.bus().fault().is_some() {
        return link.resync(now);
    }
    if link.is_due(now)
        && let Some(event) = link.tick(now)
    {
        return Some(event);
    }
    let mut left = link.bus().rounds().saturating_add(1);
    loop {
        if let Some(event) = link.bus().process_deferred() {
            return Some(Event::Bus(event));
        }
        // Before the look: what it finds may be a message, which has left its ring.
        let Some(fewer) = left.checked_sub(1) else {
            link.bus().stop();
            return None;
        };
        left = fewer;
        match link.bus().receive() {
            RxOutcome::Message(message) => return Some(Event::Bus(rpmsg::Event::Message(message))),
            RxOutcome::Empty if link.is_in_sync() => return None,
            RxOutcome::Other if link.bus().has_deferred() => (),
            RxOutcome::Empty | RxOutcome::Other => return link.resync(now),
        }
    }
}
