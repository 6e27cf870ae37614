// SPDX-License-Identifier: Apache-2.0
//! A task's endpoint handle, and the messages received through it.

use core::future::poll_fn;
use core::ops::Deref;
use core::task::{Context, Poll};

use super::shared::Shared;
use crate::rpmsg::{Address, AnyLink, Config, Endpoint, HeldMessage, OpenError, ReadError, SendError};

/// An endpoint that is owned by a task. It is closed when it is dropped.
///
/// A future may be dropped before it is ready, for example by `select`. Dropping a future neither loses nor sends a
/// message. Only one task at a time may wait to receive, and only one may wait to send.
#[derive(Debug)]
pub struct AsyncEndpoint<'a, L: AnyLink> {
    shared: &'a Shared<L>,
    endpoint: Endpoint,
}

impl<L: AnyLink> Shared<L> {
    /// Opens an endpoint with the given name, announces it, and binds it to the peer's endpoint of the same name.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, name: &str) -> Result<AsyncEndpoint<'_, L>, OpenError> {
        self.open_with(&Config { name: Some(name), ..Config::default() })
    }

    /// Opens an endpoint.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_with(&self, config: &Config<'_>) -> Result<AsyncEndpoint<'_, L>, OpenError> {
        let mut state = self.state.borrow_mut();
        let endpoint = state.link.bus().open_with(config)?;
        if let Some((mailbox, _)) = state.mailbox(endpoint) {
            (mailbox.open, mailbox.interrupted) = (true, false);
        }
        state.kick();
        Ok(AsyncEndpoint::new(self, endpoint))
    }
}

impl<'a, L: AnyLink> AsyncEndpoint<'a, L> {
    const fn new(shared: &'a Shared<L>, endpoint: Endpoint) -> Self {
        Self { shared, endpoint }
    }

    /// Returns the link that the endpoint belongs to.
    #[must_use]
    pub const fn shared(&self) -> &'a Shared<L> {
        self.shared
    }

    /// Returns the plain endpoint handle, as found in an [`Event`](crate::rpmsg::Event).
    #[must_use]
    pub const fn endpoint(&self) -> Endpoint {
        self.endpoint
    }

    /// Waits until the endpoint is bound, and returns the peer's address. If the link went down before the endpoint was
    /// bound, the next [`recv_or_down`](Self::recv_or_down) does not report that the link went down.
    pub async fn bound(&self) -> Address {
        let peer = self.peer().await;
        self.take_interrupted();
        peer
    }

    /// Waits until the endpoint is bound, and returns the peer's address.
    pub(super) async fn peer(&self) -> Address {
        poll_fn(|context| {
            let mut state = self.shared.state.borrow_mut();
            if let Some(peer) = state.link.bus().peer_of(self.endpoint) {
                return Poll::Ready(peer);
            }
            if let Some((mailbox, _)) = state.mailbox(self.endpoint) {
                mailbox.sender.register(context.waker());
            }
            Poll::Pending
        })
        .await
    }

    /// Waits for the next message, even if the peer restarts meanwhile.
    pub async fn recv(&self) -> Received<'a, L> {
        poll_fn(|context| self.poll_recv(context)).await
    }

    /// Waits for the next message. If the link goes down, returns `None` once, because a pending answer can no longer
    /// arrive.
    pub async fn recv_or_down(&self) -> Option<Received<'a, L>> {
        poll_fn(|context| match self.poll_recv(context) {
            Poll::Pending if self.take_interrupted() => Poll::Ready(None),
            polled => polled.map(Some),
        })
        .await
    }

    /// Waits for a free buffer, and sends `payload` to the peer endpoint that this endpoint is bound to.
    ///
    /// # Errors
    /// See [`SendError`]. Never returns [`SendError::NoBuffer`]. If the peer goes away, the wait ends with an error.
    pub async fn send(&self, payload: &[u8]) -> Result<(), SendError> {
        self.send_when_free(None, payload).await
    }

    /// Waits for a free buffer, and sends `payload` to `destination`, even if the endpoint is bound to another address.
    ///
    /// # Errors
    /// See [`send`](Self::send).
    pub async fn send_to(&self, destination: Address, payload: &[u8]) -> Result<(), SendError> {
        self.send_when_free(Some(destination), payload).await
    }

    /// Sends `payload`, without waiting, to the peer endpoint that this endpoint is bound to.
    ///
    /// # Errors
    /// See [`SendError`].
    pub fn try_send(&self, payload: &[u8]) -> Result<(), SendError> {
        self.send_now(None, payload, None)
    }

    /// Returns the maximum payload length in bytes, or 0 without a peer.
    #[must_use]
    pub fn max_message(&self) -> u32 {
        self.shared.state.borrow_mut().link.bus().max_message()
    }

    async fn send_when_free(&self, destination: Option<Address>, payload: &[u8]) -> Result<(), SendError> {
        poll_fn(|context| match self.send_now(destination, payload, Some(context)) {
            Err(SendError::NoBuffer) => Poll::Pending,
            result => Poll::Ready(result),
        })
        .await
    }

    fn send_now(
        &self,
        destination: Option<Address>,
        payload: &[u8],
        context: Option<&Context<'_>>,
    ) -> Result<(), SendError> {
        let mut state = self.shared.state.borrow_mut();
        let bus = state.link.bus();
        let result = match destination {
            Some(destination) => bus.send_to(self.endpoint, destination, payload),
            None => bus.send(self.endpoint, payload),
        };
        match (&result, context) {
            (Err(SendError::NoBuffer), Some(context)) => {
                if let Some((mailbox, _)) = state.mailbox(self.endpoint) {
                    mailbox.sender.register(context.waker());
                }
            }
            // The peer may have broken the protocol, in which case the runner must restart the link.
            (Err(_), _) => state.kick(),
            (Ok(()), _) => (),
        }
        result
    }

    fn poll_recv(&self, context: &Context<'_>) -> Poll<Received<'a, L>> {
        let mut state = self.shared.state.borrow_mut();
        let Some((mailbox, places)) = state.mailbox(self.endpoint) else { return Poll::Pending };
        match mailbox.pop(places) {
            Some(message) => Poll::Ready(Received { shared: self.shared, held: HeldMessage(Some(message)) }),
            None => {
                mailbox.receiver.register(context.waker());
                Poll::Pending
            }
        }
    }

    fn take_interrupted(&self) -> bool {
        let mut state = self.shared.state.borrow_mut();
        state.mailbox(self.endpoint).is_some_and(|(mailbox, _)| core::mem::take(&mut mailbox.interrupted))
    }
}

