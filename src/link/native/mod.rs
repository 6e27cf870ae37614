//! The native profile: one memory that describes itself, and two sides that may start, die and return in any order.
//!
//! Each side writes a block of its own (who it is, which incarnation, how far it has come) and reads the other's; a
//! doorbell only says "look". The rule that makes restarts safe: a side touches the rings' memory only while the other
//! has confirmed its present incarnation and is not yet using it, so nothing old is ever read as new.
//! `docs/wire-format.md` has the layout and the states.

mod area;
#[cfg(feature = "async")]
mod asynchronous;
mod life;
mod side;
#[cfg(test)]
mod tests;

pub use area::AreaError;
#[cfg(feature = "async")]
pub use asynchronous::Arrival;
pub use side::{Part, PeerError};

use self::area::{Area, Directory};
use self::side::{LinkConfig, LocalBlock, PeerSnapshot, RemoteBlock, RingLayout, buffers_are_sound};
use core::marker::PhantomData;

use super::drive::{self, LinkDriver};
use super::{AnyLink, Either, Event, Reason, Role, Roles, Settings};
use crate::mem::SharedMemory;
use crate::platform::{Doorbell, Instant, PeerId};
use crate::rpmsg::Bus;
use crate::rpmsg::profile::Native;
use crate::wire::link::State;

/// How far this side has come with the peer.
#[derive(Clone, Copy, Debug)]
enum Life {
    /// INIT: own rings are not to be used.
    Init,
    /// READY: own rings are set up as `rings` says.
    Ready,
    /// RUN: the bus is attached.
    Run,
}

/// Both blocks, once it is known where they are.
#[derive(Debug)]
struct Blocks<M: SharedMemory> {
    /// All of it.
    memory: M,
    area: Area,
    own: LocalBlock<M>,
    peer: RemoteBlock<M>,
}

