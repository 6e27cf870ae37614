//! One side of the talk: its link, its conversations, and what it tells the console.

use core::fmt::{self, Write};

use amp_ivshmem::platform::{Instant, Port};
use amp_ivshmem::rpmsg::{DownReason, Event, Link, Message, OpenError, Role, Settings, SetupError};

use crate::CONVERSATIONS;
use crate::console::{because, line};
use crate::conversation::{Conversation, Tally};
use crate::histogram::Histogram;

/// The link of a party: an endpoint for each conversation, and rpmsg's usual 16 buffers.
pub type PartyLink<M, D> = Link<M, D, { CONVERSATIONS.len() }, 16>;

/// How often the console is told how far it is, in messages.
const PROGRESS: u32 = 1000;

/// Why a side cannot talk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The link cannot be in the shared memory.
    Area(SetupError),
    /// The link was built for fewer endpoints than there are conversations, or one's name is none.
    Open(OpenError),
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Area(error) => error.fmt(f),
            Self::Open(error) => error.fmt(f),
        }
    }
}

impl From<SetupError> for StartError {
    fn from(error: SetupError) -> Self {
        Self::Area(error)
    }
}

impl From<OpenError> for StartError {
    fn from(error: OpenError) -> Self {
        Self::Open(error)
    }
}

/// How many events are handled before it is this side's turn to talk again, and to look at the time.
const EVENTS: u32 = 64;

/// What came of the talk, for one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Which side.
    pub role: Role,
    /// Messages that this side started and that came back right.
    pub messages: u32,
    /// Messages that this side started and that did not come back.
    pub lost: u32,
    /// Messages that were not what they should be.
    pub wrong: u32,
    /// The median of the round trips that this side started, in microseconds.
    pub median_micros: u32,
    /// The time that 99 % of them did not exceed, in microseconds.
    pub p99_micros: u32,
    /// Doorbells that this side rang.
    pub doorbells: u32,
}

impl Figures {
    /// Writes them as one line, `figures role=… messages=…`, for people and programs.
    fn write(&self, console: &mut impl Write) {
        line(console)
            .text("figures role=")
            .text(name(self.role))
            .text(" messages=")
            .number(self.messages)
            .text(" lost=")
            .number(self.lost)
            .text(" wrong=")
            .number(self.wrong)
            .text(" median_us=")
            .number(self.median_micros)
            .text(" p99_us=")
            .number(self.p99_micros)
            .text(" doorbells=")
            .number(self.doorbells)
            .end();
    }
}

const fn name(role: Role) -> &'static str {
    match role {
        Role::Host => "host",
        Role::Remote => "remote",
    }
}

/// Why the link went down, in short.
const fn kind(reason: DownReason) -> &'static str {
    match reason {
        DownReason::PeerLeft => "the peer has left",
        DownReason::PeerRestarted => "the peer has restarted",
        DownReason::PeerTimeout => "the peer is silent",
        DownReason::Fault(_) => "the peer broke the protocol",
        DownReason::RoleConflict { .. } => "there is another such side",
        DownReason::StateCorrupted => "somebody overwrote it",
    }
}

/// One side of the talk.
#[derive(Debug)]
pub struct Party<P: Port> {
    role: Role,
    link: PartyLink<P::Memory, P::Doorbell>,
    conversations: [Conversation; CONVERSATIONS.len()],
    tally: Tally,
    round_trips: Histogram,
    /// Whether nothing has been received from this peer yet.
    silent: bool,
    /// Whether all has been said to this peer.
    finished: bool,
    /// Whether the last step ended although there may be more.
    busy: bool,
}

impl<P: Port> Party<P> {
    /// A side that is ready to talk, and says so. Console errors are nothing that a party could act on.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn new(port: &P, role: Role, console: &mut impl Write) -> Result<Self, StartError> {
        use amp_ivshmem::mem::SharedMemory;

