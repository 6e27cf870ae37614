// SPDX-License-Identifier: Apache-2.0
//! Receiving: pops messages from the ring, dispatches them, and handles name service messages.

use core::ops::Range;

use zerocopy::{FromZeros, IntoBytes};

use super::bus::{Bus, Due, Event, Peer};
use super::endpoints::Announce;
use super::message::Message;
use super::{Address, Endpoint, Fault, Incoming, Name, Profile, ReadError, SendError};
use crate::inspect::TraceEvent;
use crate::platform::Doorbell;
use crate::wire::rpmsg::{Header, NameService};

/// The outcome of one attempt to receive a message.
#[derive(Debug)]
pub(crate) enum RxOutcome {
    /// A message for a bound endpoint, which can be delivered directly.
    Message(Message),
    /// No message. The peer has been asked to ring for the next one.
    Empty,
    /// A message has been deferred, or there is no peer. For example, the peer may just have broken the protocol.
    Other,
}

impl<P: Profile, D: Doorbell> Bus<P, D> {
    /// Copies bytes from a message's payload into `to`, starting at `offset`.
    ///
    /// The peer may write to its buffer at any time, so two reads of a byte may return different values. If a decision
    /// depends on a byte, read it only once.
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

    /// Returns a message's payload as a range of offsets from the start of the link's memory. Use this to pass the
    /// payload on without copying it. The range is always within the memory. The range may be misaligned, because the
    /// peer chooses it.
    ///
    /// The peer may write to the payload at any time. After the message has been released or the link has gone down,
    /// the range belongs to the peer again.
    ///
    /// # Errors
    /// Returns [`ReadError::Stale`] if the link has gone down since the message was received, and
    /// [`ReadError::OtherLink`] if the message belongs to another link.
    pub fn payload_range(&self, message: &Message) -> Result<Range<u32>, ReadError> {
        match self.attached() {
            Some(attached) if message.session == self.session => {
                let start = attached.incoming.offset(message.buffer).wrapping_add(Header::SIZE);
                Ok(start..start.wrapping_add(message.length.into()))
            }
            _ => Err(self.gone(message)),
        }
    }

    /// Returns the error for a message that does not belong to the current session.
    #[cold]
    const fn gone(&self, message: &Message) -> ReadError {
        if self.owns(message.endpoint) { ReadError::Stale } else { ReadError::OtherLink }
    }

    /// Returns a handle to the endpoint at `address` on this bus.
    #[inline(always)]
    pub(super) const fn endpoint(&self, address: Address) -> Endpoint {
        Endpoint { address, bus: self.number }
    }

    /// Copies a message's payload into `to`, and returns the buffer to the peer. Returns the payload length. If `to` is
    /// shorter than the payload, the rest of the payload is lost.
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

    /// Sends `payload` to a message's sender, from the endpoint that received the message. Then returns the message's
    /// buffer to the peer.
    ///
    /// # Errors
    /// Returns a [`SendError`] and the message. Try to reply again later, or release the message.
    pub fn reply(&mut self, message: Message, payload: &[u8]) -> Result<(), (SendError, Message)> {
        match self.send_to(message.endpoint, message.source, payload) {
            Ok(()) => {
                self.release(message);
                Ok(())
            }
            Err(error) => Err((error, message)),
        }
    }

    /// Returns a message's buffer to the peer. Has no effect if the message belongs to another link or an earlier
    /// session.
    #[inline]
    pub fn release(&mut self, message: Message) {
        if let Peer::Here(attached) = &mut self.peer
            && message.session == self.session
        {
            self.trace.record(|| TraceEvent::Released { buffer: message.buffer });
            if attached.incoming.release(message.buffer) {
                attached.ring(self.doorbell.as_ref(), &mut self.counters, self.trace);
            }
        }
    }

    /// Returns whether a poll has no work other than receiving from the ring.
    #[inline(always)]
    pub(crate) fn is_quiet(&self) -> bool {
        self.due.is_empty()
    }

    /// Receives the next message.
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
        self.trace.record(|| TraceEvent::Received { source, destination, length, buffer: arrived.id });
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

    /// Returns the maximum number of calls to [`receive`](Self::receive) per poll, which is twice the ring size. The
    /// limit matters if a peer floods this side with messages for unknown endpoints, or moves its index back and forth.
    pub(crate) fn rounds(&self) -> u32 {
        self.attached().map_or(0, |attached| u32::from(attached.incoming.size()).wrapping_mul(2))
    }

    /// Records that the current poll stops early, so there may be more messages.
    pub(crate) fn stop(&mut self) {
        self.due |= Due::MORE;
    }

    /// Returns whether a message has been [deferred](Self::receive).
    pub(crate) const fn has_deferred(&self) -> bool {
        self.deferred.is_some()
    }

    /// Does the rare work, and returns an event if there is one. Handles a deferred message, tells the application
    /// about bindings, and tells the peer about endpoints.
    #[inline(never)]
    pub(crate) fn process_deferred(&mut self) -> Option<Event> {
        self.due.remove(Due::MORE);
        if let Some(message) = self.deferred.take()
            && let Some(event) = self.sort(message)
        {
            return Some(event);
        }
        // Once the application is told that an endpoint is bound, it may send from that endpoint immediately. Send the
        // greeting first, because the greeting must precede the application's messages.
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

    /// Handles a deferred message.
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

    /// Returns the event for the next endpoint that was bound or unbound since the application was last told.
    fn binding_event(&mut self) -> Option<Event> {
        match self.endpoints.take_unnotified() {
            Some((address, Some(peer))) => {
                self.trace.record(|| TraceEvent::Bound { endpoint: address, peer });
                Some(Event::Bound { endpoint: self.endpoint(address), peer })
            }
            Some((address, None)) => {
                self.trace.record(|| TraceEvent::Unbound { endpoint: address });
                Some(Event::Unbound { endpoint: self.endpoint(address) })
            }
            None => {
                self.due.remove(Due::BINDINGS);
                None
            }
        }
    }

    /// Returns whether greetings may have to be sent.
    pub(super) const fn owes_greetings(&self) -> bool {
        !P::ANNOUNCE_ALL && self.due.contains(Due::ANNOUNCEMENTS)
    }

    /// Sends the announcements that are due, as long as buffers are free.
    #[cold]
    #[inline(never)]
    fn announce(&mut self) {
        // If this side's index has been overwritten, the peer may have consumed ring entries that this side has not
        // written yet. An announcement would hide this damage from the check.
        if P::AUTO_RESTART && !self.is_intact() {
            return;
        }
        let mut announcement = NameService::new_zeroed();
        while let Some((address, peer)) = self.endpoints.due(&mut announcement) {
            // A greeting has no payload.
            let payload = if peer == Address::NAME_SERVICE { announcement.as_bytes() } else { &[] };
            // If sending fails, the announcement stays due. If the buffers are too small for the announcement, it is
            // never sent.
            if self.send_message(address, peer, payload.into()).is_err() {
                return;
            }
            self.endpoints.announced(address);
        }
        self.due.remove(Due::ANNOUNCEMENTS);
    }
}
