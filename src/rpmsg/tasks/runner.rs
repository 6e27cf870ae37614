// SPDX-License-Identifier: Apache-2.0
//! The runner: polls the link, moves messages into mailboxes, and sleeps until a doorbell rings or the link's deadline
//! expires.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;

use super::mailboxes::{Mailbox, MailboxTable};
use super::shared::{Shared, State};
use crate::platform::Instant;
use crate::rpmsg::{AnyLink, Event};

/// A signal from a port's interrupt handler to the task that waits for it, usually in a `static`. The handler must
/// signal it on each doorbell.
pub type Arrival = Signal<CriticalSectionRawMutex, ()>;

/// Maximum number of events that one turn handles before other tasks can run.
const BUDGET: u32 = 64;

/// The driver of a [`Shared`] link. The link makes progress only while a task awaits the runner.
#[derive(Debug)]
pub struct Runner<'a, L: AnyLink> {
    shared: &'a Shared<L>,
}

/// The outcome of one turn.
pub(super) enum Turn {
    /// An event for the caller.
    Event(Event),
    /// There is nothing to do until a doorbell rings or this time has come.
    Idle(Instant),
    /// There is more to do, but other tasks must run first.
    Busy,
}

impl<L: AnyLink> Shared<L> {
    /// Returns the runner. Use only one, because two runners would wake each other forever.
    pub const fn runner(&self) -> Runner<'_, L> {
        Runner::new(self)
    }
}

impl<'a, L: AnyLink> Runner<'a, L> {
    const fn new(shared: &'a Shared<L>) -> Self {
        Self { shared }
    }

    /// Drives the link forever, and discards its events. See [`next`](Self::next) for the arguments.
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

    /// Drives the link, and returns its next event. Messages for an [`AsyncEndpoint`](super::AsyncEndpoint) are not
    /// returned.
    ///
    /// `arrival` must be signalled on each doorbell. `now` returns the time to pass to
    /// [`poll`](crate::rpmsg::Link::poll). `sleep_until` returns a future that becomes ready at the given time, such as
    /// a timer of the executor. If `arrival` is signalled at that time instead, the future does not have to become
    /// ready.
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

    /// Waits for a doorbell, for `timer`, or until the runner must poll again.
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
    /// Handles the link's pending events, at most [`BUDGET`].
    pub(super) fn turn(&mut self, now: Instant) -> Turn {
        // The following poll handles all requests made so far.
        self.kicked = false;
        let mut turn = Turn::Busy;
        for _ in 0..BUDGET {
            let Some(event) = self.link.poll(now) else {
                let deadline = self.link.deadline();
                // A link that stopped early to be fair to other tasks must be polled again.
                turn = if deadline == Instant::default() { Turn::Busy } else { Turn::Idle(deadline) };
                break;
            };
            if let Some(event) = self.sort(event) {
                turn = Turn::Event(event);
                break;
            }
        }
        // The peer may have returned buffers. Tasks that still find no free buffer wait again.
        let (boxes, _) = self.mailboxes.parts();
        boxes.iter_mut().for_each(|mailbox| mailbox.sender.wake());
        turn
    }

    /// Moves a message into its mailbox. Returns any other event. If the link is down, first wakes all waiting tasks.
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

/// Lets other tasks run.
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
