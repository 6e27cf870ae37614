// SPDX-License-Identifier: Apache-2.0
//! Sessions: how two sides find each other in a memory's directory, agree, start, reset, and notice death.
//!
//! A [`Session`] carries one [`Service`], which owns the rings. Each side writes a block of its own (its id, its incarnation,
//! its state, its offer) and reads the other's; a doorbell only says "look". Both sides may start, die and return in any
//! order. One rule makes restarts safe: a side touches its rings only while the other side has confirmed the present incarnation and
//! does not use them yet. So nothing old is ever read as new. `docs/reference/wire-format.md` has the layout and the
//! states.
//!
//! A session is polled and never blocks. The service's owner holds both, and calls [`tick`](Session::tick) when the session
//! [is due](Session::is_due), and [`resync`](Session::resync) when it [is not in sync](Session::is_in_sync) or the service has
//! found a fault.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

mod area;
mod block;
mod config;
mod directory;
mod error;
mod life;
mod service;
#[cfg(test)]
mod tests;

pub use area::{AreaError, Sections};
pub use block::{LocalBlock, PeerError, RemoteBlock};
pub use config::{OnlyHost, OnlyRemote, Role, Roles, Settings};
pub use error::{DownReason, SessionEvent, SetupError};
pub use service::Service;

use self::block::PeerSnapshot;
use self::config::Config;
use self::directory::Directory;
use crate::mem::SharedMemory;
use crate::platform::{Doorbell, Instant, PeerId};
use crate::wire::area::Area;
pub use crate::wire::area::Span;
use crate::wire::session::State;

/// This side's progress with the peer.
#[derive(Clone, Copy, Debug)]
enum Life {
    /// INIT: own rings are not to be used.
    Init,
    /// READY: own rings are set up.
    Ready,
    /// RUN: the service uses both sides' rings.
    Run,
}

/// Both blocks, once their place is known.
#[derive(Debug)]
struct Blocks<M: SharedMemory> {
    /// The whole memory.
    memory: M,
    area: Area,
    own: LocalBlock<M>,
    peer: RemoteBlock<M>,
}

/// One side's session on a link.
// In this order, because fields near the start are reached by shorter instructions.
#[derive(Debug)]
#[repr(C)]
pub struct Session<M: SharedMemory, R: Roles = Role> {
    life: Life,
    /// Present once the link's place is known.
    blocks: Option<Blocks<M>>,
    config: Config<R>,
    /// This incarnation.
    epoch: u32,
    /// The peer's incarnation that this side has confirmed, or 0.
    confirmed: u32,
    /// Time of the next heartbeat.
    next_beat: Instant,
    /// Time until which a peer that broke the link is ignored.
    not_before: Instant,
    /// Time at which an unanswering peer is rung again, if `ring_wait` is not 0.
    next_ring: Instant,
    /// The wait before that, in microseconds; 0 if the peer need not be rung again.
    ring_wait: u32,
    /// Set once the caller knows why the link cannot come up.
    reported: bool,
    /// The last snapshot of the peer, and since when its heartbeat is that.
    seen: PeerSnapshot,
    since: Instant,
    beat: u32,
    /// Heartbeat of another side that has taken this side's block, and the number of own heartbeats since it last changed.
    role_conflict: Option<(u32, u8)>,
    doorbells: u32,
    /// Present while the session is open.
    directory: Option<Directory<M>>,
}

impl<M: SharedMemory, R: Roles> Session<M, R> {
    /// Creates a session that is not open.
    #[must_use]
    pub const fn unopened() -> Self {
        Self {
            directory: None,
            config: Config::NONE,
            blocks: None,
            life: Life::Init,
            epoch: 0,
            confirmed: 0,
            role_conflict: None,
            seen: PeerSnapshot::NOTHING,
            since: Instant::from_micros(0),
            beat: 0,
            next_beat: Instant::from_micros(0),
            not_before: Instant::from_micros(0),
            next_ring: Instant::from_micros(0),
            ring_wait: 0,
            reported: false,
            doorbells: 0,
        }
    }

