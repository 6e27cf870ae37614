// SPDX-License-Identifier: Apache-2.0
//! Traffic without end, for `amp torture`. Each side streams numbered messages on one or several links. It checks that it
//! receives all messages of a session, in order, and none of another session.
//!
//! A session lasts from the time when a link comes up until it goes down. Each message carries a number that its sender drew
//! for the session, the message's own number from 0 on, and how many messages of the receiver have arrived. So a side knows
//! how many messages were in flight when its peer died.

use core::fmt::Write;
use core::mem::MaybeUninit;
use core::time::Duration;

use amp_ivshmem::platform::{Instant, Port};
use amp_ivshmem::rpmsg::{Endpoint, Event, Link, Message, Role, Settings, SetupError};

use crate::console::because;
use crate::content::{Content, MAX_MESSAGE};
use crate::protocol::{ERROR, Report, Tally, Wrong};

/// A peer counts as dead after this time without a heartbeat.
pub const PEER_TIMEOUT: Duration = Duration::from_secs(1);
/// Messages at a time, and the pause after them in microseconds: about 2000 messages a second at most, so that the machine
/// has time for other work.
const BURST: u32 = 8;
const PAUSE_MICROS: u64 = 4000;
/// The time between two tallies, in microseconds.
const TALLY_MICROS: u64 = 250_000;
/// Bytes of each link's area, if there are several links.
const AREA: u32 = 128 * 1024;
/// Events of a link to handle before the next link has its turn.
const EVENTS: u32 = 64;

/// Bytes at the start of a message: three words, little-endian.
const HEAD: usize = 12;

/// One link and the counts of its session.
struct StreamLink<P: Port> {
    link: Link<P::Memory, P::Doorbell, 1, 16>,
    endpoint: Endpoint,
    number: u8,
    up: bool,
    /// This side's number for the session, and the peer's number once a message has come from it.
    session: u32,
    peer_session: Option<u32>,
    sent: u32,
    /// Number of this side's messages that have arrived, according to the peer.
    arrived: u32,
    received: u32,
    next: Instant,
}

/// One side, with `L` links.
pub struct Stream<P: Port, const L: usize> {
    links: [Option<StreamLink<P>>; L],
    tally: Tally,
    next_tally: Instant,
}

/// Returns settings for link `index` of `links`. A single link takes the whole memory.
fn settings(role: Role, index: u8, links: usize) -> Settings {
    let offset = 4096 + u32::from(index) * AREA;
    let area = (links > 1).then_some((offset, AREA));
    Settings { link: index, area, peer_timeout: Some(PEER_TIMEOUT), ..Settings::new(role) }
}

impl<P: Port, const L: usize> Stream<P, L> {
    /// Opens the links `first`, `first + 1`, …
    ///
    /// # Errors
    /// Returns an error if the links do not fit the shared memory.
    pub fn new(port: &P, role: Role, first: u8) -> Result<Self, SetupError> {
        let mut links = [const { None }; L];
        for (link, number) in links.iter_mut().zip(first..) {
            *link = StreamLink::new(port, settings(role, number, L + usize::from(first)))?;
        }
        Ok(Self { links, tally: Tally::default(), next_tally: port.now() })
    }

    /// Returns the time of the next step, if no doorbell rings earlier.
    pub fn deadline(&self) -> Instant {
        let next = |link: &StreamLink<P>| {
            let deadline = link.link.deadline();
            if link.up { deadline.min(link.next) } else { deadline }
        };
        self.links.iter().flatten().map(next).fold(self.next_tally, Instant::min)
    }

    /// Handles events and sends messages at the time `now`, and prints lines about the sessions.
    pub fn step(&mut self, now: Instant, console: &mut impl Write) {
        for link in self.links.iter_mut().flatten() {
            link.step(now, &mut self.tally, console);
        }
        if now >= self.next_tally {
            self.next_tally = now.plus_micros(TALLY_MICROS);
            Report::Tally(self.tally).write(console);
        }
    }

    /// Closes the links, so that the peers know, and prints the last tally.
    pub fn leave(&mut self, console: &mut impl Write) {
        for link in self.links.iter_mut().flatten() {
            link.link.close();
        }
        Report::Tally(self.tally).write(console);
    }
}

impl<P: Port> StreamLink<P> {
    /// Opens the link and its endpoint. `None` would mean that the link has no room for one endpoint; it has.
    fn new(port: &P, settings: Settings) -> Result<Option<Self>, SetupError> {
        let now = port.now();
        let mut link = Link::new(port.memory(), port.doorbell(), port.id(), settings)?;
        let Ok(endpoint) = link.bus().open("amp.torture") else { return Ok(None) };
        // Differs from the number of the previous incarnation by id or time, even if the clock starts from 0 again. CAST: the
        // low half, which changes.
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

/// Runs one side with `L` links from `first` on, with its state in `place`, until `keep_on` returns false. `keep_on` is
/// called each time the port wakes up. Then the side leaves its peers. Returns false if the links do not fit the port's
/// memory, after it has printed the reason.
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
