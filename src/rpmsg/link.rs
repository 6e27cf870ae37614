// SPDX-License-Identifier: Apache-2.0
//! One side of an rpmsg link over a session: the native profile.

use core::time::Duration;

use super::drive::{self, AnyLink, LinkDriver};
use super::rings::{Native, Rings};
use super::{Bus, Event, SetupError};
use crate::mem::SharedMemory;
use crate::platform::{Doorbell, Instant, PeerId, Vector};
use crate::session::{self, Role, Roles, Session};

/// Settings of a [`Link`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings<R = Role> {
    /// This side's role.
    pub role: R,
    /// Number of the link in the memory's directory, 0 to 125. Default 0.
    pub link: u8,
    /// Host only: offset and size of the link's area in bytes, multiples of 4096. By default all pages after the
    /// directory. The remote reads it from the directory.
    pub area: Option<(u32, u32)>,
    /// The doorbell's vector at the peer. Default 0; a flat peer has no other.
    pub vector: Vector,
    /// Number of buffers with which this side sends, a power of two; the peer must keep track of as many. Default 16.
    pub buffer_count: u16,
    /// Size of each buffer in bytes, including the 16 bytes of the header: a multiple of 8, 56 to 65552. Default 512.
    pub buffer_size: u32,
    /// Interval at which this side shows that it is alive, and polls without a doorbell; at least 1 ms. Default 100 ms.
    pub heartbeat: Duration,
    /// Time without a sign of life after which the peer counts as dead; must be longer than the peer's heartbeat. By
    /// default there is no limit.
    pub peer_timeout: Option<Duration>,
}

impl<R: Roles> Settings<R> {
    /// Returns the defaults for one role: a [`Role`], or [`OnlyHost`](session::OnlyHost) or
    /// [`OnlyRemote`](session::OnlyRemote), which leave the other role's code out of the image.
    #[must_use]
    pub const fn new(role: R) -> Self {
        let session::Settings { role, link, area, vector, heartbeat, peer_timeout } = session::Settings::new(role);
        Self { role, link, area, vector, buffer_count: 16, buffer_size: 512, heartbeat, peer_timeout }
    }

    /// Returns the settings that the session needs.
    #[inline(always)]
    const fn session(&self) -> session::Settings<R> {
        let &Self { role, link, area, vector, heartbeat, peer_timeout, .. } = self;
        session::Settings { role, link, area, vector, heartbeat, peer_timeout }
    }
}

/// One side of a link, with at most `E` endpoints and `N` buffers in each direction.
///
/// A link needs no memory other than its own value, and never blocks. Dropping it tells the peer that this side has left.
///
/// A link is created [unopened](Self::unopened) in its final place, such as a static, and [opened](Self::open) there.
/// [`new`](Self::new) does both at once and needs stack for several copies of the link, each of about 1 KiB on 32 bits
/// with 4 endpoints and 16 buffers.
// The fields are in this order, the bus last, because those near the start are reached by shorter instructions.
#[derive(Debug)]
#[repr(C)]
pub struct Link<M: SharedMemory, D: Doorbell, const E: usize, const N: usize, R: Roles = Role> {
    pub(super) session: Session<M, R>,
    pub(super) rings: Rings<M, D, E, N>,
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize, R: Roles> Link<M, D, E, N, R> {
    /// Creates a link that is not open: it neither sends nor receives. Endpoints can be opened already.
    #[must_use]
    pub const fn unopened() -> Self {
        Self { session: Session::unopened(), rings: Rings::unopened() }
    }

    /// Creates and [opens](Self::open) one side of a link in `memory`, as the peer `id` of its server.
    ///
    /// # Errors
    /// See [`open`](Self::open).
    pub fn new(memory: M, doorbell: D, id: PeerId, settings: Settings<R>) -> Result<Self, SetupError> {
        let mut link = Self::unopened();
        link.open(memory, doorbell, id, &settings)?;
        Ok(link)
    }

    /// Opens the link in `memory`. `id` is this side's own id on the server. If the link is open already, it leaves its
    /// peer first.
    ///
    /// A host writes the directory and the link's entry, begins an incarnation, and rings the remote that waits for it.
    /// A remote begins its incarnation when it has found its host, in [`poll`](Self::poll). Before this call, the
    /// device must be able to deliver this side's own doorbell: it is rung once, to prove that the device has the
    /// vector.
    ///
    /// # Errors
    /// Returns an error if the settings do not fit the memory, the device or this link's sizes, or if the memory holds
    /// something else. The memory is then unchanged, and the link not open.
    pub fn open(&mut self, memory: M, doorbell: D, id: PeerId, settings: &Settings<R>) -> Result<(), SetupError> {
        self.close();
        self.rings.set_buffers(settings.buffer_count, settings.buffer_size)?;
        self.rings.bus.set_doorbell(doorbell);
        Ok(self.session.open(&mut self.rings, memory, id, &settings.session())?)
    }

    /// Tells the peer that this side is gone, and returns the link to the unopened state. Its endpoints stay open.
    pub fn close(&mut self) {
        self.session.close(&mut self.rings);
    }

    /// Returns the bus, to open endpoints and send.
    pub const fn bus(&mut self) -> &mut Bus<Native<M, E, N>, D> {
        &mut self.rings.bus
    }

    /// Returns the number of doorbells rung so far, for messages and for the session; wraps.
    #[must_use]
    pub fn doorbells(&self) -> u32 {
        self.session.doorbells().wrapping_add(self.rings.bus.counters().doorbells)
    }

    /// Returns the next event since the last call; `now` is the time on any clock that only grows.
    ///
    /// After `None` the caller waits for a doorbell, but no longer than until the [`deadline`](Self::deadline).
    #[inline(always)]
    pub fn poll(&mut self, now: Instant) -> Option<Event> {
        let event = drive::poll(self, now);
        #[cfg(feature = "log")]
        self.log(event.as_ref());
        event
    }

    /// Returns the time to poll again even if no doorbell rings.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        if self.has_more() { Instant::default() } else { self.session.deadline() }
    }

    /// Returns whether the last poll stopped although there may be more, so that a caller must not wait.
    pub(super) const fn has_more(&self) -> bool {
        self.rings.bus.has_more() || self.rings.bus.has_news()
    }

    /// Logs the events that concern the link as a whole, but no messages.
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
    /// Does the work that is due once in a heartbeat.
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

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize, R: Roles> AnyLink for Link<M, D, E, N, R> {
    type Profile = Native<M, E, N>;
    type Doorbell = D;

    fn bus(&mut self) -> &mut Bus<Native<M, E, N>, D> {
        self.bus()
    }

    #[inline(always)]
    fn poll(&mut self, now: Instant) -> Option<Event> {
        self.poll(now)
    }

    fn deadline(&self) -> Instant {
        self.deadline()
    }
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize, R: Roles> Drop for Link<M, D, E, N, R> {
    fn drop(&mut self) {
        self.close();
    }
}