    /// Opens the session in `memory`, where this side's own id on the server is `id`; a session that is open is
    /// [closed](Self::close) first.
    ///
    /// A host writes the directory and the link's entry, begins an incarnation, and rings the remote that waits for it; a
    /// remote begins when it has found its host, in [`resync`](Self::resync). Before, the device must be able to deliver this
    /// side's own doorbell: the session rings it once, to prove that the device has the vector.
    ///
    /// # Errors
    /// Settings that do not fit the memory or the device, or a memory that holds something else. The memory is then as it
    /// was, and the session not open.
    #[inline(always)]
    pub fn open<S: Service<M>>(
        &mut self,
        service: &mut S,
        memory: M,
        id: PeerId,
        settings: &Settings<R>,
    ) -> Result<(), AreaError> {
        (self.next_beat, self.not_before) = (Instant::default(), Instant::default());
        (self.ring_wait, self.reported) = (0, false);
        let rung = service.doorbell().is_some_and(|doorbell| doorbell.ring(id, settings.vector).is_ok());
        if !rung {
            return Err(AreaError::Doorbell);
        }
        let directory = Directory::new(memory.clone(), settings.link)?;
        self.config = Config::new(id, settings);
        if self.role() == Role::Remote {
            self.directory = Some(directory);
            return Ok(());
        }
        let check = |area| service.check(&Sections::new(area, Role::Host, S::SHARES));
        let (area, before) = directory.publish(settings.area, service.shared(), S::SHARES, S::KIND, check)?;
        if let Some(before) = before {
            // A remote that still looks at the old place finds nobody there, and asks the directory again.
            if let Some(own) = LocalBlock::new(&memory, before, Role::Host) {
                own.state(State::Reset);
            }
        }
        self.directory = Some(directory);
        self.enter(service, memory, area)
    }

    /// Tells the peer that this side is gone; the session is not open any more.
    pub fn close<S: Service<M>>(&mut self, service: &mut S) {
        service.down();
        // The block of another side in this role is not this side's to end.
        if let Some(blocks) = self.blocks.as_ref().filter(|_| self.role_conflict.is_none()) {
            blocks.own.state(State::Reset);
        }
        self.ring_peer(service);
        (self.life, self.blocks, self.directory, self.role_conflict) = (Life::Init, None, None, None);
    }

    /// Returns this side's role.
    #[must_use]
    #[inline(always)]
    pub fn role(&self) -> Role {
        self.config.role.role()
    }

    /// Returns the number of the link, once the session is open.
    #[must_use]
    pub fn link(&self) -> Option<u8> {
        self.directory.as_ref().map(Directory::link)
    }

    /// Returns the doorbells rung so far for the session itself; wraps.
    #[must_use]
    pub const fn doorbells(&self) -> u32 {
        self.doorbells
    }

    /// Returns whether a heartbeat is due.
    #[inline(always)]
    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.next_beat
    }

    /// Returns whether the peer still runs with this side, while the service is up. Then a [`resync`](Self::resync) would do
    /// nothing but check for a timeout, for which once in a heartbeat is enough.
    #[inline(always)]
    pub fn is_in_sync(&self) -> bool {
        self.blocks.as_ref().is_some_and(|blocks| blocks.peer.is_running(self.epoch))
    }

    /// Does what is due once in a heartbeat.
    #[inline(always)]
    pub fn tick<S: Service<M>>(&mut self, service: &mut S, now: Instant) -> Option<S::Event> {
        self.show_life(service, now).or_else(|| self.step(service, now))
    }

    /// Follows a change of the peer's state, or ends the session after a fault of the service.
    #[inline(always)]
    pub fn resync<S: Service<M>>(&mut self, service: &mut S, now: Instant) -> Option<S::Event> {
        let Some(fault) = service.fault() else { return self.step(service, now) };
        let event = Some(S::Event::down(DownReason::Fault(fault)));
        self.restart(service);
        // A peer that breaks every link gets a new one at this side's pace.
        self.not_before = now.plus_short(self.config.heartbeat);
        event
    }

    /// Returns the time of the next [`tick`](Self::tick) or doorbell, when the owner must poll even if nobody rings.
    #[must_use]
    #[inline(always)]
    pub fn deadline(&self) -> Instant {
        if self.ring_wait != 0 { self.next_ring.min(self.next_beat) } else { self.next_beat }
    }
}
