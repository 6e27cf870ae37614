//! Receiving: takes what has arrived, sorts it, and keeps the name service.

use core::ops::Range;

use zerocopy::{FromZeros, IntoBytes};

use super::bus::{Bus, Event, Message};
use super::endpoint::Announce;
use super::present::Present;
use super::{Address, Endpoint, Fault, Incoming, Name, Profile, ReadError};
use crate::platform::Doorbell;
use crate::wire::rpmsg::{Header, NameService};

impl<P: Profile, D: Doorbell, const E: usize> Bus<P, D, E> {
    /// Fills `to` from byte `offset` of a message's payload.
    ///
    /// The peer may write its buffer meanwhile, so two reads of one byte may differ: read once what a decision hangs on.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(&self, message: &Message, offset: u16, to: &mut [u8]) -> Result<(), ReadError> {
        let Some(attached) = self.attached.as_ref().filter(|_| message.session == self.session) else {
            return Err(ReadError::Stale);
        };
        let room = usize::from(message.length.saturating_sub(offset));
        if to.len() > room || offset > message.length {
            return Err(ReadError::Beyond { length: message.length });
        }
        Ok(attached.incoming.read(message.offset + u32::from(offset), to)?)
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
        match self.attached.as_ref() {
            Some(attached) if message.session == self.session => {
                let start = attached.incoming.place(message.offset);
                Ok(start..start.saturating_add(message.length.into()))
            }
            _ => Err(ReadError::Stale),
        }
    }

    /// Gives a message's buffer back to the peer.
    pub fn release(&mut self, message: Message) {
        if message.session == self.session {
            self.give_back(message.buffer);
        }
    }

    /// What has happened since the last call, as [`next`](Self::next).
    ///
    /// # Errors
    /// What the peer broke. The bus is unusable until its link has restarted.
    pub(crate) fn poll(&mut self) -> Result<Option<Event>, Fault> {
        match (self.next(), self.fault()) {
            (None, Some(fault)) => Err(fault),
            (event, _) => Ok(event),
        }
    }

    /// What has happened since the last call, one event at a time. `None` where nothing more has: then the peer has
    /// been asked to ring when something does, and the caller may wait for a doorbell; or where the peer broke
    /// something, see [`fault`](Self::fault).
    pub(crate) fn next(&mut self) -> Option<Event> {
        self.more = false;
        if self.bindings
            && let Some(event) = self.binding_event()
        {
            return Some(event);
        }
        if self.announcements {
            self.announce();
        }
        if self.fault.is_here() {
            return None;
        }
        // A peer that floods us with what is for nobody, or that moves its index to and fro, keeps us here for two
        // rings at most.
        let rounds = 2 * u32::from(self.attached.as_ref()?.incoming.size());
        for _ in 0..rounds {
            let attached = self.attached.as_mut()?;
            match take_message(&mut attached.incoming, self.session) {
                Ok(Some(message)) => {
                    self.counters.received = self.counters.received.wrapping_add(1);
                    if let Some(event) = self.sort(message) {
                        return Some(event);
                    }
                }
                Ok(None) => {
                    if attached.incoming.ask_for_notifications() {
                        return None;
                    }
                }
                Err(fault) => {
                    self.fault = Present::Here(fault);
                    return None;
                }
            }
        }
        self.more = true;
        None
    }

    /// Decides what a message is.
    fn sort(&mut self, message: Message) -> Option<Event> {
        if message.endpoint.0 == Address::NAME_SERVICE {
            let event = self.name_service(&message);
            self.release(message);
            return event.or_else(|| self.binding_event());
        }
        match self.endpoints.open_at(message.endpoint.0) {
            Some(slot) => {
                if slot.peer.is_none() && !matches!(message.source, Address::ANY | Address::NAME_SERVICE) {
                    slot.peer = Some(message.source);
                    self.bindings = true;
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
        self.bindings = true;
        if announcement.exists() {
            self.announcements = true;
            let answer = if P::ANNOUNCE_ALL { Announce::Exists } else { Announce::Greeting };
            (!self.endpoints.bind(&name, address, answer)).then_some(Event::Announced { name, address })
        } else {
            (!self.endpoints.unbind(address)).then_some(Event::Withdrawn { name, address })
        }
    }

    /// The next endpoint that was bound or unbound since the application was told.
    fn binding_event(&mut self) -> Option<Event> {
        for slot in self.endpoints.used() {
            if slot.told != slot.peer.is_some()
                && let Some(address) = slot.address
            {
                slot.told = slot.peer.is_some();
                let endpoint = Endpoint(address);
                return Some(match slot.peer {
                    Some(peer) => Event::Bound { endpoint, peer },
                    None => Event::Unbound { endpoint },
                });
            }
        }
        self.bindings = false;
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
        self.announcements = false;
    }

    fn give_back(&mut self, buffer: u16) {
        if let Some(attached) = self.attached.as_mut() {
            attached.incoming.give_back(buffer);
            if attached.incoming.must_notify() {
                self.ring();
            }
        }
    }
}

/// Takes the next message, whomever it is for.
fn take_message(incoming: &mut impl Incoming, session: u32) -> Result<Option<Message>, Fault> {
    let Some(arrived) = incoming.take()? else { return Ok(None) };
    let mut header = Header::new_zeroed();
    let too_short = arrived.length < Header::SIZE || incoming.read(arrived.offset, header.as_mut_bytes()).is_err();
    let length = header.length.get();
    if too_short || u32::from(length) > arrived.length - Header::SIZE {
        return Err(Fault::Length { length });
    }
    Ok(Some(Message {
        endpoint: Endpoint(Address(header.destination.get())),
        source: Address(header.source.get()),
        length,
        offset: arrived.offset + Header::SIZE,
        buffer: arrived.id,
        session,
    }))
}
