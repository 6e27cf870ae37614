// SPDX-License-Identifier: Apache-2.0
//! Sessions: the protocol that connects the two sides of a link, restarts them, and detects a dead peer.
//!
//! A [`Session`] carries one [`Service`], which owns the rings. Each side writes its own block, which contains its id,
//! incarnation, state and offer, and reads the peer's block. A doorbell carries no data: it only tells the peer to read
//! the block again. Either side may start, stop or restart at any time. A side sets up its rings only after the peer
//! has confirmed the side's current incarnation, and before the peer uses the rings. Stale contents are therefore never
//! read as new. `docs/reference/wire-format.md` describes the layout and the states.
//!
//! A session is polled and never blocks. The service's owner also holds the session. The owner calls
//! [`tick`](Session::tick) when the session [is due](Session::is_due), and [`resync`](Session::resync) when the session
//! [is not in sync](Session::is_in_sync) or the service has found a fault.
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
use crate::inspect::{TraceEvent, Tracer};
use crate::mem::SharedMemory;
use crate::platform::{Doorbell, Instant, PeerId};
use crate::wire::area::Area;
pub use crate::wire::area::Span;
use crate::wire::session::State;

/// This side's progress in connecting to the peer.
#[derive(Clone, Copy, Debug)]
enum Life {
    /// INIT: this side's rings must not be used.
    Init,
    /// READY: this side's rings are set up.
    Ready,
    /// RUN: the service uses both sides' rings.
    Run,
}

/// Both sides' blocks, once their location is known.
#[derive(Debug)]
struct Blocks<M: SharedMemory> {
    /// The whole memory.
    memory: M,
    area: Area,
    own: LocalBlock<M>,
    peer: RemoteBlock<M>,
}

