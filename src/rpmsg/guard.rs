// SPDX-License-Identifier: Apache-2.0
//! A guard for a received message, which holds the message together with its bus.

use super::{Address, Bus, Endpoint, Message, Profile, ReadError, SendError};
use crate::platform::Doorbell;

/// A message that gives its buffer back to the peer when it is dropped, read or answered. [`Bus::guard`] returns it.
#[derive(Debug)]
pub struct MessageGuard<'a, P: Profile, D: Doorbell> {
    bus: &'a mut Bus<P, D>,
    /// Present until the message is consumed.
    message: Option<Message>,
}

impl<P: Profile, D: Doorbell> Bus<P, D> {
    /// Guards a message: its buffer goes back to the peer when the guard's scope ends, however it ends.
    pub const fn guard(&mut self, message: Message) -> MessageGuard<'_, P, D> {
        MessageGuard { bus: self, message: Some(message) }
    }
}

impl<P: Profile, D: Doorbell> MessageGuard<'_, P, D> {
    /// Returns the endpoint that the message is for.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.message.as_ref().map(|message| message.endpoint)
    }

    /// Returns the sender's address at the peer.
    #[must_use]
    pub fn source(&self) -> Address {
        self.message.as_ref().map_or(Address::ANY, |message| message.source)
    }

    /// Returns the length of the payload in bytes.
    #[must_use]
    pub fn len(&self) -> u16 {
        self.message.as_ref().map_or(0, |message| message.length)
    }

    /// Returns whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Fills `to` from byte `offset` of the payload.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(&self, offset: u16, to: &mut [u8]) -> Result<(), ReadError> {
        self.message.as_ref().map_or(Err(ReadError::Stale), |message| self.bus.read(message, offset, to))
    }

    /// Copies the payload to the front of `to`, as [`Bus::recv`] does.
    ///
    /// # Errors
    /// Returns [`ReadError::Stale`] or [`ReadError::OtherLink`].
    pub fn recv(mut self, to: &mut [u8]) -> Result<usize, ReadError> {
        self.message.take().map_or(Err(ReadError::Stale), |message| self.bus.recv(message, to))
    }

    /// Answers the sender, as [`Bus::reply`] does, and drops the message even if that fails.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn reply(mut self, payload: &[u8]) -> Result<(), SendError> {
        let Some(message) = self.message.take() else { return Ok(()) };
        self.bus.reply(message, payload).map_err(|(error, message)| {
            self.message = Some(message);
            error
        })
    }

    /// Returns the message, which is then kept beyond the guard and [released](Bus::release) by hand.
    pub fn keep(mut self) -> Option<Message> {
        self.message.take()
    }

    /// Returns the bus, to send while the message is read.
    pub const fn bus(&mut self) -> &mut Bus<P, D> {
        self.bus
    }
}

impl<P: Profile, D: Doorbell> Drop for MessageGuard<'_, P, D> {
    fn drop(&mut self) {
        if let Some(message) = self.message.take() {
            self.bus.release(message);
        }
    }
}
