// SPDX-License-Identifier: Apache-2.0
//! The session's state machine, which takes one side from INIT to RUN and back. See "Life cycle" in
//! `docs/reference/wire-format.md`.

use super::area::{AreaError, Sections};
use super::block::{LocalBlock, Offer, PeerError, PeerSnapshot, RemoteBlock};
use super::config::{Role, Roles};
use super::directory::Directory;
use super::error::{DownReason, SessionEvent, SetupError};
use super::{Blocks, Life, Service, Session};
use crate::inspect::TraceEvent;
use crate::mem::SharedMemory;
use crate::platform::{Doorbell, Instant, PeerId};
use crate::wire::area::Area;
use crate::wire::session::{Kind, Speaks, State, Waiting};

/// Delay before an unanswered doorbell is repeated, in microseconds. Each further delay is twice as long, up to the
/// heartbeat interval. The first doorbell may be lost, because the server announces a new peer to the other peers' QEMU
/// only after the new peer has started.
const RING_AGAIN_MICROS: u32 = 5_000;

/// Number of heartbeats after which another side in this role counts as gone if its own heartbeat has not changed.
const CONFLICT_IS_OVER: u8 = 10;

/// Returns the words in this side's block that are constant for `S`.
const fn offer<M: SharedMemory, S: Service<M>>() -> Offer {
    Offer { speaks: Speaks::new(S::KIND, S::QUEUES), features: S::FEATURES }
}

impl<M: SharedMemory, R: Roles> Session<M, R> {
    /// Moves to the link's location in the memory, and begins an incarnation.
    pub(super) fn enter<S: Service<M>>(&mut self, service: &mut S, memory: M, area: Area) -> Result<(), AreaError> {
        let role = self.role();
        let (Some(own), Some(peer)) =
            (LocalBlock::new(&memory, area, role), RemoteBlock::new(&memory, area, role.other()))
        else {
            return Err(AreaError::Misaligned);
        };
        self.blocks = Some(Blocks { memory, area, own, peer });
        self.restart(service);
        Ok(())
    }

    /// Begins a new incarnation, which invalidates everything that the peer knows about this side.
    pub(super) fn restart<S: Service<M>>(&mut self, service: &mut S) {
        service.down();
        self.life = Life::Init;
        (self.confirmed, self.ring_wait) = (0, 0);
        if let Some(blocks) = &self.blocks {
            // The new epoch must exceed both the epoch in the block, which another side may have written, and the last
            // epoch that the peer has confirmed.
            let last = blocks.own.last_epoch().max(blocks.peer.confirmed());
            self.epoch = self.epoch.max(last).wrapping_add(1).max(1);
            self.record(State::Init);
            blocks.own.begin(self.epoch, self.config.id, offer::<M, S>(), |block| service.offer(block));
        }
        self.ring_peer(service);
    }

    /// Takes the steps towards RUN that are possible now. In RUN, checks the peer instead. If the link cannot come up,
    /// reports the reason once. A reason is reported again only after the link has been up.
    pub(super) fn step<S: Service<M>>(&mut self, service: &mut S, now: Instant) -> Option<S::Event> {
        if now < self.not_before || self.role_conflict.is_some() {
            return None;
        }
        let mut alive = false;
        let met = match self.find(service) {
            Ok(()) => {
                let snapshot = self.blocks.as_ref().and_then(|blocks| blocks.peer.snapshot());
                if let Some(snapshot) = &snapshot {
                    alive = snapshot.alive();
                    self.see(snapshot, now);
                }
                match snapshot {
                    _ if matches!(self.life, Life::Run) => return self.check_running(service, snapshot.as_ref(), now),
                    Some(snapshot) => self.approach(service, &snapshot, alive),
                    // There is no area yet, the peer is just beginning an incarnation, or the state is invalid.
                    None => self.stranger(S::KIND),
                }
            }
            Err(error) => Err(error),
        };
        match met {
            Ok(Some(peer)) => return Some(S::Event::up(peer)),
            Err(error) if !self.reported => return self.report::<S>(error),
            _ => (),
        }
        self.keep_ringing(service, now, alive);
        None
    }

    /// Reports the reason why the link cannot come up, unless a reason has already been reported.
    fn report<S: Service<M>>(&mut self, error: SetupError<S::Error>) -> Option<S::Event> {
        let reported = core::mem::replace(&mut self.reported, true);
        if reported { None } else { Some(S::Event::incompatible(error)) }
    }

    /// Host only: returns an error if the remote that is waiting for this link expects another kind of service. Such a
    /// remote has not written a block, so this function never returns a peer.
    fn stranger<E>(&self, expected: Kind) -> Result<Option<PeerId>, SetupError<E>> {
        if self.role() == Role::Remote {
            return Ok(None);
        }
        let waiting = self.directory.as_ref().map_or(Waiting(0), Directory::waiting);
        let kind = waiting.kind();
        if waiting.id().is_none() || kind == expected {
            return Ok(None);
        }
        // Version 1 has no kind field.
        let found = if kind == Kind(0) { Speaks(0) } else { Speaks::new(kind, 0) };
        Err(PeerError::Speaks { found, expected }.into())
    }

