//! Receiving: takes what has arrived, sorts it, and keeps the name service.

use core::ops::Range;

use zerocopy::{FromZeros, IntoBytes};

use super::bus::{Bus, Due, Event, Message, Peer};
use super::endpoint::{Announce, Maybe};
use super::{Address, Endpoint, Fault, Incoming, Name, Profile, ReadError};
use crate::platform::Doorbell;
use crate::wire::rpmsg::{Header, NameService};

/// What a bus has next. Small, as it is returned for each message; an [`Event`] is made of it where it is to lie.
pub(crate) enum Next {
    /// A message for a bound endpoint.
    Message(Message),
    /// Nothing now.
    Nothing,
    /// Something to be done first.
    Rare(Rare),
    /// The peer broke this: the bus is to [fail](Bus::fail).
    Fault(Fault),
}

/// What is to be done before the next message.
pub(crate) enum Rare {
    /// Bindings are to be told, or endpoints to be announced.
    Attend,
    /// This is not simply a message for a bound endpoint.
    Odd(Message),
    /// Something came while the peer was asked to ring.
    Again,
}

impl<P: Profile, D: Doorbell, const E: usize> Bus<P, D, E> {
    /// Fills `to` from byte `offset` of a message's payload.
    ///
    /// The peer may write its buffer meanwhile, so two reads of one byte may differ: read once what a decision hangs on.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(&self, message: &Message, offset: u16, to: &mut [u8]) -> Result<(), ReadError> {
        let Some(attached) = self.attached().filter(|_| message.session == self.session) else {
            return Err(ReadError::Stale);
        };
        let room = usize::from(message.length.saturating_sub(offset));
        if to.len() > room || offset > message.length {
            return Err(ReadError::Beyond { length: message.length });
        }
        let read = attached.incoming.read(message.buffer, Header::SIZE + u32::from(offset), to);
        if read { Ok(()) } else { Err(ReadError::Outside) }
    }

    /// Where a message's payload lies, in bytes from the start of the memory that the link was made with: for a caller
    /// that hands it on in place. Always inside that memory; the peer decides where, so not aligned to anything.
    ///
    /// The peer may write there at any time, and the place is its own again once the message is released or the link has
    /// gone down.
    ///
    /// # Errors
    /// [`ReadError::Stale`] where the link has gone down since.
    pub fn place_of(&self, message: &Message) -> Result<Range<u32>, ReadError> {
        match self.attached() {
            Some(attached) if message.session == self.session => {
                let start = attached.incoming.place(message.buffer).saturating_add(Header::SIZE);
                Ok(start..start.saturating_add(message.length.into()))
            }
            _ => Err(ReadError::Stale),
        }
    }

    /// Gives a message's buffer back to the peer.
    #[inline]
    pub fn release(&mut self, message: Message) {
        if message.session == self.session {
            self.give_back(message.buffer);
        }
    }

    /// The next message, where it is simply one for a bound endpoint; otherwise what is to be [done](Self::handle) first.
    /// `attended` is whether that was done already since the last doorbell.
    ///
    /// With [`Next::Nothing`] the peer has been asked to ring when there is something.
    #[inline(always)]
    pub(crate) fn next(&mut self, attended: bool) -> Next {
        if !self.due.is_empty() && !attended {
            return Next::Rare(Rare::Attend);
        }
        let Peer::Here(attached) = &mut self.peer else { return Next::Nothing };
        match take_message(&mut attached.incoming, self.session) {
            Ok(Some(message)) => {
                self.counters.received = self.counters.received.wrapping_add(1);
                match self.endpoints.find(message.endpoint.0) {
                    Some(slot) if slot.peer.is_some() => Next::Message(message),
                    _ => Next::Rare(Rare::Odd(message)),
                }
            }
            Ok(None) => match attached.incoming.ask_for_notifications() {
                true => Next::Nothing,
                false => Next::Rare(Rare::Again),
            },
            Err(fault) => Next::Fault(fault),
        }
    }

    /// Does what is rare; an event where there is one to tell.
    #[inline(never)]
    pub(crate) fn handle(&mut self, rare: Rare) -> Option<Event> {
        match rare {
            Rare::Attend => self.attend(),
            Rare::Odd(message) => self.sort(message),
            Rare::Again => None,
        }
    }

    /// How often a poll may ask for the [next](Self::next): a peer that floods us with what is for nobody, or that moves its
    /// index to and fro, keeps us for two rings at most.
    pub(crate) fn rounds(&self) -> u32 {
        self.attached().map_or(0, |attached| 2 * u32::from(attached.incoming.size()))
    }

    /// A poll stops here, although there may be more.
    pub(crate) fn stop(&mut self) {
        self.due |= Due::MORE;
    }

    /// Tells the application of bindings, and the peer of endpoints.
    fn attend(&mut self) -> Option<Event> {
        // First that the link is down, then what that unbinds.
        if matches!(self.peer, Peer::Broken(_)) {
            return None;
        }
        self.due.remove(Due::MORE);
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

    /// Decides what a message is that is not simply one for a bound endpoint.
    fn sort(&mut self, message: Message) -> Option<Event> {
        if message.endpoint.0 == Address::NAME_SERVICE {
            let event = self.name_service(&message);
            self.release(message);
            return event.or_else(|| self.binding_event());
        }
        match self.endpoints.open_at(message.endpoint.0) {
            Some(slot) => {
                if !matches!(message.source, Address::ANY | Address::NAME_SERVICE) {
                    slot.peer = Maybe::from(message.source);
                    self.due |= Due::BINDINGS;
                }
                Some(Event::Message(message))
            }
            None => {
                self.counters.unknown = self.counters.unknown.wrapping_add(1);
                self.release(message);
                None
            }
        }
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

    /// The next endpoint that was bound or unbound since the application was told.
    fn binding_event(&mut self) -> Option<Event> {
        for slot in self.endpoints.slots() {
            if slot.told != slot.peer.is_some() {
                slot.told = slot.peer.is_some();
                let (endpoint, peer) = (slot.endpoint(), slot.peer.or_any());
                return Some(if slot.told { Event::Bound { endpoint, peer } } else { Event::Unbound { endpoint } });
            }
        }
        self.due.remove(Due::BINDINGS);
        None
    }

    /// Sends the announcements that are due, as far as there are buffers.
    #[cold]
    #[inline(never)]
    fn announce(&mut self) {
        let mut announcement = NameService::new_zeroed();
        while let Some((address, peer)) = self.endpoints.due(&mut announcement) {
            // A greeting is empty.
            let payload = if peer == Address::NAME_SERVICE { announcement.as_bytes() } else { &[] };
            // Or too small a buffer for a name, or no peer: nobody will ever be told.
            if self.send_message(address, peer, payload).is_err() {
                return;
            }
            self.endpoints.announced(address);
        }
        self.due.remove(Due::ANNOUNCEMENTS);
    }

    #[inline(always)]
    fn give_back(&mut self, buffer: u16) {
        if let Peer::Here(attached) = &mut self.peer {
            attached.incoming.give_back(buffer);
            if attached.incoming.must_notify() {
                self.ring();
            }
        }
    }
}

/// Takes the next message, whomever it is for.
#[inline(always)]
fn take_message(incoming: &mut impl Incoming, session: u32) -> Result<Option<Message>, Fault> {
    let Some(arrived) = incoming.take()? else { return Ok(None) };
    let Header { source, destination, length } = incoming.header(arrived.id);
    if u32::from(length) + Header::SIZE > arrived.length {
        return Err(Fault::Length { length, buffer: arrived.length });
    }
    Ok(Some(Message { endpoint: Endpoint(destination), source, length, buffer: arrived.id, session }))
}