/// One side's session on a link.
// The field order is deliberate: fields near the start can be accessed with shorter instructions.
#[derive(Debug)]
#[repr(C)]
pub struct Session<M: SharedMemory, R: Roles = Role> {
    life: Life,
    /// `None` until the link's location is known.
    blocks: Option<Blocks<M>>,
    config: Config<R>,
    /// Epoch of this side's current incarnation.
    epoch: u32,
    /// Epoch of the peer's incarnation that this side has confirmed, or 0.
    confirmed: u32,
    /// Time of the next heartbeat.
    next_beat: Instant,
    /// A peer that broke the protocol is ignored until this time.
    not_before: Instant,
    /// Time of the next repeated doorbell to a peer that does not answer. Valid if `ring_wait` is not 0.
    next_ring: Instant,
    /// Delay before the next repeated doorbell, in microseconds. 0 if no repetition is needed.
    ring_wait: u32,
    /// Set once the reason why the link cannot come up has been reported.
    reported: bool,
    /// Last snapshot of the peer's block. `since` is the time at which a snapshot last differed from the previous one.
    seen: PeerSnapshot,
    since: Instant,
    beat: u32,
    /// Set while another side has taken over this side's block. Contains the other side's heartbeat, and the number of
    /// this side's heartbeats since that value last changed.
    role_conflict: Option<(u32, u8)>,
    doorbells: u32,
    /// `None` while the session is closed.
    directory: Option<Directory<M>>,
    trace: Tracer,
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
            trace: Tracer::NONE,
        }
    }

    /// Opens the session in `memory`. `id` is the id that the server assigned to this side. If the session is already
    /// open, [close](Self::close) it first.
    ///
    /// A host writes the directory and the link's entry, begins an incarnation, and rings a remote that is already
    /// waiting. A remote begins once [`resync`](Self::resync) finds its host. The device must already be able to
    /// deliver this side's own doorbell, because the session rings it once to check that the vector exists.
    ///
    /// # Errors
    /// Returns an error if the settings do not match the memory or the device, or if the memory already contains
    /// something else. The memory is then unchanged, and the session stays closed.
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
        self.trace.record(|| TraceEvent::Link { link: settings.link, role: self.role(), id: id.0 });
        if self.role() == Role::Remote {
            self.directory = Some(directory);
            return Ok(());
        }
        let check = |area| service.check(&Sections::new(area, Role::Host, S::SHARES));
        let (area, before) = directory.publish(settings.area, service.shared(), S::SHARES, S::KIND, check)?;
        if let Some(before) = before {
            // A remote that still uses the former location sees that its host has left, and reads the directory again.
            if let Some(own) = LocalBlock::new(&memory, before, Role::Host) {
                own.state(State::Reset);
            }
        }
        self.directory = Some(directory);
        self.enter(service, memory, area)
    }

    /// Tells the peer that this side is leaving, and closes the session.
    pub fn close<S: Service<M>>(&mut self, service: &mut S) {
        service.down();
        // If another side in this role has taken over the block, leave that side's state unchanged.
        if let Some(blocks) = self.blocks.as_ref().filter(|_| self.role_conflict.is_none()) {
            self.record(State::Reset);
            blocks.own.state(State::Reset);
        }
        self.ring_peer(service);
        (self.life, self.blocks, self.directory, self.role_conflict) = (Life::Init, None, None, None);
    }

    /// Sets the tracer for the steps of the session.
    #[cfg(feature = "trace")]
    pub(crate) const fn set_trace(&mut self, trace: Tracer) {
        self.trace = trace;
    }

    /// Records that this side is about to write `state`.
    #[inline(always)]
    fn record(&self, state: State) {
        self.trace.record(|| TraceEvent::State { state, epoch: self.epoch, peer_epoch: self.confirmed });
    }

    /// Shows the peer that this side is alive. Used by an owner that cannot [`tick`](Self::tick) for longer than a
    /// heartbeat interval.
    pub fn beat(&mut self) {
        // If another side has taken over the block, that side writes the heartbeats there.
        if let Some(blocks) = self.blocks.as_ref().filter(|blocks| blocks.own.last_heartbeat() == self.beat) {
            self.beat = self.beat.wrapping_add(1);
            blocks.own.heartbeat(self.beat);
        }
    }

    /// Returns this side's role.
    #[must_use]
    #[inline(always)]
    pub fn role(&self) -> Role {
        self.config.role.role()
    }

    /// Returns the link number, or `None` while the session is closed.
    #[must_use]
    pub fn link(&self) -> Option<u8> {
        self.directory.as_ref().map(Directory::link)
    }

    /// Returns the number of doorbells that the session itself has rung. The counter wraps.
    #[must_use]
    pub const fn doorbells(&self) -> u32 {
        self.doorbells
    }

    /// Returns whether a heartbeat is due.
    #[inline(always)]
    pub fn is_due(&self, now: Instant) -> bool {
        now >= self.next_beat
    }

    /// Returns whether the peer is still running with this side's current incarnation. Valid only while the service is
    /// up. If this returns true, [`resync`](Self::resync) would only check the peer timeout, which is needed only once
    /// per heartbeat.
    #[inline(always)]
    pub fn is_in_sync(&self) -> bool {
        self.blocks.as_ref().is_some_and(|blocks| blocks.peer.is_running(self.epoch))
    }

    /// Does the work that is due once per heartbeat.
    #[inline(always)]
    pub fn tick<S: Service<M>>(&mut self, service: &mut S, now: Instant) -> Option<S::Event> {
        self.show_life(service, now).or_else(|| self.step(service, now))
    }

    /// Reacts to a change in the peer's state, or restarts the session after a service fault.
    #[inline(always)]
    pub fn resync<S: Service<M>>(&mut self, service: &mut S, now: Instant) -> Option<S::Event> {
        let Some(fault) = service.fault() else { return self.step(service, now) };
        let event = Some(S::Event::down(DownReason::Fault(fault)));
        self.restart(service);
        // Limits reconnection to one attempt per heartbeat, in case the peer breaks the protocol each time.
        self.not_before = now.plus_short(self.config.heartbeat);
        event
    }

    /// Returns the time at which the owner must poll even if no doorbell rings: the time of the next
    /// [`tick`](Self::tick) or repeated doorbell.
    #[must_use]
    #[inline(always)]
    pub fn deadline(&self) -> Instant {
        if self.ring_wait != 0 { self.next_ring.min(self.next_beat) } else { self.next_beat }
    }
}
