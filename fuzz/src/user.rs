// SPDX-License-Identifier: Apache-2.0
//! The user of one side of a link, in either profile. It holds messages and buffers, and checks events and the results
//! of calls.

use amp_ivshmem::platform::Instant;
use amp_ivshmem::rpmsg::{Address, AnyLink, Config, Endpoint, Message, ReadError, SendError, TxBuffer};

use crate::memory;
use crate::told::Told;
pub use crate::traffic::ENDPOINTS;
use crate::traffic::{self, MOST, Stray};

/// Number of buffers per side. The number is small, so that buffers run out.
pub const BUFFERS: usize = 4;
/// Size of a buffer in bytes, including the header.
pub const SIZE: u32 = 64;

/// A placeholder for an address that no send function accepts.
const MARKER: Address = Address(0x7fff_fff1);

/// One side: its link, and the endpoint that exchanges all messages.
#[derive(Debug)]
pub struct User<L> {
    pub link: L,
    pub talk: Endpoint,
    extra: Option<Endpoint>,
    pub told: Told,
    /// The time of the next poll without a doorbell.
    pub wake: Instant,
    /// Held messages. `hold` is the maximum number.
    pub held: Vec<Message>,
    pub hold: usize,
    pub reserved: Vec<TxBuffer>,
    stale_messages: Vec<Message>,
    stale_buffers: Vec<TxBuffer>,
}

impl<L: AnyLink> User<L> {
    /// Makes the user of a new link.
    pub fn new(mut link: L, talk: &Config<'_>) -> Self {
        let talk = link.bus().open_with(talk).expect("free");
        let mut told = Told::default();
        told.opened(talk);
        Self {
            link,
            talk,
            extra: None,
            told,
            wake: Instant::default(),
            held: Vec::new(),
            hold: 0,
            reserved: Vec::new(),
            stale_messages: Vec::new(),
            stale_buffers: Vec::new(),
        }
    }

    /// Holds a message if there is room, otherwise releases it immediately.
    pub fn keep(&mut self, message: Message) {
        if self.held.len() < self.hold {
            self.held.push(message);
            assert!(self.held.len() <= BUFFERS, "more messages than buffers");
        } else {
            self.link.bus().release(message);
        }
    }

    /// Releases one held message.
    pub fn release(&mut self, index: u8) {
        if !self.held.is_empty() {
            let message = self.held.swap_remove(usize::from(index) % self.held.len());
            self.link.bus().release(message);
        }
    }

    /// Cancels all reserved buffers.
    pub fn cancel(&mut self) {
        self.reserved.drain(..).for_each(|buffer| self.link.bus().cancel(buffer));
    }

    /// Releases all messages and buffers.
    pub fn give_back(&mut self) {
        self.use_stale();
        self.hold = 0;
        self.held.drain(..).for_each(|message| self.link.bus().release(message));
        self.cancel();
    }

    /// Marks all held messages and buffers as void after the link has gone down.
    pub fn void(&mut self) {
        self.stale_messages.append(&mut self.held);
        self.stale_buffers.append(&mut self.reserved);
    }

    /// Uses void messages and buffers, and checks that the calls have no effect.
    pub fn use_stale(&mut self) {
        let bus = self.link.bus();
        for message in self.stale_messages.drain(..) {
            assert_eq!(bus.read(&message, 0, &mut []), Err(ReadError::Stale));
            assert_eq!(bus.payload_range(&message), Err(ReadError::Stale));
            bus.release(message);
        }
        for buffer in self.stale_buffers.drain(..) {
            let void = |error| matches!(error, SendError::Stale | SendError::Down);
            assert!(bus.write(&buffer, 0, &[1]).is_err_and(void) && bus.buffer_range(&buffer).is_err_and(void));
            let (_, buffer) = bus.send_nocopy(self.talk, buffer, 1).expect_err("sent what is void");
            bus.cancel(buffer);
        }
    }

