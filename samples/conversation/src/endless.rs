//! Traffic without end, for `amp torture`: each side streams numbered messages on one or several links, and checks that
//! what it receives within a session is all of it, in order, and nothing of another session.
//!
//! A session lasts from a link's coming up to its going down. Its messages carry a number that the sender drew for the
//! session, their own number from 0 on, and how many of the receiver's have arrived so far, so that what was under way
//! when a side died is known to the other.

use core::fmt::Write;
use core::mem::MaybeUninit;
use core::time::Duration;

use amp_ivshmem::platform::{Instant, Port};
use amp_ivshmem::rpmsg::{DownReason, Endpoint, Event, Link, Message, Role, Settings, SetupError};

use crate::console::{because, line};
use crate::content::{Content, MAX_MESSAGE};

/// After how long without a sign of life a peer counts as dead.
pub const SILENCE: Duration = Duration::from_secs(1);
/// Messages at a time, and the pause after them in microseconds: some thousand a second, which leaves a machine time to
/// do other things.
const BURST: u32 = 8;
const PAUSE_MICROS: u64 = 4000;
/// How often the console is told how far it is, in microseconds.
const TALLY_MICROS: u64 = 250_000;
/// Bytes of each link's area, where there are several.
const AREA: u32 = 128 * 1024;
/// How many events of a link are handled before it is the next one's turn.
const EVENTS: u32 = 64;

/// What a message begins with: three words, little-endian.
const HEAD: usize = 12;

/// One link and what was said on it.
struct Stream<P: Port> {
    link: Link<P::Memory, P::Doorbell, 1, 16>,
    endpoint: Endpoint,
    number: u32,
    up: bool,
    /// This side's number of the session, and the peer's once it is known.
    session: u32,
    peer_session: Option<u32>,
    sent: u32,
    /// How many of these the peer says have arrived.
    arrived: u32,
    received: u32,
    next: Instant,
}

/// What one side counted since it started. All wrap.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    sent: u32,
    received: u32,
    /// Under way when a session ended, at most.
    cut: u32,
    /// Numbers that came before, or out of order.
    duplicated: u32,
    /// Numbers that did not come within their session.
    lost: u32,
    /// Contents that are not what they should be.
    corrupted: u32,
    /// Of another session.
    stale: u32,
}

/// One side, with `L` links.
pub struct Endless<P: Port, const L: usize> {
    streams: [Option<Stream<P>>; L],
    tally: Tally,
    next_tally: Instant,
}

const fn kind(reason: DownReason) -> &'static str {
    match reason {
        DownReason::PeerLeft => "left",
        DownReason::PeerRestarted => "restarted",
        DownReason::PeerTimeout => "silent",
        DownReason::Fault(_) => "fault",
        DownReason::RoleConflict { .. } => "displaced",
        DownReason::StateCorrupted => "damaged",
    }
}

/// What `index` of `links` is to be: the first takes the whole memory where it is the only one.
fn settings(role: Role, index: u8, links: usize) -> Settings {
    let offset = 4096 + u32::from(index) * AREA;
    let area = (links > 1).then_some((offset, AREA));
    Settings { link: index, area, peer_timeout: Some(SILENCE), ..Settings::new(role) }
}

impl<P: Port, const L: usize> Endless<P, L> {
    /// A side with the links `first`, `first + 1`, …
    ///
    /// # Errors
    /// The links cannot be in the shared memory.
    pub fn new(port: &P, role: Role, first: u8) -> Result<Self, SetupError> {
        let mut streams = [const { None }; L];
        for (stream, number) in streams.iter_mut().zip(first..) {
            *stream = Stream::new(port, settings(role, number, L + usize::from(first)))?;
        }
        Ok(Self { streams, tally: Tally::default(), next_tally: port.now() })
    }

    /// When to step again even if no doorbell rings.
    pub fn deadline(&self) -> Instant {
        let next = |stream: &Stream<P>| {
            let deadline = stream.link.deadline();
            if stream.up { deadline.min(stream.next) } else { deadline }
        };
        self.streams.iter().flatten().map(next).fold(self.next_tally, Instant::min)
    }

    /// Does what there is to do at `now`, and prints what concerns the sessions.
    pub fn step(&mut self, now: Instant, console: &mut impl Write) {
        for stream in self.streams.iter_mut().flatten() {
            stream.step(now, &mut self.tally, console);
        }
        if now >= self.next_tally {
            self.next_tally = now.plus_micros(TALLY_MICROS);
            self.tally.write(console);
        }
    }

