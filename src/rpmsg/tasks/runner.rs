// SPDX-License-Identifier: Apache-2.0
//! The runner: polls the link, sorts messages into mailboxes, and sleeps until a doorbell or the link's deadline.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;

use super::mailboxes::{Mailbox, MailboxTable};
use super::shared::{Shared, State};
use crate::platform::Instant;
use crate::rpmsg::{AnyLink, Event};

/// A signal from a port's interrupt handler to the one task that waits on it; usually a `static`. Signal it on each doorbell.
pub type Arrival = Signal<CriticalSectionRawMutex, ()>;

/// The number of events that one turn takes before other tasks get theirs.
const BUDGET: u32 = 64;

/// The part of a [`Shared`] link that must be awaited to keep the link alive.
#[derive(Debug)]
pub struct Runner<'a, L: AnyLink> {
    shared: &'a Shared<L>,
}

/// The way in which one turn ended.
pub(super) enum Turn {
    /// An event for the caller.
    Event(Event),
    /// Nothing more to do until a doorbell rings, or until this time.
    Idle(Instant),
    /// More to do, after the other tasks have had their turn.
    Busy,
}

impl<L: AnyLink> Shared<L> {
    /// Returns the runner. Use only one: two runners keep waking each other in turn.
    pub const fn runner(&self) -> Runner<'_, L> {
        Runner::new(self)
    }
}

impl<'a, L: AnyLink> Runner<'a, L> {
    const fn new(shared: &'a Shared<L>) -> Self {
        Self { shared }
    }

    /// Drives the link for ever, and drops its events. See [`next`](Self::next) for the arguments.
    pub async fn run<S: Future<Output = ()>>(
        &mut self,
        arrival: &Arrival,
        mut now: impl FnMut() -> Instant,
        mut sleep_until: impl FnMut(Instant) -> S,
    ) -> ! {
        loop {
            self.next(arrival, &mut now, &mut sleep_until).await;
        }
    }

    /// Drives the link until its next event other than a message for an [`AsyncEndpoint`](super::AsyncEndpoint).
    ///
    /// `arrival` is signalled on each doorbell. `now` returns the time, as for [`poll`](crate::rpmsg::Link::poll).
    /// `sleep_until` returns a future that is ready at the given time, such as an executor's timer. That future may
    /// never become ready if `arrival` is signalled at that time instead.
    pub async fn next<S: Future<Output = ()>>(
        &mut self,
        arrival: &Arrival,
        mut now: impl FnMut() -> Instant,
        mut sleep_until: impl FnMut(Instant) -> S,
    ) -> Event {
        loop {
            let turn = self.shared.state.borrow_mut().turn(now());
            match turn {
                Turn::Event(event) => return event,
                Turn::Busy => yield_now().await,
                Turn::Idle(deadline) => self.sleep(arrival, sleep_until(deadline)).await,
            }
        }
    }

    /// Waits for a doorbell, for `timer`, or until a handle needs the runner.
    async fn sleep(&self, arrival: &Arrival, timer: impl Future<Output = ()>) {
        let (mut doorbell, mut timer) = (pin!(arrival.wait()), pin!(timer));
        poll_fn(|context| {
            let mut state = self.shared.state.borrow_mut();
            if core::mem::take(&mut state.kicked) {
                return Poll::Ready(());
            }
            state.runner.register(context.waker());
            drop(state);
            match doorbell.as_mut().poll(context) {
                Poll::Pending => timer.as_mut().poll(context),
                ready => ready,
            }
        })
        .await;
    }
}

impl<L: AnyLink> State<L> {
    /// Takes the events that are pending on a link, at most [`BUDGET`].
    pub(super) fn turn(&mut self, now: Instant) -> Turn {
        // The poll below does what the handles have asked for.
        self.kicked = false;
        let mut turn = Turn::Busy;
        for _ in 0..BUDGET {
            let Some(event) = self.link.poll(now) else {
                let deadline = self.link.deadline();
                // A link that stopped for fairness is due at once.
                turn = if deadline == Instant::default() { Turn::Busy } else { Turn::Idle(deadline) };
                break;
            };
            if let Some(event) = self.sort(event) {
                turn = Turn::Event(event);
                break;
            }
        }
        // Buffers may have come back. A task that finds none waits again.
        let (boxes, _) = self.mailboxes.parts();
        boxes.iter_mut().for_each(|mailbox| mailbox.sender.wake());
        turn
    }

    /// Puts a message into its mailbox. Returns any other event, after telling the tasks that it concerns.
    fn sort(&mut self, event: Event) -> Option<Event> {
        match event {
            Event::Message(message) => {
                let Some((mailbox, places)) = self.mailbox(message.endpoint).filter(|(mailbox, _)| mailbox.open) else {
                    return Some(Event::Message(message));
                };
                if let Some(message) = mailbox.push(places, message) {
                    self.link.bus().release(message);
                }
                None
            }
            Event::Down(_) => {
                let (boxes, _) = self.mailboxes.parts();
                boxes.iter_mut().for_each(Mailbox::clear);
                Some(event)
            }
            event => Some(event),
        }
    }
}

/// Lets every other task have a turn.
pub(super) async fn yield_now() {
    let mut yielded = false;
    poll_fn(|context| {
        if core::mem::replace(&mut yielded, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
