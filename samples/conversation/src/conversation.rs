//! One endpoint's conversation: one side starts each message, the other checks it and sends it back.

use amp_ivshmem::mem::SharedMemory;
use amp_ivshmem::platform::{Doorbell, Instant};
use amp_ivshmem::rpmsg::{Endpoint, Message, OpenError, Role, SendError};

use crate::content::{Content, MAX_MESSAGE};
use crate::histogram::Histogram;
use crate::party::PartyLink;

/// After how long without its echo a message counts as lost.
const LOST_AFTER_MICROS: u64 = 5_000_000;

/// What one side did.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tally {
    /// Messages that this side started and that came back right.
    pub echoed: u32,
    /// Messages that this side started and that did not come back.
    pub lost: u32,
    /// Messages that were not what they should be, here or on the way back.
    pub wrong: u32,
}

/// One side of one conversation.
#[derive(Debug)]
pub struct Conversation {
    index: usize,
    pub name: &'static str,
    pub endpoint: Endpoint,
    /// Whether this side starts.
    starts: bool,
    messages: u32,
    /// Messages dealt with: as the starter echoed, wrong or lost; else sent back.
    done: u32,
    /// When the message that is under way was sent.
    sent: Option<Instant>,
    /// A message to send back, for which there was no buffer yet.
    pending: Option<Message>,
}

impl Conversation {
    /// Opens conversation `index` on the side that `role` is.
    pub fn open<M: SharedMemory, D: Doorbell>(
        index: usize,
        (name, starter, messages): (&'static str, Role, u32),
        role: Role,
        link: &mut PartyLink<M, D>,
    ) -> Result<Self, OpenError> {
        let (endpoint, starts) = (link.bus().open(name)?, starter == role);
        Ok(Self { index, name, endpoint, starts, messages, done: 0, sent: None, pending: None })
    }

    /// There is a new peer: from the beginning.
    pub fn restart(&mut self) {
        (self.done, self.sent, self.pending) = (0, None, None);
    }

    pub const fn is_done(&self) -> bool {
        self.done >= self.messages && self.pending.is_none()
    }

    /// Whether this conversation needs the caller by itself, and when.
    pub fn deadline(&self) -> Option<Instant> {
        self.sent.map(|sent| sent.plus_micros(LOST_AFTER_MICROS))
    }

    /// A message came.
    pub fn receive<M: SharedMemory, D: Doorbell>(
        &mut self,
        link: &mut PartyLink<M, D>,
        message: Message,
        now: Instant,
        tally: &mut Tally,
        round_trips: &mut Histogram,
    ) {
        if !self.starts {
            // Whatever is under way is answered first; the starter sends one at a time, so there should be none.
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

    /// Sends what is to be sent now, as far as there are buffers.
    pub fn talk<M: SharedMemory, D: Doorbell>(&mut self, link: &mut PartyLink<M, D>, now: Instant, tally: &mut Tally) {
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
            // Not bound yet, or no buffer free: the next event is the time to try again.
            if link.bus().send(self.endpoint, bytes).is_ok() {
                self.sent = Some(now);
            }
        }
    }

    fn answer<M: SharedMemory, D: Doorbell>(
        &mut self,
        link: &mut PartyLink<M, D>,
        message: Message,
        tally: &mut Tally,
    ) {
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

/// The message's bytes; none where there are more than we ever send, or where the link has gone.
fn read<'b, M: SharedMemory, D: Doorbell>(
    link: &mut PartyLink<M, D>,
    message: &Message,
    buffer: &'b mut [u8; MAX_MESSAGE],
) -> Option<&'b [u8]> {
    let bytes = buffer.get_mut(..usize::from(message.length))?;
    link.bus().read(message, 0, bytes).ok()?;
    Some(bytes)
}
