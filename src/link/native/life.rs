//! The states of a native link: how one side goes from INIT to RUN with the other, and back. See "Life" in
//! `docs/wire-format.md`.

use super::area::{Area, AreaError, Directory};
use super::side::{LocalBlock, PeerSnapshot, RemoteBlock};
use super::{Blocks, Life, Link};
use crate::link::{Event, Reason, Role, Roles, SetupError};
use crate::mem::SharedMemory;
use crate::platform::{Doorbell, Instant, PeerId};
use crate::wire::link::State;

/// The first wait before an unanswered doorbell is rung again; each further one doubles, up to the heartbeat. The first
/// may be lost: a peer's QEMU learns of newcomers from its server a little later than they start.
const RING_AGAIN_MICROS: u32 = 5_000;

/// After how many of this side's heartbeats without one of the other side in this role that counts as gone.
const CONFLICT_IS_OVER: u8 = 10;

const fn other(role: Role) -> Role {
    match role {
        Role::Host => Role::Remote,
        Role::Remote => Role::Host,
    }
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize, R: Roles> Link<M, D, E, N, R> {
    /// Knows where the link is now, and begins an incarnation.
    pub(super) fn enter(&mut self, memory: M, area: Area) -> Result<(), AreaError> {
        let role = self.role();
        let (Some(own), Some(peer)) =
            (LocalBlock::new(&memory, area, role), RemoteBlock::new(&memory, area, other(role)))
        else {
            return Err(AreaError::Misaligned);
        };
        self.blocks = Some(Blocks { memory, area, own, peer });
        self.restart();
        Ok(())
    }

    /// Begins a new incarnation: nothing that the peer knows of this side holds any more.
    pub(super) fn restart(&mut self) {
        self.bus.detach();
        self.life = Life::Init;
        (self.confirmed, self.ring_wait) = (0, 0);
        if let Some(blocks) = &self.blocks {
            // Past what stands there, whoever wrote it, and past what the peer may still hold for this side.
            let last = blocks.own.last_epoch().max(blocks.peer.confirmed());
            self.epoch = self.epoch.max(last).wrapping_add(1).max(1);
            blocks.own.begin(self.epoch, &self.config);
        }
        self.ring_peer();
    }

    /// One step with the peer, as far as it has come. Tells the caller what is in the way, once until it is not any more.
    pub(super) fn step(&mut self, now: Instant) -> Option<Event> {
        if now < self.not_before || self.role_conflict.is_some() {
            return None;
        }
        let mut alive = false;
        let met = match self.find() {
            Ok(()) => {
                let snapshot = self.blocks.as_ref().and_then(|blocks| blocks.peer.snapshot());
                if let Some(snapshot) = &snapshot {
                    alive = snapshot.alive();
                    self.see(snapshot, now);
                }
                match snapshot {
                    _ if matches!(self.life, Life::Run) => return self.check_running(snapshot.as_ref(), now),
                    Some(snapshot) => self.approach(&snapshot, alive),
                    // No area yet, or a block between two incarnations, or one that says what no side says.
                    None => Ok(None),
                }
            }
            Err(error) => Err(error),
        };
        match met {
            Ok(Some(peer)) => return Some(Event::Up { peer }),
            Err(error) if !self.incompatible => return self.report_incompatible(error),
            _ => self.keep_ringing(now, alive),
        }
        None
    }

    /// What is in the way, once until it is not any more.
    fn report_incompatible(&mut self, error: SetupError) -> Option<Event> {
        let notified = core::mem::replace(&mut self.incompatible, true);
        (!notified).then_some(Event::Incompatible(error))
    }

    /// Notes what the peer's block says now.
    fn see(&mut self, snapshot: &PeerSnapshot, now: Instant) {
        let seen = core::mem::replace(&mut self.seen, *snapshot);
        let moved =
            seen.epoch != snapshot.epoch || seen.peer_epoch != snapshot.peer_epoch || seen.state != snapshot.state;
        if moved {
            self.ring_wait = 0;
        }
        if moved || seen.heartbeat != snapshot.heartbeat {
            self.since = now;
        }
    }

    /// Not running yet: confirms the peer's incarnation, sets the rings up when it has confirmed ours, and runs when
    /// it is ready, too; as many of the three as `snapshot` allows. The peer, once all is done.
    #[inline(never)]
    fn approach(&mut self, snapshot: &PeerSnapshot, alive: bool) -> Result<Option<PeerId>, SetupError> {
        if !alive {
            if self.confirmed != 0 {
                self.confirm(0);
            }
            return Ok(None);
        }
        if snapshot.epoch != self.confirmed {
            self.confirm(snapshot.epoch);
            self.ring_peer();
        }
        if snapshot.peer_epoch != self.epoch {
            return Ok(None);
        }
        if matches!(self.life, Life::Init) {
            self.prepare()?;
            self.ring_peer();
        }
        if matches!(snapshot.state, State::Ready | State::Run) { self.run() } else { Ok(None) }
    }

    /// INIT to READY.
    fn prepare(&mut self) -> Result<(), SetupError> {
        let Some(blocks) = &self.blocks else { return Ok(()) };
        let (peer_count, _) = blocks.peer.buffers(N)?;
        self.rings.compute(blocks.area.data(self.role()), &self.config, peer_count)?;
        blocks.own.ready(&blocks.memory, &self.rings);
        self.life = Life::Ready;
        Ok(())
    }

    /// READY to RUN.
    #[inline(never)]
    fn run(&mut self) -> Result<Option<PeerId>, SetupError> {
        // Where the peer is is known: it has been looked at.
        let Some(blocks) = &self.blocks else { return Ok(None) };
        let peer = blocks.peer.id()?;
        let data = blocks.area.data(other(self.role()));
        blocks.peer.attach(&mut self.bus, &blocks.memory, data, &self.rings, (peer, self.config.vector))?;
        // A second side in this role that has not noticed yet may have written its indices over those that were set to their
        // start: the peer has taken what nobody has sent, and the first message would hide that.
        if !self.bus.is_intact() {
            self.restart();
            return Ok(None);
        }
        blocks.own.state(State::Run);
        self.life = Life::Run;
        (self.incompatible, self.ring_wait) = (false, 0);
        self.ring_peer();
        Ok(Some(peer))
    }

    /// Running: is it still the same peer, and alive? A block between two incarnations, or one that says what no side says,
    /// is no sign of life.
    fn check_running(&mut self, snapshot: Option<&PeerSnapshot>, now: Instant) -> Option<Event> {
        let Some(snapshot) = snapshot else { return self.check_timeout(now) };
        let reason = if !snapshot.alive() {
            Reason::PeerLeft
        } else if snapshot.epoch != self.confirmed {
            Reason::Restarted
        } else if snapshot.peer_epoch == self.epoch && snapshot.state != State::Init {
            return self.check_timeout(now);
        } else {
            // The same incarnation, but not where it should be: only a new start of ours makes it begin anew.
            self.restart();
            return Some(Event::Down(Reason::Restarted));
        };
        self.bus.detach();
        self.confirm(0);
        Some(Event::Down(reason))
    }

    /// Running: has the peer been silent for too long? Then only a new start of ours makes it begin anew.
    fn check_timeout(&mut self, now: Instant) -> Option<Event> {
        if now.micros_since(self.since) < self.config.peer_timeout {
            return None;
        }
        self.restart();
        Some(Event::Down(Reason::PeerTimeout))
    }

    /// Back to INIT, with the peer's epoch confirmed, or none.
    #[inline(never)]
    fn confirm(&mut self, epoch: u32) {
        self.life = Life::Init;
        self.confirmed = epoch;
        if let Some(blocks) = &self.blocks {
            blocks.own.confirm(epoch);
        }
    }

    /// The remote's search for its link, also where its host has moved it.
    fn find(&mut self) -> Result<(), SetupError> {
        if self.role() == Role::Remote
            && matches!(self.life, Life::Init)
            && let Some(directory) = &self.directory
            && let Some(area) = directory.find(self.config.id)?
            && self.blocks.as_ref().is_none_or(|blocks| blocks.area != area)
        {
            let memory = directory.memory().clone();
            self.enter(memory, area)?;
        }
        Ok(())
    }

    /// Once in a heartbeat: shows that this side is alive, and sees that what it has written still stands. Whatever has
    /// damaged its block, a new incarnation sets it right; another side that has taken it over is left alone.
    pub(super) fn show_life(&mut self, now: Instant) -> Option<Event> {
        self.next_beat = now.plus_short(self.config.heartbeat);
        let blocks = self.blocks.as_ref()?;
        if let Some((heartbeat, beats)) = &mut self.role_conflict {
            let (seen, last) = (blocks.own.last_heartbeat(), *heartbeat);
            (*heartbeat, *beats) = (seen, if seen == last { *beats + 1 } else { 0 });
            if *beats < CONFLICT_IS_OVER {
                return None;
            }
            self.role_conflict = None;
            self.restart();
            return None;
        }
        if let Some(directory) = self.directory.as_ref().filter(|_| self.role() == Role::Host) {
            directory.write(blocks.area);
        }
        let state = match self.life {
            Life::Init => State::Init,
            Life::Ready => State::Ready,
            Life::Run => State::Run,
        };
        let block = blocks.own.verify(self.epoch, self.confirmed, state, &self.config);
        // An index set back would leave both sides waiting for each other for ever.
        match block.and_then(|()| if self.bus.is_intact() { Ok(()) } else { Err(None) }) {
            Ok(()) => {
                self.beat = self.beat.wrapping_add(1);
                blocks.own.heartbeat(self.beat);
                self.bus.rearm();
                None
            }
            Err(owner) => {
                let up = matches!(self.life, Life::Run);
                self.restart_as(owner);
                match (owner, up) {
                    (Some(peer), true) => Some(Event::Down(Reason::RoleConflict { peer })),
                    (Some(peer), false) => self.report_incompatible(SetupError::RoleConflict { peer }),
                    (None, true) => Some(Event::Down(Reason::StateCorrupted)),
                    (None, false) => None,
                }
            }
        }
    }

    /// Begins anew after what this side has written was found changed: at once, or, where it is `owner`'s now, when that
    /// is gone.
    fn restart_as(&mut self, owner: Option<PeerId>) {
        match (owner, &self.blocks) {
            (Some(_), Some(blocks)) => {
                self.role_conflict = Some((blocks.own.last_heartbeat(), 0));
                self.bus.detach();
                (self.life, self.confirmed, self.ring_wait) = (Life::Init, 0, 0);
            }
            _ => self.restart(),
        }
    }

    /// Rings a peer that does not answer, each time after a longer wait. Where nobody is there, waits for the doorbell.
    fn keep_ringing(&mut self, now: Instant, alive: bool) {
        if !alive {
            self.ring_wait = 0;
            return;
        }
        if self.ring_wait == 0 {
            self.ring_wait = RING_AGAIN_MICROS;
        } else if now < self.next_ring {
            return;
        } else {
            self.ring_peer();
            self.ring_wait = self.ring_wait.saturating_mul(2).min(self.config.heartbeat);
        }
        self.next_ring = now.plus_short(self.ring_wait);
    }

    /// Rings whoever is, or was last, the peer. An absent one hears nothing.
    pub(super) fn ring_peer(&mut self) {
        let known =
            self.blocks.as_ref().filter(|blocks| blocks.peer.snapshot().is_some_and(|snapshot| snapshot.epoch != 0));
        let peer = match known {
            Some(blocks) => blocks.peer.id().ok(),
            None if self.role() == Role::Host => self.directory.as_ref().and_then(Directory::waiting),
            None => None,
        };
        if let Some(peer) = peer
            && self.bus.doorbell().is_some_and(|doorbell| doorbell.ring(peer, self.config.vector).is_ok())
        {
            self.doorbells = self.doorbells.wrapping_add(1);
        }
    }
}
