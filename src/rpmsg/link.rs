// SPDX-License-Identifier: Apache-2.0
//! One side of an rpmsg link that runs over a session, in the native profile.

use core::time::Duration;

use super::drive::{self, AnyLink, LinkDriver, any_link};
use super::rings::{Native, Rings};
use super::{Bus, Event, SetupError};
#[cfg(feature = "trace")]
use crate::inspect::{Trace, Tracer};
use crate::mem::SharedMemory;
use crate::platform::{Doorbell, Instant, PeerId, Vector};
use crate::session::{self, Role, Roles, Session};

/// Settings of a [`Link`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings<R = Role> {
    /// This side's role.
    pub role: R,
    /// Link number in the memory's directory, 0 to 125. Default: 0.
    pub link: u8,
    /// Host only: offset and size of the link's area in bytes, both multiples of 4096. Default: all pages after the
    /// directory. The remote reads the area from the directory.
    pub area: Option<(u32, u32)>,
    /// Vector of the peer's doorbell. Default: 0. A flat peer supports only vector 0.
    pub vector: Vector,
    /// Number of transmit buffers, a power of two. Must not exceed the peer's maximum. Default: 16.
    pub buffer_count: u16,
    /// Size of each transmit buffer in bytes, including the 16-byte header. A multiple of 8, from 56 to 65552. Default:
    /// 512.
    pub buffer_size: u32,
    /// Interval between this side's heartbeats, which is also the longest time between polls without a doorbell. At
    /// least 1 ms. Default: 100 ms.
    pub heartbeat: Duration,
    /// Time without a sign of life after which the peer counts as dead. Must be longer than the peer's heartbeat
    /// interval. Default: no limit.
    pub peer_timeout: Option<Duration>,
}

impl<R: Roles> Settings<R> {
    /// Returns the default settings for a role. Pass a [`Role`], or pass [`OnlyHost`](session::OnlyHost) or
    /// [`OnlyRemote`](session::OnlyRemote) to leave the other role's code out of the image.
    #[must_use]
    pub const fn new(role: R) -> Self {
        let session::Settings { role, link, area, vector, heartbeat, peer_timeout } = session::Settings::new(role);
        Self { role, link, area, vector, buffer_count: 16, buffer_size: 512, heartbeat, peer_timeout }
    }

    /// Returns the settings of the session.
    #[inline(always)]
    const fn session(&self) -> session::Settings<R> {
        let &Self { role, link, area, vector, heartbeat, peer_timeout, .. } = self;
        session::Settings { role, link, area, vector, heartbeat, peer_timeout }
    }
}

