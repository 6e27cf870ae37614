// SPDX-License-Identifier: Apache-2.0
//! Endless traffic for `amp torture`. Each side streams numbered messages on one or several links. Each side checks
//! that all messages in a session arrive in order, and that messages from other sessions do not arrive.
//!
//! A session begins when a link comes up, and ends when the link goes down. Each message contains three numbers: the
//! sender's session number, the message number, and the number of messages that the sender has received. The third
//! number tells a side how many of its messages were in flight when its peer died.

use core::fmt::Write;
use core::mem::MaybeUninit;
use core::time::Duration;

use amp_ivshmem::platform::{Instant, Port};
use amp_ivshmem::rpmsg::{Endpoint, Event, Link, Message, Role, Settings, SetupError};

use crate::console::because;
use crate::content::{Content, MAX_MESSAGE};
use crate::protocol::{ERROR, Report, Tally, Wrong};

/// A peer is considered dead if it sends no heartbeat during this time.
pub const PEER_TIMEOUT: Duration = Duration::from_secs(1);
/// Number of messages per burst, and pause after each burst in microseconds. This limits the rate to about 2000
/// messages per second, so that the machine has time for other work.
const BURST: u32 = 8;
const PAUSE_MICROS: u64 = 4000;
/// Time between two tallies, in microseconds.
const TALLY_MICROS: u64 = 250_000;
/// Size of each link's area in bytes, if there are several links.
const AREA: u32 = 128 * 1024;
/// Maximum number of events to handle on a link before the next link gets its turn.
const EVENTS: u32 = 64;

/// Size of the message header in bytes: three little-endian words.
const HEAD: usize = 12;

/// One link and the counts for its session.
struct StreamLink<P: Port> {
    link: Link<P::Memory, P::Doorbell, 1, 16>,
    endpoint: Endpoint,
    number: u8,
    up: bool,
    /// This side's session number and the peer's session number. The peer's number is known once the first message has
    /// arrived.
    session: u32,
    peer_session: Option<u32>,
    sent: u32,
    /// Number of this side's messages that the peer has received, as the peer has reported.
    arrived: u32,
    received: u32,
    next: Instant,
}

/// One side of the traffic, which has `L` links.
pub struct Stream<P: Port, const L: usize> {
    links: [Option<StreamLink<P>>; L],
    tally: Tally,
    next_tally: Instant,
}

/// Returns the settings for link `index` out of `links`. A single link uses the whole memory.
fn settings(role: Role, index: u8, links: usize) -> Settings {
    let offset = 4096 + u32::from(index) * AREA;
    let area = (links > 1).then_some((offset, AREA));
    Settings { link: index, area, peer_timeout: Some(PEER_TIMEOUT), ..Settings::new(role) }
}

impl<P: Port, const L: usize> Stream<P, L> {
    /// Opens `L` links. Link numbers start at `first`.
    ///
    /// # Errors
    /// Returns an error if the links do not fit in the shared memory.
    pub fn new(port: &P, role: Role, first: u8) -> Result<Self, SetupError> {
        let mut links = [const { None }; L];
        for (link, number) in links.iter_mut().zip(first..) {
            *link = StreamLink::new(port, settings(role, number, L + usize::from(first)))?;
        }
        Ok(Self { links, tally: Tally::default(), next_tally: port.now() })
    }

    /// Returns when the next step is due if no doorbell rings.
    pub fn deadline(&self) -> Instant {
        let next = |link: &StreamLink<P>| {
            let deadline = link.link.deadline();
            if link.up { deadline.min(link.next) } else { deadline }
        };
        self.links.iter().flatten().map(next).fold(self.next_tally, Instant::min)
    }

    /// Handles events and sends messages at time `now`. Prints lines about the sessions.
    pub fn step(&mut self, now: Instant, console: &mut impl Write) {
        for link in self.links.iter_mut().flatten() {
            link.step(now, &mut self.tally, console);
        }
        if now >= self.next_tally {
            self.next_tally = now.plus_micros(TALLY_MICROS);
            Report::Tally(self.tally).write(console);
        }
    }

    /// Closes the links, so that the peers are notified, and prints the last tally.
    pub fn leave(&mut self, console: &mut impl Write) {
        for link in self.links.iter_mut().flatten() {
            link.link.close();
        }
        Report::Tally(self.tally).write(console);
    }
}

impl<P: Port> StreamLink<P> {
    /// Opens the link and its endpoint. Returns `None` if the link has no free endpoint, which cannot happen here.
    fn new(port: &P, settings: Settings) -> Result<Option<Self>, SetupError> {
        let now = port.now();
        let mut link = Link::new(port.memory(), port.doorbell(), port.id(), settings)?;
        let Ok(endpoint) = link.bus().open("amp.torture") else { return Ok(None) };
        // This number differs between incarnations, even if the clock restarts from 0, because the id or the time
        // differs. CAST: only the low half is used, because it changes fastest.
        let session = (now.as_micros() as u32) ^ u32::from(port.id().0).wrapping_mul(0x9e37_79b9);
        let number = settings.link;
        let (up, peer_session, next) = (false, None, now);
        Ok(Some(Self { link, endpoint, number, up, session, peer_session, sent: 0, arrived: 0, received: 0, next }))
    }

