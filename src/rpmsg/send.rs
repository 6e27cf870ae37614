// SPDX-License-Identifier: Apache-2.0
//! Sending, either with a copy or from a transmit buffer that is filled in place. Never blocks and never truncates.

use core::ops::Range;

use super::bus::{Attached, Bus, Peer};
use super::message::TxBuffer;
use super::{Address, Endpoint, Fault, Outgoing, Profile, SendError};
use crate::inspect::TraceEvent;
use crate::mem::Source;
use crate::platform::Doorbell;
use crate::wire::rpmsg::Header;

impl<P: Profile, D: Doorbell> Bus<P, D> {
    /// Sends `payload` to the peer endpoint that `endpoint` is bound to.
    ///
    /// # Errors
    /// Returns a [`SendError`] if nothing was sent.
    pub fn send(&mut self, endpoint: Endpoint, payload: &[u8]) -> Result<(), SendError> {
        match self.peer_of(endpoint) {
            Some(destination) => self.send_message(endpoint.address, destination, payload.into()),
            None => Err(self.no_destination(endpoint)),
        }
    }

    /// Sends `payload`, which may change during the call, to the peer endpoint that `endpoint` is bound to. For
    /// example, the payload may be in the buffer of a received message.
    ///
    /// # Errors
    /// Returns a [`SendError`] if nothing was sent.
    pub fn send_from(&mut self, endpoint: Endpoint, payload: Source<'_>) -> Result<(), SendError> {
        match self.peer_of(endpoint) {
            Some(destination) => self.send_message(endpoint.address, destination, payload),
            None => Err(self.no_destination(endpoint)),
        }
    }

    /// Sends `payload` to `destination`, even if the endpoint is bound to another address.
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

    /// Allocates a transmit buffer. Fill it with [`write`](Self::write), and send it with
    /// [`send_nocopy`](Self::send_nocopy). It holds up to [`max_message`](Self::max_message) bytes.
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

    /// Keeps sending on the slow path while greetings are waiting for a free buffer. Only the slow path records that a
    /// message makes a greeting unnecessary. After a fast send, an unnecessary greeting could follow the endpoint's
    /// first message.
    #[inline(always)]
    fn stay_slow(&mut self) {
        if self.owes_greetings()
            && let Peer::Here(attached) = &mut self.peer
        {
            attached.waiting = true;
        }
    }

    /// Writes `bytes` to the payload of a transmit buffer, starting at `offset`.
    ///
    /// # Errors
    /// Returns [`SendError::TooLong`] if the bytes do not fit. Returns [`SendError::Stale`] or [`SendError::Down`] if
    /// the link has gone down since the buffer was allocated, and [`SendError::OtherLink`] if the buffer belongs to
    /// another link.
    pub fn write(&self, buffer: &TxBuffer, offset: u32, bytes: &[u8]) -> Result<(), SendError> {
        let attached = self.attached().ok_or(SendError::Down)?;
        if buffer.session != self.session {
            return Err(self.gone_buffer(buffer));
        }
        let written = u16::try_from(offset).is_ok_and(|offset| attached.outgoing.write(buffer.buffer, offset, bytes));
        if written { Ok(()) } else { Err(SendError::TooLong { max: attached.outgoing.capacity() }) }
    }

    /// Returns a transmit buffer's payload as a range of offsets from the start of the link's memory. Use this to fill
    /// the buffer in place. The range is always within the memory.
    ///
    /// # Errors
    /// Returns [`SendError::Stale`], [`SendError::Down`] or [`SendError::OtherLink`] if the buffer does not belong to
    /// the current session.
    pub fn buffer_range(&self, buffer: &TxBuffer) -> Result<Range<u32>, SendError> {
        let attached = self.attached().ok_or(SendError::Down)?;
        if buffer.session != self.session {
            return Err(self.gone_buffer(buffer));
        }
        let start = attached.outgoing.offset(buffer.buffer).wrapping_add(Header::SIZE);
        Ok(start..start.wrapping_add(attached.outgoing.capacity().into()))
    }