/// One side of a link, with at most `E` endpoints and at most `N` buffers in each direction.
///
/// A link needs no memory beyond its own value, and never blocks. When it is dropped, it tells the peer that this side
/// is leaving.
///
/// Create a link [unopened](Self::unopened) in its final location, for example in a static, and [open](Self::open) it
/// there. [`new`](Self::new) does both, but needs stack space for several copies of the link. On 32-bit targets, a copy
/// with 4 endpoints and 16 buffers takes about 1 KiB.
// The bus comes last: fields near the start can be accessed with shorter instructions.
#[derive(Debug)]
#[repr(C)]
pub struct Link<M: SharedMemory, D: Doorbell, const E: usize, const N: usize, R: Roles = Role> {
    pub(super) session: Session<M, R>,
    pub(super) rings: Rings<M, D, E, N>,
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize, R: Roles> Link<M, D, E, N, R> {
    /// Creates a link that is not open. It does not send or receive, but endpoints can already be opened on it.
    #[must_use]
    pub const fn unopened() -> Self {
        Self { session: Session::unopened(), rings: Rings::unopened() }
    }

    /// Creates one side of a link and [opens](Self::open) it in `memory`. `id` is the id that the server assigned to
    /// this side.
    ///
    /// # Errors
    /// See [`open`](Self::open).
    pub fn new(memory: M, doorbell: D, id: PeerId, settings: Settings<R>) -> Result<Self, SetupError> {
        let mut link = Self::unopened();
        link.open(memory, doorbell, id, &settings)?;
        Ok(link)
    }

    /// Opens the link in `memory`. `id` is the id that the server assigned to this side. If the link is already open,
    /// it is [closed](Self::close) first.
    ///
    /// A host writes the directory and the link's entry, begins an incarnation, and rings a remote that is already
    /// waiting. A remote begins its incarnation once [`poll`](Self::poll) finds its host. The device must already be
    /// able to deliver this side's own doorbell, because the link rings it once to check that the vector exists.
    ///
    /// # Errors
    /// Returns an error if the settings do not match the memory, the device or this link's limits, or if the memory
    /// already contains something else. The memory is then unchanged, and the link stays closed.
    pub fn open(&mut self, memory: M, doorbell: D, id: PeerId, settings: &Settings<R>) -> Result<(), SetupError> {
        self.close();
        self.rings.set_buffers(settings.buffer_count, settings.buffer_size)?;
        self.rings.bus.set_doorbell(doorbell);
        Ok(self.session.open(&mut self.rings, memory, id, &settings.session())?)
    }

    /// Sets the recorder for the steps of the link. Earlier steps are not recorded, so call this on
    /// an [unopened](Self::unopened) link.
    #[cfg(feature = "trace")]
    pub const fn set_trace(&mut self, recorder: &'static dyn Trace) {
        self.session.set_trace(Tracer::new(recorder));
        self.rings.bus.set_trace(recorder);
    }

    /// Tells the peer that this side is leaving, and returns the link to the unopened state. Endpoints stay open.
    pub fn close(&mut self) {
        self.session.close(&mut self.rings);
    }

    /// Returns the bus, which opens endpoints and sends messages.
    pub const fn bus(&mut self) -> &mut Bus<Native<M, E, N>, D> {
        &mut self.rings.bus
    }

    /// Returns the number of doorbells that the link has rung, for messages and for the session. The counter wraps.
    #[must_use]
    pub fn doorbells(&self) -> u32 {
        self.session.doorbells().wrapping_add(self.rings.bus.counters().doorbells)
    }

    /// Returns the next event. `now` may be read from any monotonic clock.
    ///
    /// After `None`, wait for a doorbell, at most until the [`deadline`](Self::deadline).
    #[inline(always)]
    pub fn poll(&mut self, now: Instant) -> Option<Event> {
        let event = drive::poll(self, now);
        #[cfg(feature = "log")]
        self.log(event.as_ref());
        event
    }

    /// Shows the peer that this side is alive. [`poll`](Self::poll) also does this. Call this function while the
    /// application cannot poll for longer than a heartbeat interval.
    pub fn show_life(&mut self) {
        self.session.beat();
    }

    /// Returns the time at which to poll again even if no doorbell rings.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        if self.has_more() { Instant::default() } else { self.session.deadline() }
    }

    /// Returns whether the last poll stopped early, so that the caller must not wait.
    pub(super) const fn has_more(&self) -> bool {
        self.rings.bus.has_more() || self.rings.bus.has_news()
    }

    /// Logs the events that affect the whole link. Messages and endpoint events are not logged.
    #[cfg(feature = "log")]
    fn log(&self, event: Option<&Event>) {
        let link = self.session.link().unwrap_or_default();
        match event {
            Some(Event::Up { peer }) => log::info!("link {link} is up with peer {peer}"),
            Some(Event::Down(reason)) => log::warn!("link {link} is down: {reason}"),
            Some(Event::Incompatible(error)) => log::error!("link {link} cannot come up: {error}"),
            _ => (),
        }
    }
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize, R: Roles> LinkDriver for Link<M, D, E, N, R> {
    #[inline(always)]
    fn is_due(&self, now: Instant) -> bool {
        self.session.is_due(now)
    }

    fn tick(&mut self, now: Instant) -> Option<Event> {
        self.session.tick(&mut self.rings, now)
    }

    #[inline(always)]
    fn is_in_sync(&self) -> bool {
        self.session.is_in_sync()
    }

    fn resync(&mut self, now: Instant) -> Option<Event> {
        self.session.resync(&mut self.rings, now)
    }
}

any_link!(Link, Native, R: Roles);

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize, R: Roles> Drop for Link<M, D, E, N, R> {
    fn drop(&mut self) {
        self.close();
    }
}
