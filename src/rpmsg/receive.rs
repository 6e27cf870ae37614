// SPDX-License-Identifier: Apache-2.0
//! Receiving: takes arrived messages, sorts them, and answers the name service's messages.

use core::ops::Range;

use zerocopy::{FromZeros, IntoBytes};

use super::bus::{Bus, Due, Event, Peer};
use super::endpoints::Announce;
use super::message::Message;
use super::{Address, Endpoint, Fault, Incoming, Name, Profile, ReadError, SendError};
use crate::platform::Doorbell;
use crate::wire::rpmsg::{Header, NameService};

/// The outcome of a look for a message.
#[derive(Debug)]
pub(crate) enum RxOutcome {
    /// A message for a bound endpoint, which needs nothing but delivery.
    Message(Message),
    /// No message: the peer has been asked to ring when there is one.
    Empty,
    /// A message of another kind, which was put aside; or no peer, perhaps because it has just broken a rule.
    Other,
}

impl<P: Profile, D: Doorbell> Bus<P, D> {
    /// Fills `to` from byte `offset` of a message's payload.
    ///
    /// The peer may write to its buffer meanwhile, so two reads of one byte may differ. Read a byte only once if a
    /// decision depends on it.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(&self, message: &Message, offset: u16, to: &mut [u8]) -> Result<(), ReadError> {
        let Some(attached) = self.attached().filter(|_| message.session == self.session) else {
            return Err(self.gone(message));
        };
        match attached.incoming.read(message.buffer, message.length, offset, to) {
            true => Ok(()),
            false => Err(ReadError::Beyond { length: message.length }),
        }
    }

    /// Returns the range of a message's payload, as offsets from the start of the memory with which the link was made,
    /// for a caller that passes the payload on in place. The range is always inside that memory. The peer chooses it,
    /// so it has no alignment.
    ///
    /// The peer may write there at any time, and owns the place again once the message is released or the link has gone down.
    ///
    /// # Errors
    /// Returns [`ReadError::Stale`] if the link has gone down since the message came.
    pub fn payload_range(&self, message: &Message) -> Result<Range<u32>, ReadError> {
        match self.attached() {
            Some(attached) if message.session == self.session => {
                let start = attached.incoming.offset(message.buffer).wrapping_add(Header::SIZE);
                Ok(start..start.wrapping_add(message.length.into()))
            }
            _ => Err(self.gone(message)),
        }
    }

    /// Returns the reason why a message does not belong to the present session.
    #[cold]
    const fn gone(&self, message: &Message) -> ReadError {
        if self.owns(message.endpoint) { ReadError::Stale } else { ReadError::OtherLink }
    }

    /// Returns this bus's endpoint at `address`.
    #[inline(always)]
    pub(super) const fn endpoint(&self, address: Address) -> Endpoint {
        Endpoint { address, bus: self.number }
    }

    /// Copies a message's payload to the front of `to`, and gives its buffer back to the peer. Returns the length of
    /// the message; if `to` is shorter, it holds the beginning.
    ///
    /// # Errors
    /// Returns [`ReadError::Stale`] or [`ReadError::OtherLink`].
    pub fn recv(&mut self, message: Message, to: &mut [u8]) -> Result<usize, ReadError> {
        let length = usize::from(message.length);
        let fits = to.len().min(length);
        let read = self.read(&message, 0, to.get_mut(..fits).unwrap_or_default());
        self.release(message);
        read.map(|()| length)
    }

    /// Sends `payload` to the sender of a message, from the endpoint that the message was for, and gives the message's buffer back.
    ///
    /// # Errors
    /// Returns a [`SendError`] and the message, which can be answered later or released.
    pub fn reply(&mut self, message: Message, payload: &[u8]) -> Result<(), (SendError, Message)> {
        match self.send_to(message.endpoint, message.source, payload) {
            Ok(()) => {
                self.release(message);
                Ok(())
            }
            Err(error) => Err((error, message)),
        }
    }

    /// Gives a message's buffer back to the peer. Does nothing with a message of another link, or of an earlier session.
    #[inline]
    pub fn release(&mut self, message: Message) {
        if let Peer::Here(attached) = &mut self.peer
            && message.session == self.session
            && attached.incoming.release(message.buffer)
        {
            attached.ring(self.doorbell.as_ref(), &mut self.counters);
        }
    }

    /// Returns whether the ring is all that a poll has to check.
    #[inline(always)]
    pub(crate) fn is_quiet(&self) -> bool {
        self.due.is_empty()
    }

    /// Looks for the next message.
    #[cfg_attr(for_size, inline(never))]
    #[cfg_attr(not(for_size), inline(always))]
    pub(crate) fn receive(&mut self) -> RxOutcome {
        let Peer::Here(attached) = &mut self.peer else { return RxOutcome::Other };
        let arrived = match attached.incoming.pop() {
            Ok(Some(arrived)) => arrived,
            Ok(None) => return RxOutcome::Empty,
            Err(fault) => return self.broken(fault),
        };
        let Header { source, destination, length } = attached.incoming.header(arrived.id);
        if length > arrived.capacity {
            return self.broken(Fault::Length { length, buffer: u32::from(arrived.capacity) + Header::SIZE });
        }
        let message =
            Message { endpoint: self.endpoint(destination), source, length, buffer: arrived.id, session: self.session };
        match self.endpoints.peer_of(destination) {
            Some(_) => RxOutcome::Message(message),
            None => self.defer(message),
        }
    }

    #[cold]
    fn broken(&mut self, fault: Fault) -> RxOutcome {
        self.fail(fault);
        RxOutcome::Other
    }

    #[cold]
    fn defer(&mut self, message: Message) -> RxOutcome {
        self.deferred = Some(message);
        self.due |= Due::MORE;
        RxOutcome::Other
    }

    /// Returns how often a poll may ask for the [next message](Self::receive): twice the ring's size. This bounds a
    /// peer that floods this side with messages for unknown endpoints, or that moves its index to and fro.
    pub(crate) fn rounds(&self) -> u32 {
        self.attached().map_or(0, |attached| u32::from(attached.incoming.size()).wrapping_mul(2))
    }

    /// Records that a poll stops here although there may be more.
    pub(crate) fn stop(&mut self) {
        self.due |= Due::MORE;
    }

    /// Returns whether a message was [deferred](Self::receive).
    pub(crate) const fn has_deferred(&self) -> bool {
        self.deferred.is_some()
    }

    /// Does the rare work, some of which results in an event: sorts a message that was put aside, tells the application
    /// about bindings, and tells the peer about endpoints.
    #[inline(never)]
    pub(crate) fn process_deferred(&mut self) -> Option<Event> {
        self.due.remove(Due::MORE);
        if let Some(message) = self.deferred.take()
            && let Some(event) = self.sort(message)
        {
            return Some(event);
        }
        // An application that hears that an endpoint is bound may send from it at once, and a greeting must not come
        // after that message.
        if self.owes_greetings() {
            self.announce();
        }
        if self.due.contains(Due::BINDINGS)
            && let Some(event) = self.binding_event()
        {
            return Some(event);
        }
        if self.due.contains(Due::ANNOUNCEMENTS) {
            self.announce();
        }
        None
    }

    /// Handles a message that needs more than delivery to a bound endpoint.
    fn sort(&mut self, message: Message) -> Option<Event> {
        if message.endpoint.address == Address::NAME_SERVICE {
            let event = self.name_service(&message);
            self.release(message);
            return event;
        }
        let peer = Some(message.source).filter(|peer| !matches!(*peer, Address::ANY | Address::NAME_SERVICE));
        if !self.endpoints.learn_peer(message.endpoint.address, peer) {
            self.counters.unknown = self.counters.unknown.wrapping_add(1);
            self.release(message);
            return None;
        }
        if peer.is_some() {
            self.due |= Due::BINDINGS;
        }
        Some(Event::Message(message))
    }

    fn name_service(&mut self, message: &Message) -> Option<Event> {
        let mut announcement = NameService::new_zeroed();
        if u32::from(message.length) != NameService::SIZE {
            return None;
        }
        self.read(message, 0, announcement.as_mut_bytes()).ok()?;
        let name = Name::from_field(&announcement.name)?;
        let address = Address(announcement.address.get());
        if address == Address::ANY {
            return None;
        }
        self.due |= Due::BINDINGS;
        if announcement.exists() {
            self.due |= Due::ANNOUNCEMENTS;
            let answer = if P::ANNOUNCE_ALL { Announce::Exists } else { Announce::Greeting };
            (!self.endpoints.bind(&name, address, answer)).then_some(Event::Announced { name, address })
        } else {
            (!self.endpoints.unbind(address)).then_some(Event::Withdrawn { name, address })
        }
    }

    /// Returns the event for the next endpoint that was bound or unbound without a report to the application.
    fn binding_event(&mut self) -> Option<Event> {
        match self.endpoints.take_unnotified() {
            Some((address, Some(peer))) => Some(Event::Bound { endpoint: self.endpoint(address), peer }),
            Some((address, None)) => Some(Event::Unbound { endpoint: self.endpoint(address) }),
            None => {
                self.due.remove(Due::BINDINGS);
                None
            }
        }
    }

    /// Returns whether greetings may be due.
    pub(super) const fn owes_greetings(&self) -> bool {
        !P::ANNOUNCE_ALL && self.due.contains(Due::ANNOUNCEMENTS)
    }

    /// Sends the announcements that are due, as far as buffers are free.
    #[cold]
    #[inline(never)]
    fn announce(&mut self) {
        // Otherwise the first announcement would hide that the peer may have read entries that nobody wrote.
        if P::AUTO_RESTART && !self.is_intact() {
            return;
        }
        let mut announcement = NameService::new_zeroed();
        while let Some((address, peer)) = self.endpoints.due(&mut announcement) {
            // A greeting is empty.
            let payload = if peer == Address::NAME_SERVICE { announcement.as_bytes() } else { &[] };
            // Sending also fails if the buffers are too small for a name or if there is no peer; then nobody will ever
            // be told.
            if self.send_message(address, peer, payload.into()).is_err() {
                return;
            }
            self.endpoints.announced(address);
        }
        self.due.remove(Due::ANNOUNCEMENTS);
    }
}
