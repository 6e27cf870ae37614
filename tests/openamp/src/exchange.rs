// SPDX-License-Identifier: Apache-2.0
//! One side of the test: its streams, its short-lived endpoints, and its console output.

use core::fmt::{Display, Write};

use amp_ivshmem::platform::Instant;
use amp_ivshmem::rpmsg::{AnyLink, DownReason, Event, Message, OpenError, Role};

use crate::bounce::Bounce;
use crate::churn::Churn;
use crate::stream::Stream;
use crate::{Plan, STEP, STREAMS};

/// Maximum number of events to handle before this side sends again.
const EVENTS: u32 = 64;

/// The link is unusable and must be created again. This happens on a host if the remote violates the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ended;

/// One side of the test.
#[derive(Debug)]
pub struct Exchange {
    role: Role,
    plan: Plan,
    streams: [Stream; STREAMS.len()],
    churn: Churn,
    bounce: Bounce,
    /// Number of announcements and bindings received from the peer.
    announcements: u32,
    wrong: u32,
    next: u32,
    finished: bool,
    busy: bool,
}

impl Exchange {
    /// Creates one side and opens its stream endpoints on `link`.
    ///
    /// # Errors
    /// Returns an error if the link has fewer than [`ENDPOINTS`](crate::ENDPOINTS) endpoints.
    pub fn new<L: AnyLink>(role: Role, plan: Plan, link: &mut L) -> Result<Self, OpenError> {
        let mut open = |index| Stream::open(index, role, plan.messages, link);
        Ok(Self {
            role,
            plan,
            streams: [open(0)?, open(1)?, open(2)?],
            churn: Churn::default(),
            bounce: Bounce::default(),
            announcements: 0,
            wrong: 0,
            next: STEP,
            finished: false,
            busy: false,
        })
    }

    /// Returns true if all messages have been sent and received.
    #[must_use]
    pub const fn is_finished(&self) -> bool {
        self.finished
    }

    /// Returns the number of errors: wrong messages, and calls that failed.
    #[must_use]
    pub const fn wrong(&self) -> u32 {
        self.wrong
    }

    /// Returns when the next step is due if no doorbell rings.
    pub fn deadline<L: AnyLink>(&self, link: &L) -> Instant {
        if self.busy { Instant::default() } else { link.deadline() }
    }

    /// Processes all pending work.
    ///
    /// # Errors
    /// Returns [`Ended`] if the link is permanently down.
    pub fn step<L: AnyLink>(&mut self, link: &mut L, now: Instant, console: &mut impl Write) -> Result<(), Ended> {
        self.busy = true;
        for _ in 0..EVENTS {
            let Some(event) = link.poll(now) else {
                self.busy = false;
                break;
            };
            self.handle(link, event, console)?;
        }
        // The short-lived endpoints go first, because the streams use up all buffers.
        let least = self.least();
        // The two sides use different names, because endpoints with equal names would bind to each other.
        let name = if self.role == Role::Host { "host" } else { "remote" };
        match self.churn.step(link.bus(), (1..self.plan.messages).contains(&least).then_some(name)) {
            Ok(any) => self.busy |= any,
            Err(error) => wrong(&mut self.wrong, console, "endpoint", &error),
        }
        let mut any = true;
        while any {
            any = false;
            for stream in &mut self.streams {
                match stream.send(link.bus()) {
                    Ok(sent) => any |= sent,
                    Err(error) => wrong(&mut self.wrong, console, "send", &error),
                }
            }
        }
        let least = self.least();
        if least >= self.next {
            self.next += STEP;
            self.print("progress", console);
        }
        if !self.finished && least == self.plan.messages && !self.churn.is_open() {
            match self.bounce.step(link.bus(), self.plan.bounces) {
                Ok(any) => self.busy |= any,
                Err(error) => wrong(&mut self.wrong, console, "endpoint", &error),
            }
            if self.bounce.is_finished(self.plan.bounces) {
                self.finished = true;
                self.print("figures", console);
                self.bounce.restart(link.bus());
            }
        }
        Ok(())
    }

    fn least(&self) -> u32 {
        self.streams.iter().map(Stream::done).min().unwrap_or_default()
    }

    fn print(&self, what: &str, console: &mut impl Write) {
        let role = if self.role == Role::Host { "host" } else { "remote" };
        let Plan { layout, bounces, .. } = self.plan;
        let [copy, nocopy, hold] = self.streams.each_ref().map(Stream::done);
        let Churn { own_count, their_count, .. } = self.churn;
        let _ = writeln!(
            console,
            "{what} side=rust role={role} layout={layout} announcements={} copy={copy} nocopy={nocopy} hold={hold} \
             own={own_count} theirs={their_count} bounced={} wrong={}",
            self.announcements,
            self.bounce.count(bounces),
            self.wrong
        );
    }

    fn handle<L: AnyLink>(&mut self, link: &mut L, event: Event, console: &mut impl Write) -> Result<(), Ended> {
        match event {
            Event::Up { peer } => {
                self.streams.iter_mut().for_each(Stream::restart);
                self.churn.restart(link.bus());
                self.bounce.restart(link.bus());
                (self.announcements, self.wrong, self.next, self.finished) = (0, 0, STEP, false);
                let _ = writeln!(console, "link up with peer {peer}");
            }
            Event::Down(reason) => {
                let _ = writeln!(console, "link down: {reason}");
                if self.role == Role::Host && matches!(reason, DownReason::Fault(_)) {
                    return Err(Ended);
                }
            }
            Event::Incompatible(refusal) => {
                let _ = writeln!(console, "refused: {refusal}");
            }
            Event::Message(message) => self.receive(link, message, console),
            Event::Bound { endpoint, .. } => {
                self.announcements += 1;
                self.bind(endpoint, true);
            }
            Event::Unbound { endpoint } => {
                self.announcements += 1;
                self.bind(endpoint, false);
                self.churn.unbound(link.bus(), endpoint);
            }
            Event::Announced { name, address } => {
                self.announcements += 1;
                self.bounce.announced(name, address);
                if let Err(error) = self.churn.announced(link.bus(), name, address) {
                    wrong(&mut self.wrong, console, "announcement", &error);
                }
            }
            Event::Withdrawn { .. } => self.announcements += 1,
        }
        Ok(())
    }

    fn bind(&mut self, endpoint: amp_ivshmem::rpmsg::Endpoint, bound: bool) {
        for stream in self.streams.iter_mut().filter(|stream| stream.endpoint == endpoint) {
            stream.bound = bound;
        }
    }

    fn receive<L: AnyLink>(&mut self, link: &mut L, message: Message, console: &mut impl Write) {
        let bus = link.bus();
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.endpoint == message.endpoint) {
            if let Err(number) = stream.receive(bus, message) {
                wrong(&mut self.wrong, console, "message", &number);
            }
            return;
        }
        match self.churn.receive(bus, &message) {
            Some(true) => (),
            Some(false) => wrong(&mut self.wrong, console, "answer", &message.length),
            None => {
                // This call sends from the handler. The peer also sends its answers from a handler.
                if !self.bounce.receive(bus, message, self.plan.bounces) {
                    wrong(&mut self.wrong, console, "echo", &"see the lines before");
                }
                return;
            }
        }
        bus.release(message);
    }
}

/// Counts an error. Prints only the first ten errors.
fn wrong(count: &mut u32, console: &mut impl Write, what: &str, detail: &impl Display) {
    *count += 1;
    if *count <= 10 {
        let _ = writeln!(console, "wrong {what}: {detail}");
    }
}
