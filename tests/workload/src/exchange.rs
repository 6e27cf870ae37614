// SPDX-License-Identifier: Apache-2.0
//! The exchange on one endpoint: the initiator sends each message, and the other side checks it and sends it back.

use amp_ivshmem::mem::SharedMemory;
use amp_ivshmem::platform::{Doorbell, Instant};
use amp_ivshmem::rpmsg::{Endpoint, Link, Message, OpenError, Role, SendError};

use crate::content::{Content, MAX_MESSAGE};
use crate::histogram::Histogram;
use crate::plan::EXCHANGES;

/// A node's link. It has one endpoint for each exchange, and 16 buffers, as is usual for rpmsg.
pub type NodeLink<M, D> = Link<M, D, { EXCHANGES.len() }, 16>;

/// Time after which a message without an echo counts as lost.
const LOST_AFTER_MICROS: u64 = 5_000_000;

/// Message counts of one side.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Number of messages that this side initiated and that came back correctly.
    pub echoed: u32,
    /// Number of messages that this side initiated and that did not come back.
    pub lost: u32,
    /// Number of messages with a wrong length or content, detected on either side.
    pub wrong: u32,
}

/// One side of one exchange.
#[derive(Debug)]
pub struct Exchange {
    index: usize,
    pub name: &'static str,
    pub endpoint: Endpoint,
    /// True if this side is the initiator.
    starts: bool,
    messages: u32,
    /// Number of finished messages. On the initiator's side, these messages were echoed, wrong or lost. On the other
    /// side, they were sent back.
    done: u32,
    /// When the message in flight was sent.
    sent: Option<Instant>,
    /// A received message that cannot be sent back until a buffer is free.
    pending: Option<Message>,
}

impl Exchange {
    /// Opens exchange `index` for the side with this role.
    pub fn open<M: SharedMemory, D: Doorbell>(
        index: usize,
        (name, starter, messages): (&'static str, Role, u32),
        role: Role,
        link: &mut NodeLink<M, D>,
    ) -> Result<Self, OpenError> {
        let (endpoint, starts) = (link.bus().open(name)?, starter == role);
        Ok(Self { index, name, endpoint, starts, messages, done: 0, sent: None, pending: None })
    }

    /// Restarts the exchange from the first message, for a new peer.
    pub fn restart(&mut self) {
        (self.done, self.sent, self.pending) = (0, None, None);
    }

    pub const fn is_done(&self) -> bool {
        self.done >= self.messages && self.pending.is_none()
    }

    /// Returns when `send` must be called even if no event occurs.
    pub fn deadline(&self) -> Option<Instant> {
        self.sent.map(|sent| sent.plus_micros(LOST_AFTER_MICROS))
    }

    /// Handles a received message.
    pub fn receive<M: SharedMemory, D: Doorbell>(
        &mut self,
        link: &mut NodeLink<M, D>,
        message: Message,
        now: Instant,
        tally: &mut Tally,
        round_trips: &mut Histogram,
    ) {
        if !self.starts {
            // The initiator sends one message at a time, so no other message should be pending.
            if let Some(older) = self.pending.replace(message) {
                tally.wrong += 1;
                link.bus().release(older);
            }
            return;
        }
        let mut buffer = [0; MAX_MESSAGE];
        let right =
            read(link, &message, &mut buffer).is_some_and(|bytes| Content::new(self.index, self.done).is(bytes));
        link.bus().release(message);
        match self.sent.take() {
            Some(sent) if right => {
                tally.echoed += 1;
                round_trips.add(now.micros_since(sent));
                self.done += 1;
            }
            Some(_) => {
                tally.wrong += 1;
                self.done += 1;
            }
            None => tally.wrong += 1,
        }
    }

    /// Sends the pending echo and the next message if buffers are free.
    pub fn send<M: SharedMemory, D: Doorbell>(&mut self, link: &mut NodeLink<M, D>, now: Instant, tally: &mut Tally) {
        if let Some(message) = self.pending.take() {
            self.answer(link, message, tally);
        }
        if self.deadline().is_some_and(|deadline| now > deadline) {
            self.sent = None;
            self.done += 1;
            tally.lost += 1;
        }
        if self.starts && self.sent.is_none() && self.done < self.messages {
            let mut buffer = [0; MAX_MESSAGE];
            let bytes = Content::new(self.index, self.done).write(&mut buffer);
            // If the endpoint is not bound or no buffer is free, `send` is called again after the next event.
            if link.bus().send(self.endpoint, bytes).is_ok() {
                self.sent = Some(now);
            }
        }
    }

    fn answer<M: SharedMemory, D: Doorbell>(&mut self, link: &mut NodeLink<M, D>, message: Message, tally: &mut Tally) {
        let mut buffer = [0; MAX_MESSAGE];
        let Some(bytes) = read(link, &message, &mut buffer) else {
            tally.wrong += 1;
            self.done += 1;
            return link.bus().release(message);
        };
        match link.bus().send_to(self.endpoint, message.source, bytes) {
            Ok(()) => {
                if !Content::new(self.index, self.done).is(bytes) {
                    tally.wrong += 1;
                }
                self.done += 1;
                link.bus().release(message);
            }
            Err(SendError::NoBuffer) => self.pending = Some(message),
            Err(_) => link.bus().release(message),
        }
    }
}

/// Reads a message's content. Returns `None` if the message is too long or the link is down.
fn read<'b, M: SharedMemory, D: Doorbell>(
    link: &mut NodeLink<M, D>,
    message: &Message,
    buffer: &'b mut [u8; MAX_MESSAGE],
) -> Option<&'b [u8]> {
    let bytes = buffer.get_mut(..usize::from(message.length))?;
    link.bus().read(message, 0, bytes).ok()?;
    Some(bytes)
}