    /// Sends a message to the peer of the endpoint, by copy or in place.
    pub fn send(&mut self, stamp: u32, in_place: bool) -> bool {
        let Some(to) = self.link.bus().peer_of(self.talk) else {
            let result = self.link.bus().send(self.talk, &[]);
            assert!(matches!(result, Err(SendError::Down | SendError::NotBound)), "{result:?} without a peer");
            self.told.sent(&result);
            return false;
        };
        let (length, bytes) = traffic::write(stamp, to.0, traffic::length(stamp));
        let bus = self.link.bus();
        let result = match (in_place, self.reserved.pop()) {
            (false, kept) => {
                self.reserved.extend(kept);
                bus.send(self.talk, &bytes[..length])
            }
            (true, Some(buffer)) => self.send_in_place(buffer, &bytes[..length]),
            (true, None) => match bus.alloc_tx_buffer() {
                Ok(buffer) => self.send_in_place(buffer, &bytes[..length]),
                Err(error) => Err(error),
            },
        };
        self.told.sent(&result);
        result.is_ok()
    }

    fn send_in_place(&mut self, buffer: TxBuffer, bytes: &[u8]) -> Result<(), SendError> {
        let bus = self.link.bus();
        assert_eq!(bus.write(&buffer, MOST as u32 - 3, &[0; 4]), Err(SendError::TooLong { max: MOST as u16 }));
        bus.write(&buffer, 0, bytes).expect("it fits");
        match bus.send_nocopy(self.talk, buffer, MOST as u16 + 1) {
            Err((SendError::TooLong { .. }, buffer)) => {
                bus.send_nocopy(self.talk, buffer, bytes.len() as u16).map_err(|(error, buffer)| {
                    bus.cancel(buffer);
                    error
                })
            }
            other => panic!("{other:?} for more than fits"),
        }
    }

    /// Sends a message to any address. If the send functions reject the address, the message is sent to a placeholder
    /// address. The placeholder is then replaced in the send buffers, which start at offset `buffers`, unless the peer
    /// has already taken the message.
    pub fn stray(&mut self, stray: &Stray, buffers: u32) -> bool {
        let bytes = &stray.bytes[..stray.length];
        let bus = self.link.bus();
        let mut result = bus.send_to(self.talk, stray.to, bytes);
        if stray.to == Address::ANY {
            assert_eq!(result, Err(SendError::NoDestination));
            result = bus.send_to(self.talk, MARKER, bytes);
            for buffer in 0..BUFFERS as u32 {
                let (memory, at, mut word) = (memory::bytes(), buffers + buffer * SIZE + 4, [0; 4]);
                memory.read(at, &mut word).expect("inside");
                if u32::from_le_bytes(word) == MARKER.0 {
                    memory.write(at, &Address::ANY.0.to_le_bytes()).expect("inside");
                }
            }
        }
        self.told.sent(&result);
        result.is_ok()
    }

    /// Allocates a buffer to be sent or cancelled later.
    pub fn reserve(&mut self) {
        let result = self.link.bus().alloc_tx_buffer();
        self.told.sent(&result);
        self.reserved.extend(result);
        assert!(self.reserved.len() <= BUFFERS, "more buffers than there are");
    }

    /// Opens a second endpoint, or closes it if it is open.
    pub fn toggle_extra(&mut self) {
        match self.extra.take() {
            Some(endpoint) => {
                self.link.bus().close(endpoint);
                self.told.closed(endpoint);
            }
            None => {
                // The endpoint slot stays in use until the withdrawal of the old endpoint has been announced to the
                // peer.
                if let Ok(endpoint) = self.link.bus().open("more") {
                    self.told.opened(endpoint);
                    self.extra = Some(endpoint);
                }
            }
        }
        // When an application opens an endpoint, it also wakes the polling thread.
        self.wake = Instant::default();
    }

    /// Returns the number of free send buffers. If the peer does not hold a buffer, all of this side's send buffers
    /// must be free.
    pub fn buffers(&mut self) -> usize {
        let bus = self.link.bus();
        let buffers: Vec<_> = std::iter::from_fn(|| bus.alloc_tx_buffer().ok()).collect();
        let count = buffers.len();
        buffers.into_iter().for_each(|buffer| bus.cancel(buffer));
        count
    }
}
