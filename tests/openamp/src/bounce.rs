// SPDX-License-Identifier: Apache-2.0
//! The bounce test. Many endpoints send to the C side's echo endpoint at the same time. There are more endpoints than C
//! OpenAMP has dynamic addresses. Each endpoint sends its next message from the handler of the previous reply. The C
//! side replies from its callback and waits there for free buffers.

use amp_ivshmem::platform::Doorbell;
use amp_ivshmem::rpmsg::{Address, Bus, Config, Endpoint, Message, Name, OpenError, Profile};

use crate::BOUNCERS;

/// Length of the longest message. This is the capacity of the smaller buffers in the layout with the largest buffers.
const LONGEST: u32 = 1008;

/// An address that the bus never assigns.
const STATIC: Address = Address(200);

/// One endpoint, its number of sent messages, and its number of received replies.
#[derive(Clone, Copy, Debug)]
struct Bouncer {
    endpoint: Endpoint,
    sent: u32,
    back: u32,
}

/// All endpoints of the bounce test.
#[derive(Debug)]
pub struct Bounce {
    echo: Option<Address>,
    bouncers: [Option<Bouncer>; BOUNCERS],
}

impl Default for Bounce {
    fn default() -> Self {
        Self { echo: None, bouncers: [None; BOUNCERS] }
    }
}

impl Bounce {
    /// Closes all endpoints. Called when a new peer connects, and at the end of the test.
    pub fn restart<P: Profile, D: Doorbell>(&mut self, bus: &mut Bus<P, D>) {
        for bouncer in self.bouncers.iter_mut().filter_map(Option::take) {
            bus.close(bouncer.endpoint);
        }
        self.echo = None;
    }

    /// Handles the announcement of an endpoint that does not match a local endpoint.
    pub fn announced(&mut self, name: Name, address: Address) {
        if name.as_bytes() == b"echo" {
            self.echo = Some(address);
        }
    }

    /// Returns the number of correct replies, counting at most `each` per endpoint.
    pub fn count(&self, each: u32) -> u32 {
        self.bouncers.iter().flatten().map(|bouncer| bouncer.back.min(each)).sum()
    }

    /// Returns true if every message has been answered.
    pub fn is_finished(&self, each: u32) -> bool {
        // CAST: a small constant.
        self.count(each) == BOUNCERS as u32 * each
    }

    /// Opens the endpoints, and sends messages that could not be sent from a handler.
    ///
    /// # Errors
    /// Returns an error if the link has too few endpoints.
    pub fn step<P: Profile, D: Doorbell>(&mut self, bus: &mut Bus<P, D>, each: u32) -> Result<bool, OpenError> {
        let mut any = false;
        for index in (0..BOUNCERS).filter(|_| each > 0) {
            if let Some(place @ None) = self.bouncers.get_mut(index) {
                // The first endpoint has a fixed address.
                let config = Config { address: (index == 0).then_some(STATIC), ..Config::default() };
                *place = Some(Bouncer { endpoint: bus.open_with(&config)?, sent: 0, back: 0 });
                any = true;
            }
            any |= self.send(bus, index, each);
        }
        Ok(any)
    }

    /// Sends an endpoint's next message if its previous message has been answered. Returns true if a message was sent.
    fn send<P: Profile, D: Doorbell>(&mut self, bus: &mut Bus<P, D>, index: usize, each: u32) -> bool {
        let Some(echo) = self.echo else { return false };
        let max = bus.max_message().min(LONGEST);
        let Some(Some(bouncer)) = self.bouncers.get_mut(index) else { return false };
        if bouncer.sent > bouncer.back || bouncer.sent == each {
            return false;
        }
        let mut buffer = [0; LONGEST as usize];
        let bytes = content(index, bouncer.sent, max, &mut buffer);
        // If no buffer is free, a later step sends the message.
        let sent = bus.send_to(bouncer.endpoint, echo, bytes).is_ok();
        bouncer.sent += u32::from(sent);
        sent
    }

    /// Handles a reply and immediately sends the next message. Returns true if the reply was correct.
    pub fn receive<P: Profile, D: Doorbell>(&mut self, bus: &mut Bus<P, D>, message: Message, each: u32) -> bool {
        let max = bus.max_message().min(LONGEST);
        let to = message.endpoint;
        let of = |bouncer: &Option<Bouncer>| bouncer.is_some_and(|bouncer| bouncer.endpoint == to);
        let index = self.bouncers.iter().position(of);
        let Some((index, Some(bouncer))) = index.and_then(|index| Some((index, self.bouncers.get_mut(index)?))) else {
            bus.release(message);
            return false;
        };
        let (mut expected, mut found) = ([0; LONGEST as usize], [0; LONGEST as usize]);
        let expected = content(index, bouncer.back, max, &mut expected);
        let bytes = found.get_mut(..message.length.into());
        let right = bytes.is_some_and(|bytes| bus.read(&message, 0, bytes).is_ok() && bytes == expected)
            && bouncer.sent == bouncer.back + 1;
        bus.release(message);
        if right {
            bouncer.back += 1;
            self.send(bus, index, each);
        }
        right
    }
}

/// Returns the content of message `number` from endpoint `index`. The length is from 1 to `max` bytes, because an empty
/// message would be a greeting.
fn content(index: usize, number: u32, max: u32, buffer: &mut [u8; LONGEST as usize]) -> &[u8] {
    // CAST: the index is small, and the exact mixing does not matter.
    let mixed = (index as u32 + 1).wrapping_mul(0x9e37_79b9) ^ number.wrapping_mul(0x85eb_ca6b);
    let length = mixed % max.clamp(1, LONGEST) + 1;
    let bytes = buffer.get_mut(..(length.min(max)) as usize).unwrap_or_default();
    for (at, byte) in bytes.iter_mut().enumerate() {
        // CAST: only the low bytes are used.
        *byte = (mixed >> 8) as u8 ^ at as u8;
    }
    bytes
}