    fn step(&mut self, now: Instant, tally: &mut Tally, console: &mut impl Write) {
        let link = self.number;
        for _ in 0..EVENTS {
            let Some(event) = self.link.poll(now) else { break };
            match event {
                Event::Up { peer } => {
                    self.session = self.session.rotate_left(7).wrapping_add(now.as_micros() as u32 | 1);
                    (self.up, self.peer_session) = (true, None);
                    (self.sent, self.arrived, self.received) = (0, 0, 0);
                    Report::Up { link, peer: peer.0 }.write(console);
                }
                Event::Down(reason) => {
                    self.up = false;
                    tally.in_flight = tally.in_flight.wrapping_add(self.sent.wrapping_sub(self.arrived));
                    Report::Down { link, why: reason.into() }.write(console);
                    Report::Tally(*tally).write(console);
                }
                Event::Incompatible(_) => Report::Incompatible { link }.write(console),
                Event::Message(message) => {
                    self.receive(&message, tally, console);
                    self.link.bus().release(message);
                }
                _ => {}
            }
        }
        if self.up && now >= self.next {
            self.next = now.plus_micros(PAUSE_MICROS);
            for _ in 0..BURST {
                if !self.send(tally) {
                    break;
                }
            }
        }
    }

    /// Sends the next message. Returns false if it could not be sent.
    fn send(&mut self, tally: &mut Tally) -> bool {
        let mut buffer = [0; MAX_MESSAGE];
        let length = Content::new(0, self.session ^ self.sent).write(&mut buffer).len().max(HEAD);
        for (place, word) in buffer.chunks_exact_mut(4).zip([self.session, self.sent, self.received]) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        let sent = self.link.bus().send(self.endpoint, buffer.get(..length).unwrap_or_default()).is_ok();
        if sent {
            self.sent = self.sent.wrapping_add(1);
            tally.sent = tally.sent.wrapping_add(1);
        }
        sent
    }

    fn receive(&mut self, message: &Message, tally: &mut Tally, console: &mut impl Write) {
        let mut buffer = [0; MAX_MESSAGE];
        let length = usize::from(message.length);
        let read = buffer.get_mut(..length).is_some_and(|bytes| self.link.bus().read(message, 0, bytes).is_ok());
        let mut words = [0; 3];
        for (word, bytes) in words.iter_mut().zip(buffer.chunks_exact(4)) {
            *word = bytes.try_into().map_or(0, u32::from_le_bytes);
        }
        let [session, number, arrived] = words;
        let expected = self.received;
        let mut wrong = |kind| Report::Wrong { kind, expected, got: number }.write(console);
        if *self.peer_session.get_or_insert(session) != session {
            tally.stale = tally.stale.wrapping_add(1);
            return wrong(Wrong::Stale);
        }
        let mut content = [0; MAX_MESSAGE];
        let right = Content::new(0, session ^ number).write(&mut content).len().max(HEAD);
        if !read || length != right || buffer.get(HEAD..right) != content.get(HEAD..right) {
            tally.corrupted = tally.corrupted.wrapping_add(1);
            wrong(Wrong::Corrupted);
        }
        match number.wrapping_sub(expected) {
            0 => {}
            ahead if ahead < 1 << 31 => {
                tally.lost = tally.lost.wrapping_add(ahead);
                wrong(Wrong::Lost);
            }
            _ => {
                tally.duplicated = tally.duplicated.wrapping_add(1);
                wrong(Wrong::Duplicated);
            }
        }
        if expected == 0 {
            Report::Talks { link: self.number }.write(console);
        }
        self.received = number.wrapping_add(1);
        self.arrived = arrived;
        tally.received = tally.received.wrapping_add(1);
    }
}

/// Runs one side until `keep_on` returns false. The side has `L` links, and link numbers start at `first`. `keep_on` is
/// called each time the port wakes up. `place` is the storage for the side's state.
///
/// At the end, closes the links and returns true. If the links do not fit in the port's memory, prints the reason and
/// returns false.
pub fn run_in<P: Port, const L: usize>(
    place: &mut MaybeUninit<Stream<P, L>>,
    port: &mut P,
    role: Role,
    first: u8,
    console: &mut impl Write,
    mut keep_on: impl FnMut() -> bool,
) -> bool {
    match Stream::new(port, role, first) {
        Ok(side) => {
            let side = place.write(side);
            while keep_on() {
                side.step(port.now(), console);
                port.wait(Some(side.deadline()));
            }
            side.leave(console);
            true
        }
        Err(error) => {
            because(console, ERROR, &error, "the link does not fit the shared memory");
            false
        }
    }
}