    /// Tells the peers that this side leaves, and the console how far it came. Nothing happens on its links any more.
    pub fn leave(&mut self, console: &mut impl Write) {
        for stream in self.streams.iter_mut().flatten() {
            stream.link.close();
        }
        self.tally.write(console);
    }
}

impl Tally {
    fn write(&self, console: &mut impl Write) {
        line(console)
            .text("tally sent=")
            .number(self.sent)
            .text(" received=")
            .number(self.received)
            .text(" cut=")
            .number(self.cut)
            .text(" duplicated=")
            .number(self.duplicated)
            .text(" lost=")
            .number(self.lost)
            .text(" corrupted=")
            .number(self.corrupted)
            .text(" stale=")
            .number(self.stale)
            .end();
    }
}

/// Says what is wrong with a message: which was expected, and which came.
fn report(console: &mut impl Write, what: &str, expected: u32, number: u32) {
    line(console).text("wrong ").text(what).text(" expected=").number(expected).text(" got=").number(number).end();
}

impl<P: Port> Stream<P> {
    /// None where the link has no room for its endpoint, which it has.
    fn new(port: &P, settings: Settings) -> Result<Option<Self>, SetupError> {
        let now = port.now();
        let mut link = Link::new(port.memory(), port.doorbell(), port.id(), settings)?;
        let Ok(endpoint) = link.bus().open("amp.torture") else { return Ok(None) };
        // Not that of the former incarnation, whose clock may begin anew, but whose id or timing differs. CAST: the low
        // half, which changes.
        let session = (now.as_micros() as u32) ^ u32::from(port.id().0).wrapping_mul(0x9e37_79b9);
        let number = settings.link.into();
        let (up, peer_session, next) = (false, None, now);
        Ok(Some(Self { link, endpoint, number, up, session, peer_session, sent: 0, arrived: 0, received: 0, next }))
    }

    fn step(&mut self, now: Instant, tally: &mut Tally, console: &mut impl Write) {
        for _ in 0..EVENTS {
            let Some(event) = self.link.poll(now) else { break };
            match event {
                Event::Up { peer } => {
                    self.session = self.session.rotate_left(7).wrapping_add(now.as_micros() as u32 | 1);
                    (self.up, self.peer_session) = (true, None);
                    (self.sent, self.arrived, self.received) = (0, 0, 0);
                    line(console).text("up link=").number(self.number).text(" peer=").number(peer.0.into()).end();
                }
                Event::Down(reason) => {
                    self.up = false;
                    tally.cut = tally.cut.wrapping_add(self.sent.wrapping_sub(self.arrived));
                    line(console).text("down link=").number(self.number).text(" why=").text(kind(reason)).end();
                    tally.write(console);
                }
                Event::Incompatible(_) => line(console).text("refused link=").number(self.number).end(),
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

    /// Sends the next message; false where it could not be.
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
        if *self.peer_session.get_or_insert(session) != session {
            tally.stale = tally.stale.wrapping_add(1);
            report(console, "stale", self.received, number);
            return;
        }
        let mut expected = [0; MAX_MESSAGE];
        let right = Content::new(0, session ^ number).write(&mut expected).len().max(HEAD);
        if !read || length != right || buffer.get(HEAD..right) != expected.get(HEAD..right) {
            tally.corrupted = tally.corrupted.wrapping_add(1);
            report(console, "corrupted", self.received, number);
        }
        match number.wrapping_sub(self.received) {
            0 => {}
            ahead if ahead < 1 << 31 => {
                tally.lost = tally.lost.wrapping_add(ahead);
                report(console, "lost", self.received, number);
            }
            _ => {
                tally.duplicated = tally.duplicated.wrapping_add(1);
                report(console, "duplicated", self.received, number);
            }
        }
        if self.received == 0 {
            line(console).text("talks link=").number(self.number).end();
        }
        self.received = number.wrapping_add(1);
        self.arrived = arrived;
        tally.received = tally.received.wrapping_add(1);
    }
}

/// Plays one side with `L` links from `first` on, in `place`, for as long as `keep_on` says, which is asked each time that
/// the port wakes up; then it leaves its peers. False where the links cannot be in the port's memory, which it has said
/// on the console.
pub fn run_endless_in<P: Port, const L: usize>(
    place: &mut MaybeUninit<Endless<P, L>>,
    port: &mut P,
    role: Role,
    first: u8,
    console: &mut impl Write,
    mut keep_on: impl FnMut() -> bool,
) -> bool {
    match Endless::new(port, role, first) {
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
            because(console, "error: ", &error, "no place for the link in the shared memory");
            false
        }
    }
}
