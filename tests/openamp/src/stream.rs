// SPDX-License-Identifier: Apache-2.0
//! One stream of numbered messages in both directions.

use amp_ivshmem::platform::Doorbell;
use amp_ivshmem::rpmsg::{AnyLink, Bus, Endpoint, Message, OpenError, Profile, Role, SendError};
use amp_ivshmem_workload::{Content, MAX_MESSAGE};

use crate::STREAMS;

/// Number of messages that the `hold` stream holds before it releases all of them.
const HELD: usize = 4;
/// Number of messages filled in place for each cancelled buffer.
const UNSENT: u32 = 16;

/// One side of a stream.
#[derive(Debug)]
pub struct Stream {
    index: usize,
    pub endpoint: Endpoint,
    role: Role,
    /// Number of messages in each direction.
    messages: u32,
    pub bound: bool,
    pub sent: u32,
    /// Number of received messages, including held messages that have not been checked yet.
    received: u32,
    held: [Option<Message>; HELD],
}

/// The result of a check. The error is the number of a wrong message.
pub type Verdict = Result<(), u32>;

impl Stream {
    pub fn open<L: AnyLink>(index: usize, role: Role, messages: u32, link: &mut L) -> Result<Self, OpenError> {
        let endpoint = link.bus().open(STREAMS.get(index).copied().unwrap_or_default())?;
        let held = [const { None }; HELD];
        Ok(Self { index, endpoint, role, messages, bound: false, sent: 0, received: 0, held })
    }

    /// Restarts the stream for a new peer.
    pub fn restart(&mut self) {
        (self.sent, self.received, self.held) = (0, 0, [const { None }; HELD]);
    }

    /// Returns how many messages are complete in both directions.
    pub fn done(&self) -> u32 {
        // CAST: at most HELD.
        self.sent.min(self.received - self.held.iter().flatten().count() as u32)
    }

    fn content(&self, role: Role, number: u32) -> Content {
        Content::new(2 * self.index + usize::from(role == Role::Remote), number)
    }

    /// Handles a message. Returns the message's number as an error if the message is wrong.
    pub fn receive<P: Profile, D: Doorbell>(&mut self, bus: &mut Bus<P, D>, message: Message) -> Verdict {
        // The peer sends an empty greeting when it binds to this side's announcement. The first stream message is never
        // empty.
        if message.length == 0 && self.received == 0 {
            bus.release(message);
            return Ok(());
        }
        let number = self.received;
        self.received += 1;
        if STREAMS.get(self.index) != Some(&"hold") {
            return self.judge(bus, message, number);
        }
        if let Some(free) = self.held.iter_mut().find(|place| place.is_none()) {
            *free = Some(message);
        }
        let count = self.held.iter().flatten().count();
        let mut verdict = Ok(());
        if count == HELD || self.received == self.messages {
            for place in (0..count).rev() {
                if let Some(message) = self.held.get_mut(place).and_then(Option::take) {
                    // CAST: at most HELD.
                    verdict = verdict.and(self.judge(bus, message, self.received - (count - place) as u32));
                }
            }
        }
        verdict
    }

    fn judge<P: Profile, D: Doorbell>(&self, bus: &mut Bus<P, D>, message: Message, number: u32) -> Verdict {
        let mut buffer = [0; MAX_MESSAGE];
        let peer = if self.role == Role::Host { Role::Remote } else { Role::Host };
        let bytes = buffer.get_mut(..message.length.into());
        let right =
            bytes.is_some_and(|bytes| bus.read(&message, 0, bytes).is_ok() && self.content(peer, number).is(bytes));
        bus.release(message);
        if right { Ok(()) } else { Err(number) }
    }

    /// Sends the next message if a buffer is free. Returns true if a message was sent.
    ///
    /// # Errors
    /// Returns an error for any failure other than a missing buffer, a missing binding, or a link that is down.
    pub fn send<P: Profile, D: Doorbell>(&mut self, bus: &mut Bus<P, D>) -> Result<bool, SendError> {
        if !self.bound || self.sent == self.messages {
            return Ok(false);
        }
        let mut buffer = [0; MAX_MESSAGE];
        let bytes = self.content(self.role, self.sent).write(&mut buffer);
        let result = match STREAMS.get(self.index) {
            Some(&"nocopy") => self.send_in_place(bus, bytes),
            _ => bus.send(self.endpoint, bytes),
        };
        match result {
            Ok(()) => {
                self.sent += 1;
                Ok(true)
            }
            Err(SendError::NoBuffer | SendError::Down | SendError::NotBound) => Ok(false),
            Err(error) => Err(error),
        }
    }

    fn send_in_place<P: Profile, D: Doorbell>(&self, bus: &mut Bus<P, D>, bytes: &[u8]) -> Result<(), SendError> {
        if self.sent.is_multiple_of(UNSENT) {
            let unsent = bus.alloc_tx_buffer()?;
            bus.write(&unsent, 0, &[0xff; MAX_MESSAGE])?;
            bus.cancel(unsent);
        }
        let reserved = bus.alloc_tx_buffer()?;
        bus.write(&reserved, 0, bytes)?;
        // CAST: at most MAX_MESSAGE.
        bus.send_nocopy(self.endpoint, reserved, bytes.len() as u16).map_err(|(error, reserved)| {
            bus.cancel(reserved);
            error
        })
    }
}