        let memory = port.memory();
        let start = line(console).text("up as ").text(name(role)).text(" with id ").number(port.id().0.into());
        start.text(", ").number(memory.len() / 1024).text(" KiB shared").end();
        let mut link = Link::new(memory, port.doorbell(), port.id(), Settings::new(role))?;
        let [first, second, third] = CONVERSATIONS;
        let conversations = [
            Conversation::open(0, first, role, &mut link)?,
            Conversation::open(1, second, role, &mut link)?,
            Conversation::open(2, third, role, &mut link)?,
        ];
        Ok(Self {
            role,
            link,
            conversations,
            tally: Tally::default(),
            round_trips: Histogram::default(),
            silent: true,
            finished: false,
            busy: false,
        })
    }

    /// When to step again even if no doorbell rings.
    pub fn deadline(&self) -> Instant {
        if self.busy {
            return Instant::default();
        }
        let lost = self.conversations.iter().filter_map(Conversation::deadline);
        lost.fold(self.link.deadline(), Instant::min)
    }

    /// Does what there is to do at `now`, and prints it. The figures, once, when all has been said.
    pub fn step(&mut self, now: Instant, console: &mut impl Write) -> Option<Figures> {
        self.busy = true;
        for _ in 0..EVENTS {
            let Some(event) = self.link.poll(now) else {
                self.busy = false;
                break;
            };
            self.handle(event, now, console);
        }
        for conversation in &mut self.conversations {
            conversation.talk(&mut self.link, now, &mut self.tally);
        }
        if self.finished || !self.conversations.iter().all(Conversation::is_done) {
            return None;
        }
        self.finished = true;
        let figures = Figures {
            role: self.role,
            messages: self.tally.echoed,
            lost: self.tally.lost,
            wrong: self.tally.wrong,
            median_micros: self.round_trips.quantile(50),
            p99_micros: self.round_trips.quantile(99),
            doorbells: self.link.doorbells(),
        };
        figures.write(console);
        Some(figures)
    }

    fn handle(&mut self, event: Event, now: Instant, console: &mut impl Write) {
        match event {
            Event::Up { peer } => {
                self.restart();
                line(console).text("peer ").number(peer.0.into()).text(" is there").end();
            }
            Event::Down(reason) => because(console, "link down: ", &reason, kind(reason)),
            Event::Incompatible(refusal) => {
                because(console, "error: ", &refusal, "memory or peer do not fit this side")
            }
            Event::Message(message) => self.receive(message, now, console),
            Event::Bound { endpoint, peer } => {
                let conversation = self.conversations.iter().find(|talk| talk.endpoint == endpoint);
                let start = line(console).text(conversation.map_or("?", |talk| talk.name)).text(" at ");
                start.hex(endpoint.address().0).text(" is bound to ").hex(peer.0).end();
            }
            other => self.mention(&other, console),
        }
    }

    /// Says what has no consequence here.
    #[cfg(not(feature = "terse"))]
    fn mention(&self, event: &Event, console: &mut impl Write) {
        match event {
            Event::Unbound { endpoint } => line(console).hex(endpoint.address().0).text(" is unbound").end(),
            Event::Announced { name, address } => {
                line(console).text("nobody here wants ").name(name).text(" at ").hex(address.0).end();
            }
            Event::Withdrawn { name, .. } => line(console).text("the peer withdraws ").name(name).end(),
            _ => (),
        }
    }

    #[cfg(feature = "terse")]
    fn mention(&self, _: &Event, _: &mut impl Write) {}

    fn receive(&mut self, message: Message, now: Instant, console: &mut impl Write) {
        if core::mem::take(&mut self.silent) {
            let start = line(console).text("first message: ").number(message.length.into()).text(" bytes at ");
            start.hex(message.endpoint.address().0).end();
        }
        let conversation = self.conversations.iter_mut().find(|talk| talk.endpoint == message.endpoint);
        let Some(conversation) = conversation else { return self.link.bus().release(message) };
        let before = self.tally.echoed;
        conversation.receive(&mut self.link, message, now, &mut self.tally, &mut self.round_trips);
        if self.tally.echoed > before && self.tally.echoed.is_multiple_of(PROGRESS) {
            line(console).number(self.tally.echoed).text(" messages came back").end();
        }
    }

    fn restart(&mut self) {
        self.conversations.iter_mut().for_each(Conversation::restart);
        self.tally = Tally::default();
        self.round_trips = Histogram::default();
        (self.silent, self.finished) = (true, false);
    }
}
