//! The native link: walks through the states with the peer, and carries the bus while both run.

use core::time::Duration;

use super::area::{Area, AreaError, Directory};
use super::side::{Ends, Look, Own, Parts, Peer, check};
use super::{Event, Reason, Refusal, Role, Settings};
use crate::mem::SharedMemory;
use crate::platform::{Doorbell, Instant, PeerId};
use crate::rpmsg::Bus;
use crate::rpmsg::profile::Native;
use crate::wire::link::State;

/// The first wait before an unanswered doorbell is rung again; each further one doubles, up to the heartbeat. The first
/// may be lost: a peer's QEMU learns of newcomers from its server a little later than they start.
const RING_AGAIN_MICROS: u64 = 5_000;

/// A side that beat faster would do nothing else.
const SHORTEST_HEARTBEAT: Duration = Duration::from_millis(1);

/// How far this side has come with the peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Life {
    /// INIT: own rings are not to be used.
    Init,
    /// READY: own rings are set up so.
    Ready(Parts),
    /// RUN: the bus is attached.
    Run,
}

/// Both blocks, once it is known where they are.
#[derive(Debug)]
struct Sides<M> {
    area: Area,
    own: Own<M>,
    peer: Peer<M>,
}

/// One side of a link, with at most `E` endpoints and `N` buffers in each direction.
///
/// It needs no memory of its own beside itself, and never blocks. Dropping it tells the peer that this side has left.
#[derive(Debug)]
pub struct Link<M: SharedMemory, D: Doorbell, const E: usize, const N: usize> {
    memory: M,
    directory: Directory<M>,
    settings: Settings,
    id: PeerId,
    sides: Option<Sides<M>>,
    bus: Bus<Native<M, N>, D, E>,
    life: Life,
    /// This incarnation.
    epoch: u32,
    /// The peer's incarnation that this side has confirmed, or 0.
    confirmed: u32,
    /// What was last seen of the peer, and since when its heartbeat is that.
    seen: Option<(Look, Instant)>,
    beat: u32,
    /// When to show life again.
    next_beat: Instant,
    /// Until when a peer that broke the link is not looked at.
    not_before: Instant,
    /// When to ring an unanswering peer again, and the wait after that.
    next_ring: Option<(Instant, u64)>,
    /// Whether the caller was told what is in the way.
    refused: bool,
    doorbells: u32,
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize> Link<M, D, E, N> {
    /// One side of a link in `memory`, whose own number on the server is `id`.
    ///
    /// A host writes the directory and the link's entry at once; nothing else happens before the first
    /// [`poll`](Self::poll). Doorbells must be able to arrive by then.
    ///
    /// # Errors
    /// Settings that do not fit the memory or this link's sizes, or a memory in which something else is.
    pub fn new(memory: M, doorbell: D, id: PeerId, settings: Settings) -> Result<Self, AreaError> {
        let heartbeat = settings.heartbeat.max(SHORTEST_HEARTBEAT);
        let settings = Settings { heartbeat, ..settings };
        let directory = Directory::new(&memory, settings.link)?;
        let mut link = Self {
            directory,
            settings,
            id,
            sides: None,
            bus: Bus::new(doorbell),
            life: Life::Init,
            epoch: 0,
            confirmed: 0,
            seen: None,
            beat: 0,
            next_beat: Instant::default(),
            not_before: Instant::default(),
            next_ring: None,
            refused: false,
            doorbells: 0,
            memory,
        };
        if settings.role == Role::Host {
            let (area, before) = link.directory.publish(&settings)?;
            if let Some(before) = before {
                // A remote that still looks at the old place finds nobody there, and asks the directory again.
                Own::new(&link.memory, before, Role::Host)?.state(State::Reset);
            }
            link.enter(area)?;
        }
        Ok(link)
    }

    /// The bus, to open endpoints and send.
    pub const fn bus(&mut self) -> &mut Bus<Native<M, N>, D, E> {
        &mut self.bus
    }

    /// Doorbells rung so far, for messages and for the link itself; wraps.
    #[must_use]
    pub const fn doorbells(&self) -> u32 {
        self.doorbells.wrapping_add(self.bus.counters().doorbells)
    }

    /// What has happened since the last call, one event at a time; `now` is the time on any clock that only grows.
    ///
    /// `None` where nothing more has: then the caller waits for a doorbell, but no longer than to the
    /// [`deadline`](Self::deadline).
    pub fn poll(&mut self, now: Instant) -> Option<Event> {
        let event = self.next_event(now);
        #[cfg(feature = "log")]
        self.log(event.as_ref());
        event
    }

    fn next_event(&mut self, now: Instant) -> Option<Event> {
        // After the peer is looked when there is nothing else to do, and once in a heartbeat however busy the bus is.
        let due = now >= self.next_beat;
        if due {
            self.show_life(now);
            if let Some(event) = self.step(now) {
                return Some(event);
            }
        }
        match self.bus.poll() {
            Ok(Some(event)) => Some(Event::Bus(event)),
            Ok(None) if due => None,
            Ok(None) => self.step(now),
            Err(fault) => {
                self.restart();
                // One that breaks every link it is given gets a new one at its leisure, not at its own pace.
                self.not_before = now + self.settings.heartbeat;
                Some(Event::Down(Reason::Fault(fault)))
            }
        }
    }

    /// When to poll again even if no doorbell rings.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        if self.has_more() {
            return Instant::default();
        }
        self.next_ring.map_or(self.next_beat, |(at, _)| at.min(self.next_beat))
    }

    /// Whether the last poll stopped although there may be more, so that a caller must not wait.
    pub(super) const fn has_more(&self) -> bool {
        self.bus.has_more() || self.bus.has_news()
    }

    /// Logs what concerns the link as a whole; never a message.
    #[cfg(feature = "log")]
    fn log(&self, event: Option<&Event>) {
        let link = self.settings.link;
        match event {
            Some(Event::Up { peer }) => log::info!("link {link} is up with peer {peer}"),
            Some(Event::Down(reason)) => log::warn!("link {link} is down: {reason}"),
            Some(Event::Refused(refusal)) => log::error!("link {link} cannot come up: {refusal}"),
            Some(Event::Bus(_)) | None => (),
        }
    }

    /// Knows where the link is now, and begins an incarnation.
    fn enter(&mut self, area: Area) -> Result<(), AreaError> {
        check(&self.settings, area, N)?;
        let role = self.settings.role;
        let other = if role == Role::Host { Role::Remote } else { Role::Host };
        let own = Own::new(&self.memory, area, role)?;
        let peer = Peer::new(&self.memory, area, other)?;
        // Past what an earlier incarnation of this side was, and past what the peer may still hold for it.
        self.epoch = own.last_epoch().max(peer.look().map_or(0, |look| look.peer_epoch));
        self.sides = Some(Sides { area, own, peer });
        self.restart();
        Ok(())
    }

    /// Begins a new incarnation: nothing that the peer knows of this side holds any more.
    fn restart(&mut self) {
        self.bus.detach();
        self.life = Life::Init;
        self.confirmed = 0;
        self.epoch = self.epoch.wrapping_add(1).max(1);
        if let Some(sides) = &self.sides {
            sides.own.begin(self.epoch, self.id, &self.settings);
        }
        self.ring_peer();
    }

    /// One step with the peer, as far as it has come.
    fn step(&mut self, now: Instant) -> Option<Event> {
        if now < self.not_before {
            return None;
        }
        if let Err(refusal) = self.find() {
            return self.refuse(refusal);
        }
        let Some(look) = self.sides.as_ref().and_then(|sides| sides.peer.look()) else {
            return self.keep_ringing(now, true);
        };
        let news = self.seen.is_none_or(|(seen, _)| seen != look);
        if self.seen.is_none_or(|(seen, _)| (seen.heartbeat, seen.epoch) != (look.heartbeat, look.epoch)) {
            self.seen = Some((look, now));
        } else if let Some((seen, _)) = &mut self.seen {
            *seen = look;
        }
        if news {
            self.next_ring = None;
        }
        let event = if self.life == Life::Run { self.check_running(look, now) } else { self.approach(look) };
        if self.life != Life::Run && event.is_none() {
            return self.keep_ringing(now, !look.alive());
        }
        event
    }

    /// Not running yet: confirms the peer's incarnation, sets the rings up when it has confirmed ours, and runs when
    /// it is ready, too.
    fn approach(&mut self, look: Look) -> Option<Event> {
        let sides = self.sides.as_ref()?;
        if !look.alive() {
            if self.confirmed != 0 {
                self.confirm(0);
            }
            return None;
        }
        if look.epoch != self.confirmed {
            self.confirm(look.epoch);
            self.ring_peer();
            return self.approach(look);
        }
        if look.peer_epoch != self.epoch {
            return None;
        }
        let result = match self.life {
            Life::Init => self.prepare(),
            Life::Ready(parts) if matches!(look.state, State::Ready | State::Run) => {
                let data = sides.area.data(if self.settings.role == Role::Host { Role::Remote } else { Role::Host });
                let connected = sides.peer.connect::<N>(&self.memory, data, &parts);
                match connected.and_then(|ends| Ok((ends, sides.peer.id()?))) {
                    Ok((ends, peer)) => return Some(self.run(ends, peer)),
                    Err(error) => Err(error.into()),
                }
            }
            Life::Ready(_) | Life::Run => Ok(false),
        };
        match result {
            Ok(true) => {
                self.ring_peer();
                self.approach(look)
            }
            Ok(false) => None,
            Err(refusal) => self.refuse(refusal),
        }
    }

    /// INIT to READY.
    fn prepare(&mut self) -> Result<bool, Refusal> {
        let Some(sides) = &self.sides else { return Ok(false) };
        let (peer_count, _) = sides.peer.buffers(N)?;
        let parts = Parts::lay_out(sides.area.data(self.settings.role), &self.settings, peer_count)?;
        sides.own.ready(&self.memory, &parts).map_err(AreaError::from)?;
        self.life = Life::Ready(parts);
        Ok(true)
    }

    /// READY to RUN.
    fn run(&mut self, (outgoing, incoming): Ends<M, N>, peer: PeerId) -> Event {
        self.bus.attach(outgoing, incoming, peer, self.settings.vector);
        self.life = Life::Run;
        (self.refused, self.next_ring) = (false, None);
        if let Some(sides) = &self.sides {
            sides.own.state(State::Run);
        }
        self.ring_peer();
        Event::Up { peer }
    }

    /// Running: is it still the same peer, and alive?
    fn check_running(&mut self, look: Look, now: Instant) -> Option<Event> {
        let since = self.seen.map_or(now, |(_, since)| since);
        let silent = self.settings.silence.is_some_and(|limit| now > since + limit);
        let reason = if !look.alive() {
            Reason::Left
        } else if look.epoch != self.confirmed {
            Reason::Restarted
        } else if look.peer_epoch == self.epoch && look.state != State::Init && !silent {
            return None;
        } else {
            // The same incarnation, but silent or not where it should be: only a new start of ours makes it begin anew.
            self.restart();
            return Some(Event::Down(if silent { Reason::Silent } else { Reason::Restarted }));
        };
        self.bus.detach();
        self.confirm(0);
        Some(Event::Down(reason))
    }

    /// Back to INIT, with the peer's epoch confirmed, or none.
    fn confirm(&mut self, epoch: u32) {
        self.life = Life::Init;
        self.confirmed = epoch;
        if let Some(sides) = &self.sides {
            sides.own.confirm(epoch);
        }
    }

    /// The remote's search for its link, also where its host has moved it.
    fn find(&mut self) -> Result<(), Refusal> {
        if self.settings.role == Role::Remote
            && self.life == Life::Init
            && let Some(area) = self.directory.find(self.id)?
            && self.sides.as_ref().is_none_or(|sides| sides.area != area)
        {
            self.enter(area)?;
        }
        Ok(())
    }

    fn show_life(&mut self, now: Instant) {
        self.next_beat = now + self.settings.heartbeat;
        self.beat = self.beat.wrapping_add(1);
        if let Some(sides) = &self.sides {
            sides.own.heartbeat(self.beat);
        }
    }

    /// Rings a peer that does not answer, each time after a longer wait. Where nobody is there, waits for the doorbell.
    fn keep_ringing(&mut self, now: Instant, absent: bool) -> Option<Event> {
        let longest = u64::try_from(self.settings.heartbeat.as_micros()).unwrap_or(u64::MAX);
        self.next_ring = match self.next_ring {
            _ if absent => None,
            Some((at, wait)) if now >= at => {
                self.ring_peer();
                let wait = wait.saturating_mul(2).min(longest);
                Some((now.plus_micros(wait), wait))
            }
            Some(waiting) => Some(waiting),
            None => Some((now.plus_micros(RING_AGAIN_MICROS), RING_AGAIN_MICROS)),
        };
        None
    }

    /// Rings whoever is, or was last, the peer. An absent one hears nothing; one with another vector is the settings'
    /// error, which the bus reports with the first message.
    fn ring_peer(&mut self) {
        let known = self.sides.as_ref().filter(|sides| sides.peer.look().is_some_and(|look| look.epoch != 0));
        let peer = match known {
            Some(sides) => sides.peer.id().ok(),
            None if self.settings.role == Role::Host => self.directory.waiting(),
            None => None,
        };
        if let Some(peer) = peer
            && self.bus.doorbell().ring(peer, self.settings.vector).is_ok()
        {
            self.doorbells = self.doorbells.wrapping_add(1);
        }
    }

    /// Tells the caller what is in the way, once until it is not any more.
    fn refuse(&mut self, refusal: impl Into<Refusal>) -> Option<Event> {
        let told = core::mem::replace(&mut self.refused, true);
        (!told).then(|| Event::Refused(refusal.into()))
    }
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize> Drop for Link<M, D, E, N> {
    fn drop(&mut self) {
        self.bus.detach();
        if let Some(sides) = &self.sides {
            sides.own.state(State::Reset);
        }
        self.ring_peer();
    }
}
