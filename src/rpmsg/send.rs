// SPDX-License-Identifier: Apache-2.0
//! Sending, by copy or from a buffer that is filled in place. Never blocks, never truncates.

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
    /// Returns a [`SendError`] if nothing was sent.
    pub fn send(&mut self, endpoint: Endpoint, payload: &[u8]) -> Result<(), SendError> {
        match self.peer_of(endpoint) {
            Some(destination) => self.send_message(endpoint.address, destination, payload.into()),
            None => Err(self.no_destination(endpoint)),
        }
    }

    /// Sends a payload that may change meanwhile to the endpoint's peer. An example is a payload in the buffer of a
    /// received message.
    ///
    /// # Errors
    /// Returns a [`SendError`] if nothing was sent.
    pub fn send_from(&mut self, endpoint: Endpoint, payload: Source<'_>) -> Result<(), SendError> {
        match self.peer_of(endpoint) {
            Some(destination) => self.send_message(endpoint.address, destination, payload),
            None => Err(self.no_destination(endpoint)),
        }
    }

    /// Sends `payload` to `destination`, regardless of the endpoint's own peer.
    ///
    /// # Errors
    /// Returns a [`SendError`] if nothing was sent.
    pub fn send_to(&mut self, endpoint: Endpoint, destination: Address, payload: &[u8]) -> Result<(), SendError> {
        if !self.owns(endpoint) || !self.endpoints.is_open(endpoint.address) {
            return Err(self.no_destination(endpoint));
        }
        if destination == Address::ANY {
            return Err(SendError::NoDestination);
        }
        self.send_message(endpoint.address, destination, payload.into())
    }

    /// Allocates a buffer, which is filled in place by [`write`](Self::write) and then sent by
    /// [`send_nocopy`](Self::send_nocopy). It holds [`max_message`](Self::max_message) bytes.
    ///
    /// # Errors
    /// Returns [`SendError::NoBuffer`] or [`SendError::Down`].
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

    /// Keeps all sending on the slow path while greetings are due for which no buffer was free. The slow path sees
    /// which greeting a message makes unnecessary, so no greeting comes between two messages of an endpoint.
    #[inline(always)]
    fn stay_slow(&mut self) {
        if self.owes_greetings()
            && let Peer::Here(attached) = &mut self.peer
        {
            attached.waiting = true;
        }
    }

    /// Writes `bytes` at `offset` of an allocated buffer's payload.
    ///
    /// # Errors
    /// Returns [`SendError::TooLong`] if they do not fit, and [`SendError::Stale`] or [`SendError::Down`] if the link
    /// has gone down since the buffer was allocated.
    pub fn write(&self, buffer: &TxBuffer, offset: u32, bytes: &[u8]) -> Result<(), SendError> {
        let attached = self.attached().ok_or(SendError::Down)?;
        if buffer.session != self.session {
            return Err(self.gone_buffer(buffer));
        }
        let written = u16::try_from(offset).is_ok_and(|offset| attached.outgoing.write(buffer.buffer, offset, bytes));
        if written { Ok(()) } else { Err(SendError::TooLong { max: attached.outgoing.capacity() }) }
    }

    /// Returns the range of a buffer's payload, as offsets from the start of the memory with which the link was made,
    /// for a caller that fills the buffer in place. The range is always inside that memory.
    ///
    /// # Errors
    /// Returns [`SendError::Stale`], [`SendError::Down`] or [`SendError::OtherLink`] if the buffer does not belong to
    /// the present session.
    pub fn buffer_range(&self, buffer: &TxBuffer) -> Result<Range<u32>, SendError> {
        let attached = self.attached().ok_or(SendError::Down)?;
        if buffer.session != self.session {
            return Err(self.gone_buffer(buffer));
        }
        let start = attached.outgoing.offset(buffer.buffer).wrapping_add(Header::SIZE);
        Ok(start..start.wrapping_add(attached.outgoing.capacity().into()))
    }

    /// Sends the first `length` bytes of an allocated buffer to the endpoint's peer.
    ///
    /// # Errors
    /// Returns a [`SendError`] and the buffer, which can be sent in another way or cancelled.
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

    /// Returns the reason why a buffer does not belong to the present session.
    #[cold]
    const fn gone_buffer(&self, buffer: &TxBuffer) -> SendError {
        if self.had(buffer.session) { SendError::Stale } else { SendError::OtherLink }
    }

    /// Gives up an allocated buffer without sending it.
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
        // A build for size has only the slow path.
        match !cfg!(for_size) && self.send_fast(source, destination, payload) {
            true => Ok(()),
            // This call is the end of the function, so that a message for which a buffer is free saves no registers.
            false => self.send_slow(source, destination, payload),
        }
    }

    /// Sends if a buffer is free, no caller waits for one, and the payload fits. Returns whether it has sent; otherwise
    /// it has allocated nothing.
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

    /// Sends a message that could not be [sent at once](Self::send_fast), or returns the reason why it cannot be sent.
    #[cfg_attr(not(for_size), cold, inline(never))]
    fn send_slow(&mut self, source: Address, destination: Address, payload: Source<'_>) -> Result<(), SendError> {
        let Peer::Here(attached) = &mut self.peer else { return Err(SendError::Down) };
        // This check comes first, because a payload that is too long must not take a buffer or withdraw a request for a
        // doorbell.
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

    /// Records that the peer broke a rule.
    #[cold]
    fn broke(&mut self, fault: Fault) -> SendError {
        self.fail(fault);
        SendError::Down
    }
}

/// Returns the header for `payload`. A payload whose length exceeds 16 bits does not fit any buffer.
#[inline(always)]
const fn header(source: Address, destination: Address, payload: Source<'_>) -> Header {
    // CAST: see the doc comment.
    Header { source, destination, length: payload.len() as u16 }
}

impl<P: Profile> Attached<P> {
    /// Allocates a buffer if the fast path found none, or if a caller waits for one. Returns `None` if the peer has all
    /// buffers.
    ///
    /// # Errors
    /// Returns the rule that the peer broke.
    #[cfg_attr(not(for_size), cold, inline(never))]
    fn alloc_slow(&mut self) -> Result<Option<<P::Outgoing as Outgoing>::Token>, Fault> {
        // If nobody waits for a buffer, the fast path has just looked at the ring, unless this build has no fast path.
        // This function continues from there.
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
            // A buffer may come back between the look and the request. One more look is enough: a peer that takes the
            // buffer away again gains nothing.
            self.waiting = true;
            if asked || self.outgoing.enable_notification() {
                return Ok(None);
            }
            (asked, looked) = (true, false);
        }
    }
}
