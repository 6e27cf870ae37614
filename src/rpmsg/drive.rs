// SPDX-License-Identifier: Apache-2.0
//! Polling for links of any profile. Messages for bound endpoints take a fast path, and all other work takes a slow
//! path.

use super::{Bus, Event, Message, Profile, RxOutcome};
use crate::platform::{Doorbell, Instant};

/// One side of a link, for code that works with any profile.
pub trait AnyLink {
    /// The wire profile.
    type Profile: Profile;
    /// The doorbell.
    type Doorbell: Doorbell;

    /// Returns the bus, which opens endpoints and sends messages.
    fn bus(&mut self) -> &mut Bus<Self::Profile, Self::Doorbell>;

    /// Returns the next event. `now` may be read from any monotonic clock.
    ///
    /// After `None`, wait for a doorbell, at most until the [`deadline`](Self::deadline).
    fn poll(&mut self, now: Instant) -> Option<Event>;

    /// Returns the time at which to poll again even if no doorbell rings.
    fn deadline(&self) -> Instant;
}

/// Implements [`AnyLink`] for a link type by forwarding to the type's methods of the same names.
macro_rules! any_link {
    ($link:ident, $profile:ident $(, $role:ident: $roles:ident)?) => {
        impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize $(, $role: $roles)?> AnyLink
            for $link<M, D, E, N $(, $role)?>
        {
            type Profile = $profile<M, E, N>;
            type Doorbell = D;

            fn bus(&mut self) -> &mut Bus<$profile<M, E, N>, D> {
                self.bus()
            }

            #[inline(always)]
            fn poll(&mut self, now: Instant) -> Option<Event> {
                self.poll(now)
            }

            fn deadline(&self) -> Instant {
                self.deadline()
            }
        }
    };
}
pub(crate) use any_link;

/// The life cycle of a link, which attaches its bus to the peer and detaches it.
pub(crate) trait LinkDriver: AnyLink {
    /// Returns whether life-cycle work is due.
    fn is_due(&self, now: Instant) -> bool;

    /// Does the life-cycle work that is due.
    fn tick(&mut self, now: Instant) -> Option<Event>;

    /// Returns whether a [`resync`](Self::resync) would have no effect. Called only while the bus is up and idle.
    #[inline(always)]
    fn is_in_sync(&self) -> bool {
        true
    }

    /// Reacts to a change in the peer's state, or ends the session after a fault of the bus.
    fn resync(&mut self, now: Instant) -> Option<Event>;
}

/// Returns the next event of `link`. The life cycle runs when the bus is idle, and also whenever it is due, even if the
/// bus is busy. A fault of the peer is handled first.
// Inlined, so that the compiler merges the caller's match on the event with this one and does not store the event in
// memory.
#[inline(always)]
pub(crate) fn poll<L: LinkDriver>(link: &mut L, now: Instant) -> Option<Event> {
    if !link.is_due(now) && link.bus().is_quiet() {
        match link.bus().receive() {
            RxOutcome::Message(message) => {
                // The message is moved field by field, because otherwise the compiler would emit a call to `memcpy`.
                let Message { endpoint, source, length, buffer, session } = message;
                return Some(Event::Message(Message { endpoint, source, length, buffer, session }));
            }
            RxOutcome::Empty if link.is_in_sync() => return None,
            RxOutcome::Empty | RxOutcome::Other => (),
        }
    }
    if cfg!(for_size) {
        return poll_slow(link, now);
    }
    match poll_slow(link, now)? {
        // The message is moved field by field here, too. If the call wrote the event directly to its final place, the
        // compiler would pass every message through memory.
        Event::Message(Message { endpoint, source, length, buffer, session }) => {
            Some(Event::Message(Message { endpoint, source, length, buffer, session }))
        }
        event => Some(event),
    }
}

/// Polls if life-cycle work is due, if the bus has deferred work, or if the peer has changed or broken the protocol.
#[cold]
#[inline(never)]
fn poll_slow<L: LinkDriver>(link: &mut L, now: Instant) -> Option<Event> {
    // Report that the link is down before reporting the unbound endpoints.
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
        // Check the limit before `receive`, which may pop a message from the ring.
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
