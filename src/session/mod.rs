// SPDX-License-Identifier: Apache-2.0
//! Sessions, in which two sides find each other in a memory's directory, agree, start, reset, and notice the other's death.
//!
//! A [`Session`] carries one [`Service`], which owns the rings. Each side writes its own block (its id, its
//! incarnation, its state, its offer) and reads the other side's block; a doorbell only says "look". Both sides may
//! start, die and return in any order. One rule makes restarts safe: a side sets up its rings only while the other side
//! has confirmed its present incarnation and does not use the rings yet. So old contents are never read as new.
//! `docs/reference/wire-format.md` has the layout and the states.
//!
//! A session is polled and never blocks. The service's owner holds both. It calls [`tick`](Session::tick) when the
//! session [is due](Session::is_due), and [`resync`](Session::resync) when the session [is not in
//! sync](Session::is_in_sync) or the service has found a fault.
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
    /// INIT: this side's rings must not be used.
    Init,
    /// READY: this side's rings are set up.
    Ready,
    /// RUN: the service uses both sides' rings.
    Run,
}

/// Both blocks, whose place is known.
#[derive(Debug)]
struct Blocks<M: SharedMemory> {
    /// The whole memory.
    memory: M,
    area: Area,
    own: LocalBlock<M>,
    peer: RemoteBlock<M>,
}

/// One side's session on a link.
// The fields are in this order because those near the start are reached by shorter instructions.
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
    /// Time at which a peer that does not answer is rung again, if `ring_wait` is not 0.
    next_ring: Instant,
    /// The wait before that ring, in microseconds; 0 if the peer need not be rung again.
    ring_wait: u32,
    /// Set once the caller knows why the link cannot come up.
    reported: bool,
    /// The last snapshot of the peer, and the time since which its heartbeat has had that value.
    seen: PeerSnapshot,
    since: Instant,
    beat: u32,
    /// Heartbeat of another side that has taken over this side's block, and the number of this side's heartbeats since
    /// it last changed.
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

    /// Opens the session in `memory`. `id` is this side's own id on the server. A session that is open is
    /// [closed](Self::close) first.
    ///
    /// A host writes the directory and the link's entry, begins an incarnation, and rings the remote that waits for it.
    /// A remote begins when it has found its host, in [`resync`](Self::resync). Before this call, the device must be
    /// able to deliver this side's own doorbell: the session rings it once, to prove that the device has the vector.
    ///
    /// # Errors
    /// Returns an error if the settings do not fit the memory or the device, or if the memory holds something else. The
    /// memory is then unchanged, and the session not open.
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

    /// Tells the peer that this side is gone, and closes the session.
    pub fn close<S: Service<M>>(&mut self, service: &mut S) {
        service.down();
        // If another side in this role has taken over the block, this side must not end it.
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

    /// Returns the number of the link while the session is open.
    #[must_use]
    pub fn link(&self) -> Option<u8> {
        self.directory.as_ref().map(Directory::link)
    }

    /// Returns the number of doorbells that the session itself has rung so far; wraps.
    #[must_use]
    pub const fn doorbells(&self) -> u32 {
        self.doorbells
    }

    /// Returns whether a heartbeat is due.
    #[inline(always)]
    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.next_beat
    }

    /// Returns whether the peer still runs with this side. Asked while the service is up. If so, a
    /// [`resync`](Self::resync) would only check for a timeout, for which once in a heartbeat is enough.
    #[inline(always)]
    pub fn is_in_sync(&self) -> bool {
        self.blocks.as_ref().is_some_and(|blocks| blocks.peer.is_running(self.epoch))
    }

    /// Does the work that is due once in a heartbeat.
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
        // A peer that breaks every link gets a new one no faster than at this side's heartbeat.
        self.not_before = now.plus_short(self.config.heartbeat);
        event
    }

    /// Returns the time at which the owner must poll even if no doorbell rings: that of the next [`tick`](Self::tick)
    /// or the next ring.
    #[must_use]
    #[inline(always)]
    pub fn deadline(&self) -> Instant {
        if self.ring_wait != 0 { self.next_ring.min(self.next_beat) } else { self.next_beat }
    }
}