    /// Sends the first `length` bytes of a transmit buffer to the peer endpoint that `endpoint` is bound to.
    ///
    /// # Errors
    /// Returns a [`SendError`] and the buffer. Send the buffer in another way, or cancel it.
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
        let header = Header { source: endpoint.address, destination, length };
        attached.outgoing.set_header(&token, header);
        self.trace.record(|| sent(header, P::Outgoing::descriptor(&token)));
        if attached.outgoing.send(token) {
            attached.ring(self.doorbell.as_ref(), &mut self.counters, self.trace);
        }
        if self.owes_greetings() {
            self.endpoints.greeted(endpoint.address, destination);
        }
        Ok(())
    }

    /// Returns the error for a buffer that does not belong to the current session.
    #[cold]
    const fn gone_buffer(&self, buffer: &TxBuffer) -> SendError {
        if self.had(buffer.session) { SendError::Stale } else { SendError::OtherLink }
    }

    /// Frees a transmit buffer without sending it.
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
        // A build that is optimised for size has only the slow path.
        match !cfg!(for_size) && self.send_fast(source, destination, payload) {
            true => Ok(()),
            // This is a tail call, so the fast path does not have to save registers.
            false => self.send_slow(source, destination, payload),
        }
    }

    /// Sends the message if a buffer is free, no caller is waiting for a buffer, and the payload fits. Returns false if
    /// nothing was sent. In that case, no buffer has been allocated.
    #[inline(always)]
    fn send_fast(&mut self, source: Address, destination: Address, payload: Source<'_>) -> bool {
        let Peer::Here(attached) = &mut self.peer else { return false };
        if attached.waiting {
            return false;
        }
        let Some(token) = attached.outgoing.alloc_and_fill(header(source, destination, payload), payload) else {
            return false;
        };
        self.trace.record(|| sent(header(source, destination, payload), P::Outgoing::descriptor(&token)));
        if attached.outgoing.send(token) {
            attached.ring(self.doorbell.as_ref(), &mut self.counters, self.trace);
        }
        true
    }

    /// Sends a message after the [fast path](Self::send_fast) has failed, or returns the reason why it cannot be sent.
    #[cfg_attr(not(for_size), cold, inline(never))]
    fn send_slow(&mut self, source: Address, destination: Address, payload: Source<'_>) -> Result<(), SendError> {
        let Peer::Here(attached) = &mut self.peer else { return Err(SendError::Down) };
        // Check the length first: an oversized payload must not allocate a buffer or withdraw a notification request.
        if payload.len() > attached.outgoing.capacity().into() {
            return Err(SendError::TooLong { max: attached.outgoing.capacity() });
        }
        match attached.alloc_slow() {
            Ok(Some(token)) => {
                let _ = attached.outgoing.fill(&token, header(source, destination, payload), payload);
                self.trace.record(|| sent(header(source, destination, payload), P::Outgoing::descriptor(&token)));
                if attached.outgoing.send(token) {
                    attached.ring(self.doorbell.as_ref(), &mut self.counters, self.trace);
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

    /// Records that the peer broke the protocol.
    #[cold]
    fn broke(&mut self, fault: Fault) -> SendError {
        self.fail(fault);
        SendError::Down
    }
}

/// Returns the header for `payload`. Truncating the length to 16 bits is safe, because a longer payload does not fit in
/// any buffer and is rejected.
#[inline(always)]
const fn header(source: Address, destination: Address, payload: Source<'_>) -> Header {
    // CAST: see the doc comment.
    Header { source, destination, length: payload.len() as u16 }
}

/// Returns the trace event of a message.
const fn sent(header: Header, buffer: u16) -> TraceEvent {
    let Header { source, destination, length } = header;
    TraceEvent::Sent { source, destination, length, buffer }
}

impl<P: Profile> Attached<P> {
    /// Allocates a buffer if the fast path has found none, or if a caller is waiting for one. Returns `None` if the
    /// peer holds all buffers.
    ///
    /// # Errors
    /// Returns a [`Fault`] if the peer broke the protocol.
    #[cfg_attr(not(for_size), cold, inline(never))]
    fn alloc_slow(&mut self) -> Result<Option<<P::Outgoing as Outgoing>::Token>, Fault> {
        // If no caller is waiting, the fast path has just tried to allocate, so resume from there. A build without a
        // fast path starts with a new attempt.
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
            // The peer may have returned a buffer just before the notification was requested, so try once more. One
            // more attempt is enough, because a peer gains nothing by withdrawing that buffer.
            self.waiting = true;
            if asked || self.outgoing.enable_notification() {
                return Ok(None);
            }
            (asked, looked) = (true, false);
        }
    }
}
