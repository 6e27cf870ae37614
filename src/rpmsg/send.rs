//! Sending: by copy, or filled in place. Never blocks, never truncates.

use core::ops::Range;

use super::bus::{Attached, Bus, Peer, Reserved};
use super::{Address, Endpoint, Fault, Outgoing, Profile, SendError};
use crate::platform::Doorbell;
use crate::wire::rpmsg::Header;

impl<P: Profile, D: Doorbell, const E: usize> Bus<P, D, E> {
    /// Sends `payload` to the endpoint's peer.
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent then.
    pub fn send(&mut self, endpoint: Endpoint, payload: &[u8]) -> Result<(), SendError> {
        let destination = self.destination(endpoint)?;
        self.send_message(endpoint.0, destination, payload)
    }

    /// Sends `payload` to `destination`, whomever the endpoint is bound to.
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent then.
    pub fn send_to(&mut self, endpoint: Endpoint, destination: Address, payload: &[u8]) -> Result<(), SendError> {
        self.endpoints.open_at(endpoint.0).ok_or(SendError::NoEndpoint)?;
        if destination == Address::ANY {
            return Err(SendError::NoDestination);
        }
        self.send_message(endpoint.0, destination, payload)
    }

    /// Takes a buffer, to be filled in place by [`write`](Self::write) and then sent by
    /// [`send_reserved`](Self::send_reserved). It holds [`max_message`](Self::max_message) bytes.
    ///
    /// # Errors
    /// [`SendError::NoBuffer`] or [`SendError::Down`].
    pub fn reserve(&mut self) -> Result<Reserved, SendError> {
        let Peer::Here(attached) = &mut self.peer else { return Err(SendError::Down) };
        match attached.take_buffer() {
            Ok(buffer) => Ok(Reserved { buffer, session: self.session }),
            Err(why) => Err(self.not_taken(why)),
        }
    }

    /// Writes `bytes` at `offset` of the payload of a reserved buffer.
    ///
    /// # Errors
    /// [`SendError::TooLong`] where they do not fit, [`SendError::Stale`] or [`SendError::Down`] where the link is not
    /// what it was.
    pub fn write(&self, reserved: &Reserved, offset: u32, bytes: &[u8]) -> Result<(), SendError> {
        let attached = self.attached().ok_or(SendError::Down)?;
        if reserved.session != self.session {
            return Err(SendError::Stale);
        }
        let written = attached.outgoing.write(reserved.buffer, offset.saturating_add(Header::SIZE), bytes);
        if written { Ok(()) } else { Err(SendError::TooLong { max: attached.max_message }) }
    }

    /// Where the payload of a reserved buffer lies, in bytes from the start of the memory that the link was made with, and
    /// as far as it may be filled: for a caller that fills it in place. Always inside that memory.
    ///
    /// # Errors
    /// [`SendError::Stale`] or [`SendError::Down`] where the link is not what it was: the place is nobody's then.
    pub fn room_of(&self, reserved: &Reserved) -> Result<Range<u32>, SendError> {
        let attached = self.attached().ok_or(SendError::Down)?;
        if reserved.session != self.session {
            return Err(SendError::Stale);
        }
        let start = attached.outgoing.place(reserved.buffer).saturating_add(Header::SIZE);
        Ok(start..start.saturating_add(attached.max_message.into()))
    }

    /// Sends the first `length` bytes of a reserved buffer to the endpoint's peer.
    ///
    /// # Errors
    /// See [`SendError`], with the buffer, to be sent otherwise or cancelled.
    pub fn send_reserved(
        &mut self,
        endpoint: Endpoint,
        reserved: Reserved,
        length: u16,
    ) -> Result<(), (SendError, Reserved)> {
        let destination = match self.destination(endpoint) {
            Ok(destination) => destination,
            Err(error) => return Err((error, reserved)),
        };
        let Peer::Here(attached) = &mut self.peer else { return Err((SendError::Down, reserved)) };
        if reserved.session != self.session {
            return Err((SendError::Stale, reserved));
        }
        if length > attached.max_message {
            return Err((SendError::TooLong { max: attached.max_message }, reserved));
        }
        attached.outgoing.set_header(reserved.buffer, Header { source: endpoint.0, destination, length });
        attached.outgoing.send(reserved.buffer);
        self.after_send();
        Ok(())
    }

