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
        match self.endpoints.peer_of(endpoint.0) {
            Some(destination) => self.send_message(endpoint.0, destination, payload),
            None => Err(self.no_destination(endpoint)),
        }
    }

    /// Sends `payload` to `destination`, whomever the endpoint is bound to.
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent then.
    pub fn send_to(&mut self, endpoint: Endpoint, destination: Address, payload: &[u8]) -> Result<(), SendError> {
        if !self.endpoints.is_open(endpoint.0) {
            return Err(SendError::NoEndpoint);
        }
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
            Ok(Some(taken)) => Ok(Reserved { buffer: attached.outgoing.keep(taken), session: self.session }),
            Ok(None) => Err(SendError::NoBuffer),
            Err(fault) => Err(self.broke(fault)),
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
        let written = u16::try_from(offset).is_ok_and(|offset| attached.outgoing.write(reserved.buffer, offset, bytes));
        if written { Ok(()) } else { Err(SendError::TooLong { max: attached.outgoing.room() }) }
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
        Ok(start..start.saturating_add(attached.outgoing.room().into()))
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
        let Some(destination) = self.endpoints.peer_of(endpoint.0) else {
            return Err((self.no_destination(endpoint), reserved));
        };
        let Peer::Here(attached) = &mut self.peer else { return Err((SendError::Down, reserved)) };
        if length > attached.outgoing.room() {
            return Err((SendError::TooLong { max: attached.outgoing.room() }, reserved));
        }
        let taken = match reserved.session == self.session {
            true => attached.outgoing.resume(reserved.buffer),
            false => None,
        };
        let Some(taken) = taken else { return Err((SendError::Stale, reserved)) };
        attached.outgoing.set_header(&taken, Header { source: endpoint.0, destination, length });
        if attached.outgoing.send(taken) {
            attached.ring(self.doorbell.as_ref(), &mut self.counters);
        }
        Ok(())
    }

    /// Gives a reserved buffer up, unsent.
    pub fn cancel(&mut self, reserved: Reserved) {
        if let Peer::Here(attached) = &mut self.peer
            && reserved.session == self.session
            && let Some(taken) = attached.outgoing.resume(reserved.buffer)
        {
            attached.outgoing.put_back(taken);
        }
    }

    #[cold]
    fn no_destination(&mut self, endpoint: Endpoint) -> SendError {
        match (self.endpoints.is_open(endpoint.0), self.is_up()) {
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
        if payload.len() > attached.outgoing.room().into() {
            return Err(SendError::TooLong { max: attached.outgoing.room() });
        }
        let taken = match attached.take_buffer() {
            Ok(Some(taken)) => taken,
            Ok(None) => return Err(SendError::NoBuffer),
            Err(fault) => return Err(self.broke(fault)),
        };
        // CAST: no longer than the room. So it is filled.
        let header = Header { source, destination, length: payload.len() as u16 };
        let _ = attached.outgoing.fill(&taken, header, payload);
        if attached.outgoing.send(taken) {
            attached.ring(self.doorbell.as_ref(), &mut self.counters);
        }
        Ok(())
    }

    /// The peer broke something.
    #[cold]
    fn broke(&mut self, fault: Fault) -> SendError {
        self.fail(fault);
        SendError::Down
    }
}

impl<P: Profile> Attached<P> {
    /// A buffer to fill; none where the peer has them all.
    ///
    /// # Errors
    /// What the peer broke.
    #[inline(always)]
    fn take_buffer(&mut self) -> Result<Option<<P::Outgoing as Outgoing>::Taken>, Fault> {
        let taken = match self.outgoing.take()? {
            None => return self.take_late(),
            taken => taken,
        };
        if self.waiting {
            self.no_more_waiting();
        }
        Ok(taken)
    }

    /// The peer has them all, or had.
    #[cold]
    #[inline(never)]
    fn take_late(&mut self) -> Result<Option<<P::Outgoing as Outgoing>::Taken>, Fault> {
        self.waiting = true;
        if self.outgoing.ask_for_notifications() {
            return Ok(None);
        }
        // One has come back since we looked. A peer that takes it away again gains nothing: we do not insist.
        let taken = self.outgoing.take()?;
        if taken.is_some() {
            self.no_more_waiting();
        }
        Ok(taken)
    }

    #[cold]
    fn no_more_waiting(&mut self) {
        self.waiting = false;
        self.outgoing.refuse_notifications();
    }
}
