// SPDX-License-Identifier: Apache-2.0
//! One side of all exchanges: its link, its endpoints, and its console output.

use core::fmt::{self, Write};

use amp_ivshmem::platform::{Instant, Port};
use amp_ivshmem::rpmsg::{DownReason, Event, Link, Message, OpenError, Role, Settings, SetupError};

use crate::console::{because, line};
use crate::exchange::{Exchange, NodeLink, Tally};
use crate::histogram::Histogram;
use crate::plan::EXCHANGES;
use crate::protocol::{FIRST_MESSAGE, Figures, role_name};

/// Number of messages between two progress lines.
const PROGRESS: u32 = 1000;

/// The reason why a side cannot start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StartError {
    /// The link does not fit in the shared memory.
    Area(SetupError),
    /// The link has too few endpoints for the exchanges, or a name is invalid.
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

/// Maximum number of events to handle before this side sends again and updates the time.
const EVENTS: u32 = 64;

/// Returns a short description of why the link went down.
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

/// One side of all exchanges.
#[derive(Debug)]
pub struct Node<P: Port> {
    role: Role,
    link: NodeLink<P::Memory, P::Doorbell>,
    exchanges: [Exchange; EXCHANGES.len()],
    tally: Tally,
    round_trips: Histogram,
    /// True until the first message from this peer arrives.
    silent: bool,
    /// True once all exchanges with this peer are done.
    finished: bool,
    /// True if the last step stopped before all events were handled.
    busy: bool,
}

impl<P: Port> Node<P> {
    /// Opens the link and the endpoints, and prints a line that describes this side.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn new(port: &P, role: Role, console: &mut impl Write) -> Result<Self, StartError> {
        use amp_ivshmem::mem::SharedMemory;

        let memory = port.memory();
        let start = line(console).text("up as ").text(role_name(role)).text(" with id ").number(port.id().0.into());
        start.text(", ").number(memory.len() / 1024).text(" KiB shared").end();
        let mut link = Link::new(memory, port.doorbell(), port.id(), Settings::new(role))?;
        let [first, second, third] = EXCHANGES;
        let exchanges = [
            Exchange::open(0, first, role, &mut link)?,
            Exchange::open(1, second, role, &mut link)?,
            Exchange::open(2, third, role, &mut link)?,
        ];
        Ok(Self {
            role,
            link,
            exchanges,
            tally: Tally::default(),
            round_trips: Histogram::default(),
            silent: true,
            finished: false,
            busy: false,
        })
    }

    /// Returns when the next step is due if no doorbell rings.
    pub fn deadline(&self) -> Instant {
        if self.busy {
            return Instant::default();
        }
        let lost = self.exchanges.iter().filter_map(Exchange::deadline);
        lost.fold(self.link.deadline(), Instant::min)
    }

    /// Handles events and sends messages at time `now`. When all exchanges are finished, returns the figures once.
    pub fn step(&mut self, now: Instant, console: &mut impl Write) -> Option<Figures> {
        self.busy = true;
        for _ in 0..EVENTS {
            let Some(event) = self.link.poll(now) else {
                self.busy = false;
                break;
            };
            self.handle(event, now, console);
        }
        for exchange in &mut self.exchanges {
            exchange.send(&mut self.link, now, &mut self.tally);
        }
        if self.finished || !self.exchanges.iter().all(Exchange::is_done) {
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
                let exchange = self.exchanges.iter().find(|exchange| exchange.endpoint == endpoint);
                let start = line(console).text(exchange.map_or("?", |exchange| exchange.name)).text(" at ");
                start.hex(endpoint.address().0).text(" is bound to ").hex(peer.0).end();
            }
            other => self.mention(&other, console),
        }
    }

    /// Prints events that need no action.
    #[cfg(not(feature = "small"))]
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

    #[cfg(feature = "small")]
    fn mention(&self, _: &Event, _: &mut impl Write) {}

    fn receive(&mut self, message: Message, now: Instant, console: &mut impl Write) {
        if core::mem::take(&mut self.silent) {
            let start = line(console).text(FIRST_MESSAGE).number(message.length.into()).text(" bytes at ");
            start.hex(message.endpoint.address().0).end();
        }
        let exchange = self.exchanges.iter_mut().find(|exchange| exchange.endpoint == message.endpoint);
        let Some(exchange) = exchange else { return self.link.bus().release(message) };
        let before = self.tally.echoed;
        exchange.receive(&mut self.link, message, now, &mut self.tally, &mut self.round_trips);
        if self.tally.echoed > before && self.tally.echoed.is_multiple_of(PROGRESS) {
            line(console).number(self.tally.echoed).text(" messages came back").end();
        }
    }

    fn restart(&mut self) {
        self.exchanges.iter_mut().for_each(Exchange::restart);
        self.tally = Tally::default();
        self.round_trips = Histogram::default();
        (self.silent, self.finished) = (true, false);
    }
}