    /// Records a snapshot of the peer's block, and whether it differs from the previous snapshot.
    fn see(&mut self, snapshot: &PeerSnapshot, now: Instant) {
        let seen = core::mem::replace(&mut self.seen, *snapshot);
        // Branch-free, which takes less flash.
        let moved = seen.epoch ^ snapshot.epoch
            | seen.peer_epoch ^ snapshot.peer_epoch
            | seen.state.to_wire() ^ snapshot.state.to_wire();
        if moved != 0 {
            self.ring_wait = 0;
        }
        if moved | seen.heartbeat ^ snapshot.heartbeat != 0 {
            self.since = now;
        }
    }

    /// Before RUN, takes as many steps as `snapshot` allows. Confirms the peer's incarnation, sets up the rings once
    /// the peer has confirmed this side's incarnation, and goes to RUN once the peer is ready. Returns the peer's id
    /// once this side is in RUN.
    #[inline(never)]
    fn approach<S: Service<M>>(
        &mut self,
        service: &mut S,
        snapshot: &PeerSnapshot,
        alive: bool,
    ) -> Result<Option<PeerId>, SetupError<S::Error>> {
        if !alive {
            if self.confirmed != 0 {
                self.confirm(0);
            }
            return self.stranger(S::KIND);
        }
        if snapshot.epoch != self.confirmed {
            self.confirm(snapshot.epoch);
            self.ring_peer(service);
        }
        if snapshot.peer_epoch != self.epoch {
            return Ok(None);
        }
        if matches!(self.life, Life::Init) {
            self.prepare(service)?;
            self.ring_peer(service);
        }
        if matches!(snapshot.state, State::Ready | State::Run) { self.run(service) } else { Ok(None) }
    }

    /// Goes from INIT to READY.
    fn prepare<S: Service<M>>(&mut self, service: &mut S) -> Result<(), SetupError<S::Error>> {
        let Some(blocks) = &self.blocks else { return Ok(()) };
        blocks.peer.check(S::KIND)?;
        let sections = Sections::new(blocks.area, self.role(), S::SHARES);
        service.prepare(&blocks.memory, &sections, &blocks.own, &blocks.peer)?;
        self.record(State::Ready);
        blocks.own.state(State::Ready);
        self.life = Life::Ready;
        Ok(())
    }

    /// Goes from READY to RUN.
    #[inline(never)]
    fn run<S: Service<M>>(&mut self, service: &mut S) -> Result<Option<PeerId>, SetupError<S::Error>> {
        // The peer's block has been read before this call, so the blocks exist.
        let Some(blocks) = &self.blocks else { return Ok(None) };
        let peer = blocks.peer.id()?;
        let sections = Sections::new(blocks.area, self.role(), S::SHARES);
        service.up(&blocks.memory, &sections, &blocks.peer, (peer, self.config.vector)).map_err(SetupError::Service)?;
        // A second side in the same role may have overwritten the initial indices before it noticed this side. The peer
        // would then consume ring entries that this side has not written, and the first message would hide the damage.
        if !service.is_intact() {
            self.restart(service);
            return Ok(None);
        }
        self.record(State::Run);
        blocks.own.state(State::Run);
        self.life = Life::Run;
        (self.reported, self.ring_wait) = (false, 0);
        self.ring_peer(service);
        Ok(Some(peer))
    }

    /// In RUN: checks that the peer is alive and has not begun a new incarnation. A block that cannot be read as a
    /// snapshot does not count as a sign of life.
    fn check_running<S: Service<M>>(
        &mut self,
        service: &mut S,
        snapshot: Option<&PeerSnapshot>,
        now: Instant,
    ) -> Option<S::Event> {
        let Some(snapshot) = snapshot else { return self.check_timeout(service, now) };
        let reason = if !snapshot.alive() {
            DownReason::PeerLeft
        } else if snapshot.epoch != self.confirmed {
            DownReason::PeerRestarted
        } else if snapshot.peer_epoch == self.epoch && snapshot.state != State::Init {
            return self.check_timeout(service, now);
        } else {
            // The peer has kept its incarnation but gone back to INIT. It continues only after this side begins a new
            // incarnation.
            self.restart(service);
            return Some(S::Event::down(DownReason::PeerRestarted));
        };
        service.down();
        self.confirm(0);
        Some(S::Event::down(reason))
    }

    /// In RUN: checks the time since the peer's last sign of life. On a timeout, begins a new incarnation, because the
    /// peer would not reconnect otherwise.
    fn check_timeout<S: Service<M>>(&mut self, service: &mut S, now: Instant) -> Option<S::Event> {
        if now.micros_since(self.since) < self.config.peer_timeout {
            return None;
        }
        self.restart(service);
        Some(S::Event::down(DownReason::PeerTimeout))
    }

