//! One side of the talk: its link, its conversations, and what it tells the console.

use core::fmt::{self, Write};

use amp_ivshmem::link::{AreaError, Event, Link, Role, Settings};
use amp_ivshmem::platform::{Instant, Port};
use amp_ivshmem::rpmsg::{Event as BusEvent, OpenError};

use crate::CONVERSATIONS;
use crate::conversation::{Conversation, Tally};
use crate::histogram::Histogram;

/// The link of a party: an endpoint for each conversation, and rpmsg's usual 16 buffers.
pub type PartyLink<M, D> = Link<M, D, { CONVERSATIONS.len() }, 16>;

/// How often the console is told how far it is, in messages.
const PROGRESS: u32 = 1000;

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

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, messages, lost, wrong, median_micros, p99_micros, doorbells } = self;
        write!(f, "figures role={} messages={messages} lost={lost} wrong={wrong} ", name(*role))?;
        write!(f, "median_us={median_micros} p99_us={p99_micros} doorbells={doorbells}")
    }
}

const fn name(role: Role) -> &'static str {
    match role {
        Role::Host => "host",
        Role::Remote => "remote",
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
}

impl<P: Port> Party<P> {
    /// A side that is ready to talk, and says so. Console errors are nothing that a party could act on.
    ///
    /// # Errors
    /// A shared memory that the link cannot be in.
    pub fn new(port: &P, role: Role, console: &mut impl Write) -> Result<Self, AreaError> {
        use amp_ivshmem::mem::SharedMemory;

        let memory = port.memory();
        let _ = writeln!(console, "up as {} with id {}, {} KiB shared", name(role), port.id(), memory.len() / 1024);
        let mut link = Link::new(memory, port.doorbell(), port.id(), Settings::new(role))?;
        let mut open = |index: usize| -> Result<Conversation, OpenError> {
            let (name, starter, messages) = CONVERSATIONS[index];
            Ok(Conversation::new(index, link.bus().open(name)?, starter == role, messages))
        };
        let conversations = match (open(0), open(1), open(2)) {
            (Ok(first), Ok(second), Ok(third)) => [first, second, third],
            _ => unreachable!("the link has room for the conversations, and their names are fit"),
        };
        Ok(Self {
            role,
            link,
            conversations,
            tally: Tally::default(),
            round_trips: Histogram::default(),
            silent: true,
            finished: false,
        })
    }

    /// When to step again even if no doorbell rings.
    pub fn deadline(&self) -> Instant {
        let lost = self.conversations.iter().filter_map(Conversation::deadline);
        lost.fold(self.link.deadline(), Instant::min)
    }

    /// Does all that there is to do at `now`, and prints it. The figures, once, when all has been said.
    pub fn step(&mut self, now: Instant, console: &mut impl Write) -> Option<Figures> {
        while let Some(event) = self.link.poll(now) {
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
        let _ = writeln!(console, "{figures}");
        Some(figures)
    }

    fn handle(&mut self, event: Event, now: Instant, console: &mut impl Write) {
        let _ = match event {
            Event::Up { peer } => {
                self.restart();
                writeln!(console, "peer {peer} is there")
            }
            Event::Down(reason) => writeln!(console, "link down: {reason}"),
            Event::Refused(refusal) => writeln!(console, "error: {refusal}"),
            Event::Bus(BusEvent::Message(message)) => {
                if core::mem::take(&mut self.silent) {
                    let _ =
                        writeln!(console, "first message: {} bytes at {}", message.length, message.endpoint.address());
                }
                let conversation = self.conversations.iter_mut().find(|talk| talk.endpoint == message.endpoint);
                let Some(conversation) = conversation else { return self.link.bus().release(message) };
                let before = self.tally.echoed;
                let (link, tally, round_trips) = (&mut self.link, &mut self.tally, &mut self.round_trips);
                conversation.receive(link, message, now, tally, round_trips);
                if tally.echoed > before && tally.echoed.is_multiple_of(PROGRESS) {
                    let _ = writeln!(console, "{} messages came back", tally.echoed);
                }
                Ok(())
            }
            Event::Bus(BusEvent::Bound { endpoint, peer }) => {
                let index = self.conversations.iter().position(|talk| talk.endpoint == endpoint).unwrap_or(0);
                writeln!(console, "{} at {} is bound to {peer}", CONVERSATIONS[index].0, endpoint.address())
            }
            Event::Bus(BusEvent::Unbound { endpoint }) => writeln!(console, "{} is unbound", endpoint.address()),
            Event::Bus(BusEvent::Announced { name, address }) => {
                writeln!(console, "the peer announces {name} at {address}, which nobody here wants")
            }
            Event::Bus(BusEvent::Withdrawn { name, .. }) => writeln!(console, "the peer withdraws {name}"),
        };
    }

    fn restart(&mut self) {
        self.conversations.iter_mut().for_each(Conversation::restart);
        self.tally = Tally::default();
        self.round_trips = Histogram::default();
        (self.silent, self.finished) = (true, false);
    }
}
