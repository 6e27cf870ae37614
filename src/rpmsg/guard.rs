// SPDX-License-Identifier: Apache-2.0
//! A guard for a received message, which releases the message when the guard is dropped.

use core::ops::Deref;

use super::{Address, Bus, Endpoint, Message, Profile, ReadError, SendError};
use crate::platform::Doorbell;

/// The message in a guard, or `None` once it has been consumed.
#[derive(Debug)]
pub struct HeldMessage(pub(super) Option<Message>);

impl HeldMessage {
    /// Returns the endpoint that the message is for.
    #[must_use]
    pub fn endpoint(&self) -> Option<Endpoint> {
        self.0.as_ref().map(|message| message.endpoint)
    }

    /// Returns the address of the sender.
    #[must_use]
    pub fn source(&self) -> Address {
        self.0.as_ref().map_or(Address::ANY, |message| message.source)
    }

    /// Returns the payload length in bytes.
    #[must_use]
    pub fn len(&self) -> u16 {
        self.0.as_ref().map_or(0, |message| message.length)
    }

    /// Returns whether the payload is empty.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A message that is released when it is received, replied to or dropped. Created by [`Bus::guard`].
#[derive(Debug)]
pub struct MessageGuard<'a, P: Profile, D: Doorbell> {
    bus: &'a mut Bus<P, D>,
    held: HeldMessage,
}

impl<P: Profile, D: Doorbell> Bus<P, D> {
    /// Wraps a message in a guard, which releases the message at the end of its scope.
    pub const fn guard(&mut self, message: Message) -> MessageGuard<'_, P, D> {
        MessageGuard { bus: self, held: HeldMessage(Some(message)) }
    }
}

impl<P: Profile, D: Doorbell> MessageGuard<'_, P, D> {
    /// Copies bytes from the payload into `to`, starting at `offset`.
    ///
    /// # Errors
    /// See [`ReadError`].
    pub fn read(&self, offset: u16, to: &mut [u8]) -> Result<(), ReadError> {
        self.held.0.as_ref().map_or(Err(ReadError::Stale), |message| self.bus.read(message, offset, to))
    }

    /// Copies the payload into `to`, as [`Bus::recv`] does.
    ///
    /// # Errors
    /// Returns [`ReadError::Stale`] or [`ReadError::OtherLink`].
    pub fn recv(mut self, to: &mut [u8]) -> Result<usize, ReadError> {
        self.held.0.take().map_or(Err(ReadError::Stale), |message| self.bus.recv(message, to))
    }

    /// Replies to the sender, as [`Bus::reply`] does. The message is released even if the reply fails.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn reply(mut self, payload: &[u8]) -> Result<(), SendError> {
        let Some(message) = self.held.0.take() else { return Ok(()) };
        self.bus.reply(message, payload).map_err(|(error, message)| {
            self.held.0 = Some(message);
            error
        })
    }

    /// Returns the message without releasing it. The caller must then [release](Bus::release) it.
    pub fn keep(mut self) -> Option<Message> {
        self.held.0.take()
    }

    /// Returns the bus, so that the caller can send while it holds the message.
    pub const fn bus(&mut self) -> &mut Bus<P, D> {
        self.bus
    }
}

impl<P: Profile, D: Doorbell> Deref for MessageGuard<'_, P, D> {
    type Target = HeldMessage;

    fn deref(&self) -> &HeldMessage {
        &self.held
    }
}

impl<P: Profile, D: Doorbell> Drop for MessageGuard<'_, P, D> {
    fn drop(&mut self) {
        if let Some(message) = self.held.0.take() {
            self.bus.release(message);
        }
    }
}
