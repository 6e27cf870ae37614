// SPDX-License-Identifier: Apache-2.0
//! Sending: by copy, or filled in place. Never blocks, never truncates.

use core::ops::Range;

use super::bus::{Attached, Bus, Peer};
use super::message::TxBuffer;
use super::{Address, Endpoint, Fault, Outgoing, Profile, SendError};
use crate::mem::Source;
use crate::platform::Doorbell;
use crate::wire::rpmsg::Header;

impl<P: Profile, D: Doorbell> Bus<P, D> {
    /// Sends `payload` to the endpoint's peer.
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent then.
    pub fn send(&mut self, endpoint: Endpoint, payload: &[u8]) -> Result<(), SendError> {
        match self.peer_of(endpoint) {
            Some(destination) => self.send_message(endpoint.address, destination, payload.into()),
            None => Err(self.no_destination(endpoint)),
        }
    }

    /// Sends a payload that may change meanwhile, for example one in the buffer of a received message, to the endpoint's
    /// peer.
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent then.
    pub fn send_from(&mut self, endpoint: Endpoint, payload: Source<'_>) -> Result<(), SendError> {
        match self.peer_of(endpoint) {
            Some(destination) => self.send_message(endpoint.address, destination, payload),
            None => Err(self.no_destination(endpoint)),
        }
    }

    /// Sends `payload` to `destination`, whomever the endpoint is bound to.
    ///
    /// # Errors
    /// See [`SendError`]; nothing was sent then.
    pub fn send_to(&mut self, endpoint: Endpoint, destination: Address, payload: &[u8]) -> Result<(), SendError> {
        if !self.owns(endpoint) || !self.endpoints.is_open(endpoint.address) {
            return Err(self.no_destination(endpoint));
        }
        if destination == Address::ANY {
            return Err(SendError::NoDestination);
        }
        self.send_message(endpoint.address, destination, payload.into())
    }

    /// Takes a buffer, to be filled in place by [`write`](Self::write) and then sent by
    /// [`send_nocopy`](Self::send_nocopy). It holds [`max_message`](Self::max_message) bytes.
    ///
    /// # Errors
    /// [`SendError::NoBuffer`] or [`SendError::Down`].
    pub fn alloc_tx_buffer(&mut self) -> Result<TxBuffer, SendError> {
        let Peer::Here(attached) = &mut self.peer else { return Err(SendError::Down) };
        if !cfg!(for_size)
            && !attached.waiting
            && let Ok(Some(token)) = attached.outgoing.alloc()
        {
            return Ok(TxBuffer { buffer: attached.outgoing.hold(token), session: self.session });
        }
        self.alloc_tx_buffer_slow()
    }

    #[cold]
    #[inline(never)]
    fn alloc_tx_buffer_slow(&mut self) -> Result<TxBuffer, SendError> {
        let Peer::Here(attached) = &mut self.peer else { return Err(SendError::Down) };
        match attached.alloc_slow() {
            Ok(Some(token)) => {
                let buffer = TxBuffer { buffer: attached.outgoing.hold(token), session: self.session };
                self.stay_slow();
                Ok(buffer)
            }
            Ok(None) => Err(SendError::NoBuffer),
            Err(fault) => Err(self.broke(fault)),
        }
    }