    /// Goes back to INIT, and confirms `epoch`. An `epoch` of 0 means that no incarnation is confirmed.
    #[inline(never)]
    fn confirm(&mut self, epoch: u32) {
        self.life = Life::Init;
        self.confirmed = epoch;
        if let Some(blocks) = &self.blocks {
            self.record(State::Init);
            blocks.own.confirm(epoch);
        }
    }

    /// Remote only: looks up the link in the directory, and follows a host that has moved the link.
    fn find<S: Service<M>>(&mut self, service: &mut S) -> Result<(), SetupError<S::Error>> {
        if self.role() == Role::Remote
            && matches!(self.life, Life::Init)
            && let Some(directory) = &self.directory
            && let Some(area) = directory.find(self.config.id, S::KIND, S::SHARES)?
            && self.blocks.as_ref().is_none_or(|blocks| blocks.area != area)
        {
            let memory = directory.memory().clone();
            self.enter(service, memory, area)?;
        }
        Ok(())
    }

    /// Writes a heartbeat, and checks that this side's words are unchanged. If the block is damaged, begins a new
    /// incarnation to repair it. If another side has taken over the block, leaves it unchanged.
    pub(super) fn show_life<S: Service<M>>(&mut self, service: &mut S, now: Instant) -> Option<S::Event> {
        self.next_beat = now.plus_short(self.config.heartbeat);
        let blocks = self.blocks.as_ref()?;
        if let Some((heartbeat, beats)) = &mut self.role_conflict {
            let (seen, last) = (blocks.own.last_heartbeat(), *heartbeat);
            (*heartbeat, *beats) = (seen, if seen == last { beats.saturating_add(1) } else { 0 });
            if *beats < CONFLICT_IS_OVER {
                return None;
            }
            self.role_conflict = None;
            self.restart(service);
            return None;
        }
        if let Some(directory) = self.directory.as_ref().filter(|_| self.role() == Role::Host) {
            directory.write(&blocks.area, S::KIND);
        }
        let state = match self.life {
            Life::Init => State::Init,
            Life::Ready => State::Ready,
            Life::Run => State::Run,
        };
        let own = &blocks.own;
        let words =
            own.verify(self.epoch, self.confirmed, state, &self.config, offer::<M, S>(), || service.verify(own));
        // If an index has been set back and this side does not restart, both sides wait for each other forever.
        match words.and_then(|()| if service.is_intact() { Ok(()) } else { Err(None) }) {
            Ok(()) => {
                self.beat = self.beat.wrapping_add(1);
                blocks.own.heartbeat(self.beat);
                service.tick();
                None
            }
            Err(owner) => {
                let up = matches!(self.life, Life::Run);
                self.restart_as(service, owner);
                match (owner, up) {
                    (Some(peer), true) => Some(S::Event::down(DownReason::RoleConflict { peer })),
                    (Some(peer), false) => self.report::<S>(SetupError::RoleConflict { peer }),
                    (None, true) => Some(S::Event::down(DownReason::StateCorrupted)),
                    (None, false) => None,
                }
            }
        }
    }

    /// Restarts after this side's words have been overwritten. If `owner` has taken over the block, restarts only after
    /// `owner` has gone; otherwise, restarts immediately.
    fn restart_as<S: Service<M>>(&mut self, service: &mut S, owner: Option<PeerId>) {
        match (owner, &self.blocks) {
            (Some(_), Some(blocks)) => {
                self.role_conflict = Some((blocks.own.last_heartbeat(), 0));
                service.down();
                (self.life, self.confirmed, self.ring_wait) = (Life::Init, 0, 0);
            }
            _ => self.restart(service),
        }
    }

    /// Rings the doorbell of a peer that does not answer, each time after a longer delay. Without a peer, does nothing,
    /// because a new peer rings first.
    fn keep_ringing<S: Service<M>>(&mut self, service: &S, now: Instant, alive: bool) {
        if !alive {
            self.ring_wait = 0;
            return;
        }
        if self.ring_wait == 0 {
            self.ring_wait = RING_AGAIN_MICROS;
        } else if now < self.next_ring {
            return;
        } else {
            self.ring_peer(service);
            self.ring_wait = self.ring_wait.saturating_mul(2).min(self.config.heartbeat);
        }
        self.next_ring = now.plus_short(self.ring_wait);
    }

    /// Rings the current peer or the last known one. The doorbell has no effect if the peer is absent.
    pub(super) fn ring_peer<S: Service<M>>(&mut self, service: &S) {
        let known =
            self.blocks.as_ref().filter(|blocks| blocks.peer.snapshot().is_some_and(|snapshot| snapshot.epoch != 0));
        let peer = match known {
            Some(blocks) => blocks.peer.id().ok(),
            None if self.role() == Role::Host => {
                self.directory.as_ref().and_then(|directory| directory.waiting().id()).map(PeerId)
            }
            None => None,
        };
        if let Some(peer) = peer
            && let Some(doorbell) = service.doorbell()
        {
            self.trace.record(|| TraceEvent::Doorbell { peer: peer.0, vector: self.config.vector.0 });
            if doorbell.ring(peer, self.config.vector).is_ok() {
                self.doorbells = self.doorbells.wrapping_add(1);
            }
        }
    }
}
