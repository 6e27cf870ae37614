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
        if !cfg!(for_size)
            && !attached.waiting
            && let Ok(Some(taken)) = attached.outgoing.take()
        {
            return Ok(Reserved { buffer: attached.outgoing.keep(taken), session: self.session });
        }
        self.reserve_late()
    }

    #[cold]
    #[inline(never)]
    fn reserve_late(&mut self) -> Result<Reserved, SendError> {
        let Peer::Here(attached) = &mut self.peer else { return Err(SendError::Down) };
        match attached.take_late() {
            Ok(Some(taken)) => {
                let reserved = Reserved { buffer: attached.outgoing.keep(taken), session: self.session };
                self.stay_late();
                Ok(reserved)
            }
            Ok(None) => Err(SendError::NoBuffer),
            Err(fault) => Err(self.broke(fault)),
        }
    }

    /// As long as greetings are due, for which there was no buffer, all sending is late: so it is seen whose greeting a message
    /// has made needless, and none comes in the middle of an endpoint's messages.
    #[inline(always)]
    fn stay_late(&mut self) {
        if self.owes_greetings()
            && let Peer::Here(attached) = &mut self.peer
        {
            attached.waiting = true;
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
        let start = attached.outgoing.place(reserved.buffer).wrapping_add(Header::SIZE);
        Ok(start..start.wrapping_add(attached.outgoing.room().into()))
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
        if self.owes_greetings() {
            self.endpoints.greeted(endpoint.0, destination);
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
        // Where the build is for size, one way will do.
        match !cfg!(for_size) && self.send_at_once(source, destination, payload) {
            true => Ok(()),
            // To its end there, so that a message with a buffer at hand saves no registers.
            false => self.send_late(source, destination, payload),
        }
    }

    /// Sends where there is a buffer at hand that nobody has waited for, and room; whether it did. Where not, nothing was taken.
    #[inline(always)]
    fn send_at_once(&mut self, source: Address, destination: Address, payload: &[u8]) -> bool {
        let Peer::Here(attached) = &mut self.peer else { return false };
        if attached.waiting {
            return false;
        }
        let Some(taken) = attached.outgoing.fill_at_hand(header(source, destination, payload), payload) else {
            return false;
        };
        if attached.outgoing.send(taken) {
            attached.ring(self.doorbell.as_ref(), &mut self.counters);
        }
        true
    }

    /// Sends what could not be [sent at once](Self::send_at_once), or why not.
    #[cfg_attr(not(for_size), cold, inline(never))]
    fn send_late(&mut self, source: Address, destination: Address, payload: &[u8]) -> Result<(), SendError> {
        let Peer::Here(attached) = &mut self.peer else { return Err(SendError::Down) };
        // First, as what is too long takes nothing, and withdraws no request for a doorbell.
        if payload.len() > attached.outgoing.room().into() {
            return Err(SendError::TooLong { max: attached.outgoing.room() });
        }
        match attached.take_late() {
            Ok(Some(taken)) => {
                let _ = attached.outgoing.fill(&taken, header(source, destination, payload), payload);
                if attached.outgoing.send(taken) {
                    attached.ring(self.doorbell.as_ref(), &mut self.counters);
                }
                if self.owes_greetings() {
                    self.endpoints.greeted(source, destination);
                    self.stay_late();
                }
                Ok(())
            }
            Ok(None) => Err(SendError::NoBuffer),
            Err(fault) => Err(self.broke(fault)),
        }
    }

    /// The peer broke something.
    #[cold]
    fn broke(&mut self, fault: Fault) -> SendError {
        self.fail(fault);
        SendError::Down
    }
}

/// That of `payload`, which is longer than 16 bits count only where it fits nowhere.
#[inline(always)]
const fn header(source: Address, destination: Address, payload: &[u8]) -> Header {
    // CAST: see above.
    Header { source, destination, length: payload.len() as u16 }
}

impl<P: Profile> Attached<P> {
    /// A buffer where none was at hand, or one that was waited for. None where the peer has them all.
    ///
    /// # Errors
    /// What the peer broke.
    #[cfg_attr(not(for_size), cold, inline(never))]
    fn take_late(&mut self) -> Result<Option<<P::Outgoing as Outgoing>::Taken>, Fault> {
        let mut asked = false;
        loop {
            if let Some(taken) = self.outgoing.take()? {
                if self.waiting {
                    self.waiting = false;
                    self.outgoing.refuse_notifications();
                }
                return Ok(Some(taken));
            }
            // One may come back between the look and the request. A peer that takes it away again gains nothing: we do not
            // insist.
            self.waiting = true;
            if asked || self.outgoing.ask_for_notifications() {
                return Ok(None);
            }
            asked = true;
        }
    }
}
