// SPDX-License-Identifier: Apache-2.0
//! Polling of a link in any profile: a message takes the fast path, and everything rare takes a slower one.

use super::{Bus, Event, Message, Profile, RxOutcome};
use crate::platform::{Doorbell, Instant};

/// One side of a link in any profile, for code that works with all profiles.
pub trait AnyLink {
    /// The wire profile.
    type Profile: Profile;
    /// The doorbell.
    type Doorbell: Doorbell;

    /// Returns the bus, to open endpoints and send.
    fn bus(&mut self) -> &mut Bus<Self::Profile, Self::Doorbell>;

    /// Returns the next event since the last call; `now` is the time on any clock that only grows.
    ///
    /// After `None` the caller waits for a doorbell, but no longer than until the [`deadline`](Self::deadline).
    fn poll(&mut self, now: Instant) -> Option<Event>;

    /// Returns the time to poll again even if no doorbell rings.
    fn deadline(&self) -> Instant;
}

/// The life cycle of a link, which brings its bus up and takes it down.
pub(crate) trait LinkDriver: AnyLink {
    /// Returns whether the life cycle has work that is due.
    fn is_due(&self, now: Instant) -> bool;

    /// Does the work that is due.
    fn tick(&mut self, now: Instant) -> Option<Event>;

    /// Returns whether a [`resync`](Self::resync) would have no effect. Asked while the bus is up and has nothing to do.
    #[inline(always)]
    fn is_in_sync(&self) -> bool {
        true
    }

    /// Follows a change of the peer's state, or ends the link after a fault of the bus.
    fn resync(&mut self, now: Instant) -> Option<Event>;
}

/// Returns the next event of `link`. The life cycle gets its turn when the bus has nothing else to do, and also when it
/// is due, however busy the bus is. A fault of the peer comes before both.
// Inlined, so that the outcome decides the caller's own match on the event, and no event goes through memory.
#[inline(always)]
pub(crate) fn poll<L: LinkDriver>(link: &mut L, now: Instant) -> Option<Event> {
    if !link.is_due(now) && link.bus().is_quiet() {
        match link.bus().receive() {
            RxOutcome::Message(message) => {
                // Moved field by field, because the compiler would otherwise call `memcpy`.
                let Message { endpoint, source, length, buffer, session } = message;
                return Some(Event::Message(Message { endpoint, source, length, buffer, session }));
            }
            RxOutcome::Empty if link.is_in_sync() => return None,
            RxOutcome::Empty | RxOutcome::Other => (),
        }
    }
    poll_slow(link, now)
}

/// Polls when the life cycle is due, when the bus has deferred work, or when the peer has changed or has broken a rule.
#[cold]
#[inline(never)]
fn poll_slow<L: LinkDriver>(link: &mut L, now: Instant) -> Option<Event> {
    // Reports first that the link is down, and then the endpoints that this unbinds.
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
            return Some(event);
        }
        // Checked before the next look, which may take a message out of its ring.
        let Some(fewer) = left.checked_sub(1) else {
            link.bus().stop();
            return None;
        };
        left = fewer;
        match link.bus().receive() {
            RxOutcome::Message(message) => return Some(Event::Message(message)),
            RxOutcome::Empty if link.is_in_sync() => return None,
            RxOutcome::Other if link.bus().has_deferred() => (),
            RxOutcome::Empty | RxOutcome::Other => return link.resync(now),
        }
    }
}