/// One side of a link, with at most `E` endpoints and `N` buffers in each direction.
///
/// Where it is to be a remote only, or a host only, [`OnlyRemote`](super::OnlyRemote) or [`OnlyHost`](super::OnlyHost) as
/// `R` leaves the other's code out of the image.
///
/// It needs no memory of its own beside itself, and never blocks. Dropping it tells the peer that this side has left.
///
/// It is made [unopened](Self::unopened) where it is to lie, as a static is, and [opened](Self::open) there; or, where the
/// stack has room for it (about 1 KiB on 32 bits with 4 endpoints and 16 buffers, more than once), both by
/// [`new`](Self::new).
// In this order, the bus last, because what is near the start is reached by shorter instructions.
#[derive(Debug)]
#[repr(C)]
pub struct Link<M: SharedMemory, D: Doorbell, const E: usize, const N: usize, R: Roles = Either> {
    roles: PhantomData<R>,
    life: Life,
    rings: RingLayout,
    /// There from when it is known where they are.
    blocks: Option<Blocks<M>>,
    config: LinkConfig,
    /// This incarnation.
    epoch: u32,
    /// The peer's incarnation that this side has confirmed, or 0.
    confirmed: u32,
    /// When to show life again.
    next_beat: Instant,
    /// Until when a peer that broke the link is not looked at.
    not_before: Instant,
    /// When to ring an unanswering peer again, where there is a wait before that.
    next_ring: Instant,
    /// The wait, in microseconds; 0 where the peer need not be rung again.
    ring_wait: u32,
    /// Whether the caller was told what is in the way.
    incompatible: bool,
    /// What was last seen of the peer, and since when its heartbeat is that.
    seen: PeerSnapshot,
    since: Instant,
    beat: u32,
    /// Another side that has taken this one's block: its heartbeat, and for how many of ours it has been that.
    role_conflict: Option<(u32, u8)>,
    doorbells: u32,
    /// There from when the link is open.
    directory: Option<Directory<M>>,
    /// What a waiting `send` has found out, for the next poll.
    #[cfg(feature = "async")]
    found: Option<Event>,
    bus: Bus<Native<M, N>, D, E>,
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize, R: Roles> Link<M, D, E, N, R> {
    /// A link that is not open: nothing happens on it. Endpoints can be opened already.
    #[must_use]
    pub const fn unopened() -> Self {
        Self {
            roles: PhantomData,
            directory: None,
            config: LinkConfig::NONE,
            blocks: None,
            bus: Bus::unopened(),
            life: Life::Init,
            rings: RingLayout::NONE,
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
            incompatible: false,
            #[cfg(feature = "async")]
            found: None,
            doorbells: 0,
        }
    }

    /// One side of a link in `memory`, whose own number on the server is `id`: an [unopened](Self::unopened) one,
    /// [opened](Self::open).
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub fn new(memory: M, doorbell: D, id: PeerId, settings: Settings) -> Result<Self, AreaError> {
        let mut link = Self::unopened();
        link.open(memory, doorbell, id, &settings)?;
        Ok(link)
    }

    /// Opens the link in `memory`, where this side's own number on the server is `id`; one that is open leaves its peer
    /// first.
    ///
    /// A host writes the directory and the link's entry, begins an incarnation, and rings whoever waits for it; a remote
    /// does as much when it has found its host, in [`poll`](Self::poll). By then this side's own doorbell must be able to
    /// arrive; it is rung once, to prove that the device has the vector.
    ///
    /// # Errors
    /// Settings that do not fit the memory, the device or this link's sizes, or a memory in which something else is. The
    /// memory is then as it was, and the link not open.
    pub fn open(&mut self, memory: M, doorbell: D, id: PeerId, settings: &Settings) -> Result<(), AreaError> {
        self.close();
        if settings.role == Role::Host && !R::HOST || settings.role == Role::Remote && !R::REMOTE {
            return Err(AreaError::Role);
        }
        if !buffers_are_sound(settings.buffer_count.into(), settings.buffer_size, N) {
            return Err(AreaError::Buffers);
        }
        (self.next_beat, self.not_before) = (Instant::default(), Instant::default());
        (self.ring_wait, self.incompatible) = (0, false);
        doorbell.ring(id, settings.vector).map_err(|_| AreaError::Doorbell)?;
        self.bus.set_doorbell(doorbell);
        let directory = Directory::new(memory.clone(), settings.link)?;
        self.config = LinkConfig::new(id, settings);
        if self.role() == Role::Remote {
            self.directory = Some(directory);
            return Ok(());
        }
        let (area, before) = directory.publish(settings.area, &self.config, N)?;
        if let Some(before) = before {
            // A remote that still looks at the old place finds nobody there, and asks the directory again.
            if let Some(own) = LocalBlock::new(&memory, before, Role::Host) {
                own.state(State::Reset);
            }
        }
        self.directory = Some(directory);
        self.enter(memory, area)
    }

    /// Tells the peer that this side is gone; the link is unopened again. Its endpoints stay open.
    pub fn close(&mut self) {
        self.bus.detach();
        // The block of another side in this role is not ours to end.
        if let Some(blocks) = self.blocks.as_ref().filter(|_| self.role_conflict.is_none()) {
            blocks.own.state(State::Reset);
        }
        self.ring_peer();
        (self.life, self.blocks, self.directory, self.role_conflict) = (Life::Init, None, None, None);
    }

    /// Which side this is: known when this is compiled, where it can be one only.
    #[inline(always)]
    const fn role(&self) -> Role {
        match (R::HOST, R::REMOTE) {
            (true, true) => self.config.role,
            (true, false) => Role::Host,
            (false, _) => Role::Remote,
        }
    }

    /// The bus, to open endpoints and send.
    pub const fn bus(&mut self) -> &mut Bus<Native<M, N>, D, E> {
        &mut self.bus
    }

    /// Doorbells rung so far, for messages and for the link itself; wraps.
    #[must_use]
    pub fn doorbells(&self) -> u32 {
        self.doorbells.wrapping_add(self.bus.counters().doorbells)
    }

    /// What has happened since the last call, one event at a time; `now` is the time on any clock that only grows.
    ///
    /// `None` where nothing more has: then the caller waits for a doorbell, but no longer than to the
    /// [`deadline`](Self::deadline).
    #[inline(always)]
    pub fn poll(&mut self, now: Instant) -> Option<Event> {
        #[cfg(feature = "async")]
        let event = self.found.take().or_else(|| drive::poll(self, now));
        #[cfg(not(feature = "async"))]
        let event = drive::poll(self, now);
        #[cfg(feature = "log")]
        self.log(event.as_ref());
        event
    }

    /// When to poll again even if no doorbell rings.
    #[must_use]
    pub fn deadline(&self) -> Instant {
        if self.has_more() {
            return Instant::default();
        }
        if self.ring_wait != 0 { self.next_ring.min(self.next_beat) } else { self.next_beat }
    }

    /// Whether the last poll stopped although there may be more, so that a caller must not wait.
    const fn has_more(&self) -> bool {
        self.bus.has_more() || self.bus.has_news()
    }

    /// Logs what concerns the link as a whole; never a message.
    #[cfg(feature = "log")]
    fn log(&self, event: Option<&Event>) {
        let link = self.directory.as_ref().map_or(0, Directory::link);
        match event {
            Some(Event::Up { peer }) => log::info!("link {link} is up with peer {peer}"),
            Some(Event::Down(reason)) => log::warn!("link {link} is down: {reason}"),
            Some(Event::Incompatible(error)) => log::error!("link {link} cannot come up: {error}"),
            Some(Event::Bus(_)) | None => (),
        }
    }
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize, R: Roles> LinkDriver<E> for Link<M, D, E, N, R> {
    /// Once in a heartbeat.
    #[inline(always)]
    fn is_due(&self, now: Instant) -> bool {
        now >= self.next_beat
    }

    fn tick(&mut self, now: Instant) -> Option<Event> {
        self.show_life(now).or_else(|| self.step(now))
    }

    /// Running, and so is the peer: a step would do nothing, but for the peer's timeout, which is checked once in a heartbeat.
    #[inline(always)]
    fn is_in_sync(&self) -> bool {
        self.blocks.as_ref().is_some_and(|blocks| blocks.peer.is_running(self.epoch))
    }

    fn resync(&mut self, now: Instant) -> Option<Event> {
        let Some(fault) = self.bus.fault() else { return self.step(now) };
        let event = Some(Event::Down(Reason::Fault(fault)));
        self.restart();
        // One that breaks every link it is given gets a new one at its leisure, not at its own pace.
        self.not_before = now.plus_short(self.config.heartbeat);
        event
    }
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize, R: Roles> AnyLink<E> for Link<M, D, E, N, R> {
    type Profile = Native<M, N>;
    type Doorbell = D;

    fn bus(&mut self) -> &mut Bus<Native<M, N>, D, E> {
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
