//! Sending: by copy, or filled in place. Never blocks, never truncates.

use core::ops::Range;

use zerocopy::IntoBytes;

use super::bus::{Attached, Bus, Reserved};
use super::present::Present;
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
        let attached = self.attached.as_mut().ok_or(SendError::Down)?;
        let buffer = take_buffer(attached, &mut self.fault)?;
        Ok(Reserved { buffer, session: self.session })
    }

    /// Writes `bytes` at `offset` of the payload of a reserved buffer.
    ///
    /// # Errors
    /// [`SendError::TooLong`] where they do not fit, [`SendError::Stale`] or [`SendError::Down`] where the link is not
    /// what it was.
    pub fn write(&self, reserved: &Reserved, offset: u32, bytes: &[u8]) -> Result<(), SendError> {
        let attached = self.attached.as_ref().ok_or(SendError::Down)?;
        if reserved.session != self.session {
            return Err(SendError::Stale);
        }
        let written = attached.outgoing.write(reserved.buffer, offset.saturating_add(Header::SIZE), bytes);
        written.map_err(|_| too_long(&attached.outgoing))
    }

    /// Where the payload of a reserved buffer lies, in bytes from the start of the memory that the link was made with, and
    /// as far as it may be filled: for a caller that fills it in place. Always inside that memory.
    ///
    /// # Errors
    /// [`SendError::Stale`] or [`SendError::Down`] where the link is not what it was: the place is nobody's then.
    pub fn room_of(&self, reserved: &Reserved) -> Result<Range<u32>, SendError> {
        let attached = self.attached.as_ref().ok_or(SendError::Down)?;
        if reserved.session != self.session {
            return Err(SendError::Stale);
        }
        let start = attached.outgoing.place(reserved.buffer).saturating_add(Header::SIZE);
        Ok(start..start.saturating_add(max_message(&attached.outgoing)))
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
        let Some(attached) = self.attached.as_mut() else { return Err((SendError::Down, reserved)) };
        if reserved.session != self.session {
            return Err((SendError::Stale, reserved));
        }
        let header = Header::new(endpoint.0, destination, length);
        if u32::from(length) > max_message(&attached.outgoing)
            || attached.outgoing.write(reserved.buffer, 0, header.as_bytes()).is_err()
        {
            return Err((too_long(&attached.outgoing), reserved));
        }
        attached.outgoing.send(reserved.buffer, Header::SIZE + u32::from(length));
        let notify = attached.outgoing.must_notify();
        self.after_send(notify);
        Ok(())
    }

    /// Gives a reserved buffer up, unsent.
    pub fn cancel(&mut self, reserved: Reserved) {
        if reserved.session == self.session
            && let Some(attached) = self.attached.as_mut()
        {
            attached.outgoing.put_back(reserved.buffer);
        }
    }

    fn destination(&mut self, endpoint: Endpoint) -> Result<Address, SendError> {
        let slot = self.endpoints.open_at(endpoint.0).ok_or(SendError::NoEndpoint)?;
        match slot.peer {
            Some(peer) => Ok(peer),
            None if !self.attached.is_here() => Err(SendError::Down),
            None => Err(SendError::NotBound),
        }
    }

    pub(super) fn send_message(
        &mut self,
        source: Address,
        destination: Address,
        payload: &[u8],
    ) -> Result<(), SendError> {
        let Some(attached) = self.attached.as_mut() else { return Err(SendError::Down) };
        if payload.len() > max_message(&attached.outgoing) as usize {
            return Err(too_long(&attached.outgoing));
        }
        // CAST: a message's maximum fits 16 bits.
        let length = payload.len() as u16;
        let buffer = take_buffer(attached, &mut self.fault)?;
        let header = Header::new(source, destination, length);
        // Both fit: a buffer holds the header and a message's maximum.
        let _ = attached.outgoing.write(buffer, 0, header.as_bytes());
        let _ = attached.outgoing.write(buffer, Header::SIZE, payload);
        attached.outgoing.send(buffer, Header::SIZE + u32::from(length));
        let notify = attached.outgoing.must_notify();
        self.after_send(notify);
        Ok(())
    }

    fn after_send(&mut self, notify: bool) {
        self.counters.sent = self.counters.sent.wrapping_add(1);
        if notify {
            self.ring();
        }
    }
}

/// A buffer to fill.
#[inline]
fn take_buffer<P: Profile>(attached: &mut Attached<P>, fault: &mut Present<Fault>) -> Result<u16, SendError> {
    if fault.is_here() {
        return Err(SendError::Down);
    }
    match attached.outgoing.take() {
        Ok(Some(buffer)) if !attached.waiting => Ok(buffer),
        taken => take_late(attached, fault, taken),
    }
}

/// The end of a wait for a buffer, or the beginning.
#[cold]
#[inline(never)]
fn take_late<P: Profile>(
    attached: &mut Attached<P>,
    fault: &mut Present<Fault>,
    mut taken: Result<Option<u16>, Fault>,
) -> Result<u16, SendError> {
    if taken == Ok(None) && !attached.outgoing.ask_for_notifications() {
        // One has come back since we looked. A peer that takes it away again gains nothing: we do not insist.
        taken = attached.outgoing.take();
    }
    match taken {
        Ok(Some(buffer)) => {
            if core::mem::take(&mut attached.waiting) {
                attached.outgoing.refuse_notifications();
            }
            Ok(buffer)
        }
        Ok(None) => {
            attached.waiting = true;
            Err(SendError::NoBuffer)
        }
        Err(broken) => {
            *fault = Present::Here(broken);
            Err(SendError::Down)
        }
    }
}

#[cold]
fn too_long(outgoing: &impl Outgoing) -> SendError {
    // CAST: fits 16 bits.
    SendError::TooLong { max: max_message(outgoing) as u16 }
}

/// The longest payload, which also fits the header's 16 bits.
pub(super) fn max_message(outgoing: &impl Outgoing) -> u32 {
    outgoing.buffer_size().saturating_sub(Header::SIZE).min(u16::MAX.into())
}