    /// Gives a reserved buffer up, unsent.
    pub fn cancel(&mut self, reserved: Reserved) {
        if let Peer::Here(attached) = &mut self.peer
            && reserved.session == self.session
        {
            attached.outgoing.put_back(reserved.buffer);
        }
    }

    #[inline(always)]
    fn destination(&mut self, endpoint: Endpoint) -> Result<Address, SendError> {
        match self.endpoints.find(endpoint.0) {
            Some(slot) if slot.peer.is_some() => Ok(slot.peer.or_any()),
            _ => Err(self.no_destination(endpoint)),
        }
    }

    #[cold]
    fn no_destination(&mut self, endpoint: Endpoint) -> SendError {
        match (self.endpoints.open_at(endpoint.0).is_some(), self.is_up()) {
            (false, _) => SendError::NoEndpoint,
            (true, true) => SendError::NotBound,
            (true, false) => SendError::Down,
        }
    }

    pub(super) fn send_message(
        &mut self,
        source: Address,
        destination: Address,
        payload: &[u8],
    ) -> Result<(), SendError> {
        let Peer::Here(attached) = &mut self.peer else { return Err(SendError::Down) };
        if payload.len() > usize::from(attached.max_message) {
            return Err(SendError::TooLong { max: attached.max_message });
        }
        let buffer = match attached.take_buffer() {
            Ok(buffer) => buffer,
            Err(why) => return Err(self.not_taken(why)),
        };
        // CAST: a message's maximum fits 16 bits.
        attached.outgoing.set_header(buffer, Header { source, destination, length: payload.len() as u16 });
        // It fits: no longer than a message's maximum.
        let _ = attached.outgoing.write(buffer, Header::SIZE, payload);
        attached.outgoing.send(buffer);
        self.after_send();
        Ok(())
    }

    #[inline(always)]
    fn after_send(&mut self) {
        self.counters.sent = self.counters.sent.wrapping_add(1);
        if let Peer::Here(attached) = &mut self.peer
            && attached.outgoing.must_notify()
        {
            self.ring();
        }
    }

    /// Why no buffer was taken: a fault, or that there is none.
    #[cold]
    fn not_taken(&mut self, why: Option<Fault>) -> SendError {
        match why {
            Some(fault) => {
                self.fail(fault);
                SendError::Down
            }
            None => SendError::NoBuffer,
        }
    }
}

impl<P: Profile> Attached<P> {
    /// A buffer to fill; otherwise what the peer broke, or nothing where it has them all.
    #[inline(always)]
    fn take_buffer(&mut self) -> Result<u16, Option<Fault>> {
        match self.outgoing.take() {
            Ok(Some(buffer)) if !self.waiting => Ok(buffer),
            taken => self.take_late(taken),
        }
    }

    /// The end of a wait for a buffer, or the beginning.
    #[cold]
    #[inline(never)]
    fn take_late(&mut self, mut taken: Result<Option<u16>, Fault>) -> Result<u16, Option<Fault>> {
        if taken == Ok(None) && !self.outgoing.ask_for_notifications() {
            // One has come back since we looked. A peer that takes it away again gains nothing: we do not insist.
            taken = self.outgoing.take();
        }
        self.waiting = taken == Ok(None);
        match taken {
            Ok(Some(buffer)) => {
                self.outgoing.refuse_notifications();
                Ok(buffer)
            }
            Ok(None) => Err(None),
            Err(fault) => Err(Some(fault)),
        }
    }
}
