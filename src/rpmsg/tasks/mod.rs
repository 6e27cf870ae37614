//! The async form: a runner that drives a link, and a handle for each endpoint. Any executor will do.
//!
//! A [`Shared`] link belongs to the tasks of one executor. One task awaits [`Runner::run`]; every other task awaits the
//! endpoints that it has [opened](Shared::open). Tasks do not hold each other up: one can wait for a buffer while another waits
//! for a message. Only the buffers are common to all: an endpoint whose messages nobody takes keeps the peer's buffers.
//!
//! A thread or a main loop uses the same handles by [`Shared::block_on`], which waits for a limit at most.

mod blocking;
mod endpoint;
mod mailboxes;
mod runner;
#[cfg(feature = "io")]
mod stream;
#[cfg(test)]
mod tests;

use core::cell::RefCell;

use embassy_sync::blocking_mutex::raw::CriticalSectionRawMutex;
use embassy_sync::signal::Signal;
use embassy_sync::waitqueue::WakerRegistration;

pub use blocking::TimedOut;
pub use endpoint::{AsyncEndpoint, Received};
use mailboxes::{Mailbox, Place};
pub(crate) use mailboxes::{MailboxTable, Mailboxes};
pub use runner::Runner;
#[cfg(feature = "io")]
pub use stream::{AsyncByteReader, AsyncByteStream, AsyncByteWriter, BlockingStream, StreamError};

use super::{AnyLink, Config, Endpoint, OpenError, Profile};

/// A signal from a port's interrupt handler to the one task that waits on it; usually a `static`. Signal it on each doorbell.
pub type Arrival = Signal<CriticalSectionRawMutex, ()>;

/// A link that the tasks of one executor share.
///
/// It can be created in a static, with an [unopened](super::Link::unopened) link that is opened by [`with`](Self::with).
#[derive(Debug)]
pub struct Shared<L: AnyLink> {
    state: RefCell<State<L>>,
}

#[derive(Debug)]
struct State<L: AnyLink> {
    link: L,
    mailboxes: <L::Profile as Profile>::Mailboxes,
    /// The runner's task, while it sleeps.
    runner: WakerRegistration,
    /// Set when the runner has to look again before a doorbell rings.
    kicked: bool,
}

impl<L: AnyLink> Shared<L> {
    /// Creates the shared form of a link.
    #[must_use]
    pub const fn new(link: L) -> Self {
        let mailboxes = <L::Profile as Profile>::Mailboxes::EMPTY;
        Self { state: RefCell::new(State { link, mailboxes, runner: WakerRegistration::new(), kicked: false }) }
    }

    /// Returns the runner. A second one makes the two wake each other in turn.
    pub const fn runner(&self) -> Runner<'_, L> {
        Runner::new(self)
    }

    /// Opens an endpoint that is announced under `name` and bound to the peer's of the same name.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&self, name: &str) -> Result<AsyncEndpoint<'_, L>, OpenError> {
        self.open_with(&Config { name: Some(name), ..Config::default() })
    }

    /// Opens an endpoint.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_with(&self, config: &Config<'_>) -> Result<AsyncEndpoint<'_, L>, OpenError> {
        let mut state = self.state.borrow_mut();
        let endpoint = state.link.bus().open_with(config)?;
        if let Some((mailbox, _)) = state.mailbox(endpoint) {
            (mailbox.open, mailbox.interrupted) = (true, false);
        }
        state.kick();
        Ok(AsyncEndpoint::new(self, endpoint))
    }

    /// Calls `act` with the link, for all that no handle offers: to open the link, to read counters.
    ///
    /// # Panics
    /// When `act` itself uses this shared link.
    pub fn with<T>(&self, act: impl FnOnce(&mut L) -> T) -> T {
        let mut state = self.state.borrow_mut();
        let result = act(&mut state.link);
        state.kick();
        result
    }
}

impl<L: AnyLink> State<L> {
    /// Has the runner look again.
    fn kick(&mut self) {
        self.kicked = true;
        self.runner.wake();
    }

    /// Returns the mailbox of an endpoint, and the places of all mailboxes.
    fn mailbox(&mut self, endpoint: Endpoint) -> Option<(&mut Mailbox, &mut [Place])> {
        let index = self.link.bus().index_of(endpoint)?;
        let (boxes, places) = self.mailboxes.parts();
        Some((boxes.get_mut(index)?, places))
    }
}