impl<L: AnyLink> Drop for AsyncEndpoint<'_, L> {
    fn drop(&mut self) {
        let mut state = self.shared.state.borrow_mut();
        while let Some(message) = state.mailbox(self.endpoint).and_then(|(mailbox, places)| mailbox.pop(places)) {
            state.link.bus().release(message);
        }
        if let Some((mailbox, _)) = state.mailbox(self.endpoint) {
            mailbox.open = false;
        }
        state.link.bus().close(self.endpoint);
        state.kick();
    }
}

/// A received message, which is released when it is dropped.
#[derive(Debug)]
pub struct Received<'a, L: AnyLink> {
    shared: &'a Shared<L>,
    held: HeldMessage,
}

impl<L: AnyLink> Received<'_, L> {
    /// Copies bytes from the payload into `to`, starting at `offset`.
    ///
    /// # Errors
    /// Returns [`ReadError::Stale`] if the link has gone down since the message was received, and [`ReadError::Beyond`]
    /// if the bytes exceed the payload.
    pub fn read(&self, offset: u16, to: &mut [u8]) -> Result<(), ReadError> {
        let mut state = self.shared.state.borrow_mut();
        self.held.0.as_ref().map_or(Err(ReadError::Stale), |message| state.link.bus().read(message, offset, to))
    }

    /// Copies the payload into `to`, and releases the message. Returns the payload length. If `to` is shorter than the
    /// payload, the rest of the payload is lost.
    ///
    /// # Errors
    /// Returns [`ReadError::Stale`] if the link has gone down since the message was received.
    pub fn recv(mut self, to: &mut [u8]) -> Result<usize, ReadError> {
        let mut state = self.shared.state.borrow_mut();
        self.held.0.take().map_or(Err(ReadError::Stale), |message| state.link.bus().recv(message, to))
    }

    /// Waits for a free buffer, and sends `payload` to the message's sender, from the endpoint that received the
    /// message. Then releases the message.
    ///
    /// # Errors
    /// See [`SendError`].
    pub async fn reply(self, payload: &[u8]) -> Result<(), SendError> {
        let Some(endpoint) = self.endpoint() else { return Ok(()) };
        // This handle is temporary. Dropping it would close the endpoint.
        let handle = core::mem::ManuallyDrop::new(AsyncEndpoint::new(self.shared, endpoint));
        handle.send_to(self.source(), payload).await
    }
}

impl<L: AnyLink> Deref for Received<'_, L> {
    type Target = HeldMessage;

    fn deref(&self) -> &HeldMessage {
        &self.held
    }
}

impl<L: AnyLink> Drop for Received<'_, L> {
    fn drop(&mut self) {
        if let Some(message) = self.held.0.take() {
            self.shared.state.borrow_mut().link.bus().release(message);
        }
    }
}
