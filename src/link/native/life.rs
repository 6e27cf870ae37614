//! The states of a native link: how one side goes from INIT to RUN with the other, and back. See "Life" in
//! `docs/wire-format.md`.

use super::area::{Area, AreaError, Directory};
use super::side::{Look, Own, Peer};
use super::{Life, Link, Sides};
use crate::link::{Event, Reason, Refusal, Role, Roles};
use crate::mem::SharedMemory;
use crate::platform::{Doorbell, Instant, PeerId};
use crate::wire::link::State;

/// The first wait before an unanswered doorbell is rung again; each further one doubles, up to the heartbeat. The first
/// may be lost: a peer's QEMU learns of newcomers from its server a little later than they start.
const RING_AGAIN_MICROS: u32 = 5_000;

/// After how many of this side's heartbeats without one of its rival that counts as gone.
const RIVAL_IS_GONE: u8 = 10;

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
        let (Some(own), Some(peer)) = (Own::new(&memory, area, role), Peer::new(&memory, area, other(role))) else {
            return Err(AreaError::Misaligned);
        };
        self.sides = Some(Sides { memory, area, own, peer });
        self.restart();
        Ok(())
    }

    /// Begins a new incarnation: nothing that the peer knows of this side holds any more.
    pub(super) fn restart(&mut self) {
        self.bus.detach();
        self.life = Life::Init;
        (self.confirmed, self.ring_wait) = (0, 0);
        if let Some(sides) = &self.sides {
            // Past what stands there, whoever wrote it, and past what the peer may still hold for this side.
            let last = sides.own.last_epoch().max(sides.peer.confirmed());
            self.epoch = self.epoch.max(last).wrapping_add(1).max(1);
            sides.own.begin(self.epoch, &self.plan);
        }
        self.ring_peer();
    }

    /// One step with the peer, as far as it has come. Tells the caller what is in the way, once until it is not any more.
    pub(super) fn step(&mut self, now: Instant) -> Option<Event> {
        if now < self.not_before || self.rival.is_some() {
            return None;
        }
        let mut alive = false;
        let met = match self.find() {
            Ok(()) => {
                let look = self.sides.as_ref().and_then(|sides| sides.peer.look());
                if let Some(look) = &look {
                    alive = look.alive();
                    self.see(look, now);
                }
                match look {
                    _ if matches!(self.life, Life::Run) => return self.check_running(look.as_ref(), now),
                    Some(look) => self.approach(&look, alive),
                    // No area yet, or a block between two incarnations, or one that says what no side says.
                    None => Ok(None),
                }
            }
            Err(refusal) => Err(refusal),
        };
        match met {
            Ok(Some(peer)) => return Some(Event::Up { peer }),
            Err(refusal) if !self.refused => return self.refuse(refusal),
            _ => self.keep_ringing(now, alive),
        }
        None
    }

    /// What is in the way, once until it is not any more.
    fn refuse(&mut self, refusal: Refusal) -> Option<Event> {
        let told = core::mem::replace(&mut self.refused, true);
        (!told).then_some(Event::Refused(refusal))
    }

    /// Notes what the peer's block says now.
    fn see(&mut self, look: &Look, now: Instant) {
        let seen = core::mem::replace(&mut self.seen, *look);
        let moved = seen.epoch != look.epoch || seen.peer_epoch != look.peer_epoch || seen.state != look.state;
        if moved {
            self.ring_wait = 0;
        }
        if moved || seen.heartbeat != look.heartbeat {
            self.since = now;
        }
    }

    /// Not running yet: confirms the peer's incarnation, sets the rings up when it has confirmed ours, and runs when
    /// it is ready, too; as many of the three as `look` allows. The peer, once all is done.
    #[inline(never)]
    fn approach(&mut self, look: &Look, alive: bool) -> Result<Option<PeerId>, Refusal> {
        if !alive {
            if self.confirmed != 0 {
                self.confirm(0);
            }
            return Ok(None);
        }
        if look.epoch != self.confirmed {
            self.confirm(look.epoch);
            self.ring_peer();
        }
        if look.peer_epoch != self.epoch {
            return Ok(None);
        }
        if matches!(self.life, Life::Init) {
            self.prepare()?;
            self.ring_peer();
        }
        if matches!(look.state, State::Ready | State::Run) { self.run() } else { Ok(None) }
    }

    /// INIT to READY.
    fn prepare(&mut self) -> Result<(), Refusal> {
        let Some(sides) = &self.sides else { return Ok(()) };
        let (peer_count, _) = sides.peer.buffers(N)?;
        self.parts.lay_out(sides.area.data(self.role()), &self.plan, peer_count)?;
        sides.own.ready(&sides.memory, &self.parts);
        self.life = Life::Ready;
        Ok(())
    }

    /// READY to RUN.
    #[inline(never)]
    fn run(&mut self) -> Result<Option<PeerId>, Refusal> {
        // Where the peer is is known: it has been looked at.
        let Some(sides) = &self.sides else { return Ok(None) };
        let peer = sides.peer.id()?;
        let data = sides.area.data(other(self.role()));
        sides.peer.attach(&mut self.bus, &sides.memory, data, &self.parts, (peer, self.plan.vector))?;
        // A second side in this role that has not noticed yet may have written its indices over those that were set to their
        // start: the peer has taken what nobody has sent, and the first message would hide that.
        if !self.bus.is_intact() {
            self.restart();
            return Ok(None);
        }
        sides.own.state(State::Run);
        self.life = Life::Run;
        (self.refused, self.ring_wait) = (false, 0);
        self.ring_peer();
        Ok(Some(peer))
    }

    /// Running: is it still the same peer, and alive? A block between two incarnations, or one that says what no side says,
    /// is no sign of life.
    fn check_running(&mut self, look: Option<&Look>, now: Instant) -> Option<Event> {
        let Some(look) = look else { return self.check_silence(now) };
        let reason = if !look.alive() {
            Reason::Left
        } else if look.epoch != self.confirmed {
            Reason::Restarted
        } else if look.peer_epoch == self.epoch && look.state != State::Init {
            return self.check_silence(now);
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
    fn check_silence(&mut self, now: Instant) -> Option<Event> {
        if now.micros_since(self.since) < self.plan.silence {
            return None;
        }
        self.restart();
        Some(Event::Down(Reason::Silent))
    }

    /// Back to INIT, with the peer's epoch confirmed, or none.
    #[inline(never)]
    fn confirm(&mut self, epoch: u32) {
        self.life = Life::Init;
        self.confirmed = epoch;
        if let Some(sides) = &self.sides {
            sides.own.confirm(epoch);
        }
    }

    /// The remote's search for its link, also where its host has moved it.
    fn find(&mut self) -> Result<(), Refusal> {
        if self.role() == Role::Remote
            && matches!(self.life, Life::Init)
            && let Some(directory) = &self.directory
            && let Some(area) = directory.find(self.plan.id)?
            && self.sides.as_ref().is_none_or(|sides| sides.area != area)
        {
            let memory = directory.memory().clone();
            self.enter(memory, area)?;
        }
        Ok(())
    }

    /// Once in a heartbeat: shows that this side is alive, and sees that what it has written still stands. Whatever has
    /// damaged its block, a new incarnation sets it right; another side that has taken it over is left alone.
    pub(super) fn show_life(&mut self, now: Instant) -> Option<Event> {
        self.next_beat = now.plus_short(self.plan.heartbeat);
        let sides = self.sides.as_ref()?;
        if let Some((heartbeat, beats)) = &mut self.rival {
            let (seen, last) = (sides.own.last_heartbeat(), *heartbeat);
            (*heartbeat, *beats) = (seen, if seen == last { *beats + 1 } else { 0 });
            if *beats < RIVAL_IS_GONE {
                return None;
            }
            self.rival = None;
            self.restart();
            return None;
        }
        if let Some(directory) = self.directory.as_ref().filter(|_| self.role() == Role::Host) {
            directory.write(sides.area);
        }
        let state = match self.life {
            Life::Init => State::Init,
            Life::Ready => State::Ready,
            Life::Run => State::Run,
        };
        let block = sides.own.stands(self.epoch, self.confirmed, state, &self.plan);
        // An index set back would leave both sides waiting for each other for ever.
        match block.and_then(|()| if self.bus.is_intact() { Ok(()) } else { Err(None) }) {
            Ok(()) => {
                self.beat = self.beat.wrapping_add(1);
                sides.own.heartbeat(self.beat);
                self.bus.ask_again();
                None
            }
            Err(owner) => {
                let up = matches!(self.life, Life::Run);
                self.restart_as(owner);
                match (owner, up) {
                    (Some(peer), true) => Some(Event::Down(Reason::Displaced { peer })),
                    (Some(peer), false) => self.refuse(Refusal::Displaced { peer }),
                    (None, true) => Some(Event::Down(Reason::Damaged)),
                    (None, false) => None,
                }
            }
        }
    }

    /// Begins anew after what this side has written was found changed: at once, or, where it is `owner`'s now, when that
    /// is gone.
    fn restart_as(&mut self, owner: Option<PeerId>) {
        match (owner, &self.sides) {
            (Some(_), Some(sides)) => {
                self.rival = Some((sides.own.last_heartbeat(), 0));
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
            self.ring_wait = self.ring_wait.saturating_mul(2).min(self.plan.heartbeat);
        }
        self.next_ring = now.plus_short(self.ring_wait);
    }

    /// Rings whoever is, or was last, the peer. An absent one hears nothing.
    pub(super) fn ring_peer(&mut self) {
        let known = self.sides.as_ref().filter(|sides| sides.peer.look().is_some_and(|look| look.epoch != 0));
        let peer = match known {
            Some(sides) => sides.peer.id().ok(),
            None if self.role() == Role::Host => self.directory.as_ref().and_then(Directory::waiting),
            None => None,
        };
        if let Some(peer) = peer
            && self.bus.doorbell().is_some_and(|doorbell| doorbell.ring(peer, self.plan.vector).is_ok())
        {
            self.doorbells = self.doorbells.wrapping_add(1);
        }
    }
}