    /// Keeps all sending on the slow path while greetings are due that found no buffer. The slow path sees which greeting a message
    /// has made needless, so that no greeting comes in the middle of an endpoint's messages.
    #[inline(always)]
    fn stay_slow(&mut self) {
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
    pub fn write(&self, buffer: &TxBuffer, offset: u32, bytes: &[u8]) -> Result<(), SendError> {
        let attached = self.attached().ok_or(SendError::Down)?;
        if buffer.session != self.session {
            return Err(self.gone_buffer(buffer));
        }
        let written = u16::try_from(offset).is_ok_and(|offset| attached.outgoing.write(buffer.buffer, offset, bytes));
        if written { Ok(()) } else { Err(SendError::TooLong { max: attached.outgoing.capacity() }) }
    }

    /// Returns the offsets of a buffer's payload from the start of the memory that the link was made with, for a caller that fills
    /// it in place. They are always inside that memory.
    ///
    /// # Errors
    /// [`SendError::Stale`], [`SendError::Down`] or [`SendError::OtherLink`] if the buffer does not belong to the present session.
    pub fn buffer_range(&self, buffer: &TxBuffer) -> Result<Range<u32>, SendError> {
        let attached = self.attached().ok_or(SendError::Down)?;
        if buffer.session != self.session {
            return Err(self.gone_buffer(buffer));
        }
        let start = attached.outgoing.offset(buffer.buffer).wrapping_add(Header::SIZE);
        Ok(start..start.wrapping_add(attached.outgoing.capacity().into()))
    }

    /// Sends the first `length` bytes of a reserved buffer to the endpoint's peer.
    ///
    /// # Errors
    /// See [`SendError`], with the buffer, to be sent otherwise or cancelled.
    pub fn send_nocopy(
        &mut self,
        endpoint: Endpoint,
        buffer: TxBuffer,
        length: u16,
    ) -> Result<(), (SendError, TxBuffer)> {
        let Some(destination) = self.peer_of(endpoint) else {
            return Err((self.no_destination(endpoint), buffer));
        };
        let Peer::Here(attached) = &mut self.peer else { return Err((SendError::Down, buffer)) };
        if length > attached.outgoing.capacity() {
            return Err((SendError::TooLong { max: attached.outgoing.capacity() }, buffer));
        }
        let token = match buffer.session == self.session {
            true => attached.outgoing.reclaim(buffer.buffer),
            false => None,
        };
        let Some(token) = token else { return Err((self.gone_buffer(&buffer), buffer)) };
        attached.outgoing.set_header(&token, Header { source: endpoint.address, destination, length });
        if attached.outgoing.send(token) {
            attached.ring(self.doorbell.as_ref(), &mut self.counters);
        }
        if self.owes_greetings() {
            self.endpoints.greeted(endpoint.address, destination);
        }
        Ok(())
    }

    /// Returns why a buffer is none of the present session.
    #[cold]
    const fn gone_buffer(&self, buffer: &TxBuffer) -> SendError {
        if self.had(buffer.session) { SendError::Stale } else { SendError::OtherLink }
    }

    /// Gives a reserved buffer up, unsent.
    pub fn cancel(&mut self, buffer: TxBuffer) {
        if let Peer::Here(attached) = &mut self.peer
            && buffer.session == self.session
            && let Some(token) = attached.outgoing.reclaim(buffer.buffer)
        {
            attached.outgoing.free(token);
        }
    }

    #[cold]
    fn no_destination(&mut self, endpoint: Endpoint) -> SendError {
        if !self.owns(endpoint) {
            return SendError::OtherLink;
        }
        match (self.endpoints.is_open(endpoint.address), self.is_up()) {
            (false, _) => SendError::NoEndpoint,
            (true, true) => SendError::NotBound,
            (true, false) => SendError::Down,
        }
    }

    pub(super) fn send_message(
        &mut self,
        source: Address,
        destination: Address,
        payload: Source<'_>,
    ) -> Result<(), SendError> {
        // A build for size has one way only.
        match !cfg!(for_size) && self.send_fast(source, destination, payload) {
            true => Ok(()),
            // To its end there, so that a message with a buffer at hand saves no registers.
            false => self.send_slow(source, destination, payload),
        }
    }

    /// Sends if a buffer is free, no caller waits for one, and the payload fits. Returns whether it did; otherwise it has allocated
    /// nothing.
    #[inline(always)]
    fn send_fast(&mut self, source: Address, destination: Address, payload: Source<'_>) -> bool {
        let Peer::Here(attached) = &mut self.peer else { return false };
        if attached.waiting {
            return false;
        }
        let Some(token) = attached.outgoing.alloc_and_fill(header(source, destination, payload), payload) else {
            return false;
        };
        if attached.outgoing.send(token) {
            attached.ring(self.doorbell.as_ref(), &mut self.counters);
        }
        true
    }

    /// Sends what could not be [sent at once](Self::send_fast), or why not.
    #[cfg_attr(not(for_size), cold, inline(never))]
    fn send_slow(&mut self, source: Address, destination: Address, payload: Source<'_>) -> Result<(), SendError> {
        let Peer::Here(attached) = &mut self.peer else { return Err(SendError::Down) };
        // First, as what is too long takes nothing, and withdraws no request for a doorbell.
        if payload.len() > attached.outgoing.capacity().into() {
            return Err(SendError::TooLong { max: attached.outgoing.capacity() });
        }
        match attached.alloc_slow() {
            Ok(Some(token)) => {
                let _ = attached.outgoing.fill(&token, header(source, destination, payload), payload);
                if attached.outgoing.send(token) {
                    attached.ring(self.doorbell.as_ref(), &mut self.counters);
                }
                if self.owes_greetings() {
                    self.endpoints.greeted(source, destination);
                    self.stay_slow();
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

/// Returns the header of `payload`. A payload longer than 16 bits can count fits no buffer.
#[inline(always)]
const fn header(source: Address, destination: Address, payload: Source<'_>) -> Header {
    // CAST: see above.
    Header { source, destination, length: payload.len() as u16 }
}

impl<P: Profile> Attached<P> {
    /// A buffer where none was at hand, or one that was waited for. None where the peer has them all.
    ///
    /// # Errors
    /// What the peer broke.
    #[cfg_attr(not(for_size), cold, inline(never))]
    fn alloc_slow(&mut self) -> Result<Option<<P::Outgoing as Outgoing>::Token>, Fault> {
        // If nobody waits for a buffer, the fast path has just looked, unless the build has none. This continues behind its look.
        let mut looked = !cfg!(for_size) && !self.waiting;
        let mut asked = false;
        loop {
            let found = if looked { self.outgoing.resume_alloc()? } else { self.outgoing.alloc()? };
            if let Some(token) = found {
                if self.waiting {
                    self.waiting = false;
                    self.outgoing.disable_notification();
                }
                return Ok(Some(token));
            }
            // One may come back between the look and the request. A peer that takes it away again gains nothing: we do not
            // insist.
            self.waiting = true;
            if asked || self.outgoing.enable_notification() {
                return Ok(None);
            }
            (asked, looked) = (true, false);
        }
    }
}
