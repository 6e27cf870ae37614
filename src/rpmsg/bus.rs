// SPDX-License-Identifier: Apache-2.0
//! The bus: sends for its endpoints, sorts received messages, and runs the name service.

use super::endpoints::Endpoints;
use super::{
    Address, Config, DownReason, Endpoint, Fault, Incoming, Message, Name, OpenError, Outgoing, Profile, RingError,
    SetupError, serial,
};
use crate::platform::{Doorbell, PeerId, Vector};
use crate::session::SessionEvent;

/// An event of a link.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer is there and ready, and endpoints are being announced to it.
    Up {
        /// The peer's id on the server.
        peer: PeerId,
    },
    /// The peer is gone. Messages not yet released are void, and messages that the peer has not received are lost.
    Down(DownReason),
    /// The link cannot come up as things are. It keeps trying, and reports this once until it has come up.
    Incompatible(SetupError),
    /// A message has arrived.
    Message(Message),
    /// An endpoint is now bound to its peer and can send.
    Bound {
        /// The endpoint on this side.
        endpoint: Endpoint,
        /// The peer's endpoint.
        peer: Address,
    },
    /// An endpoint's peer is gone: it cannot send until it is bound again.
    Unbound {
        /// The endpoint on this side.
        endpoint: Endpoint,
    },
    /// The peer has an endpoint whose name no endpoint of this side has. The native profile announces it again when
    /// this side opens an endpoint of that name. In the `openamp` profile, open the endpoint with this address as its
    /// peer.
    Announced {
        /// The name of the peer's endpoint.
        name: Name,
        /// Its address at the peer.
        address: Address,
    },
    /// The peer has closed an endpoint to which no endpoint of this side was bound.
    Withdrawn {
        /// The name of the peer's endpoint.
        name: Name,
        /// Its address at the peer.
        address: Address,
    },
}

impl SessionEvent<Fault, RingError> for Event {
    #[inline(always)]
    fn up(peer: PeerId) -> Self {
        Self::Up { peer }
    }

    #[inline(always)]
    fn down(reason: DownReason) -> Self {
        Self::Down(reason)
    }

    #[inline(always)]
    fn incompatible(error: SetupError) -> Self {
        Self::Incompatible(error)
    }
}

/// Counters of a bus. All wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Messages sent, announcements included.
    pub sent: u32,
    /// Messages received, announcements included.
    pub received: u32,
    /// Doorbells rung for messages and for buffers given back.
    pub doorbells: u32,
    /// Messages dropped because no endpoint of this side has their destination address.
    pub unknown: u32,
}

bitflags::bitflags! {
    /// Work for a poll in addition to the ring.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Due: u8 {
        /// There may be an endpoint that was bound or unbound without the application's knowledge.
        const BINDINGS = 1 << 0;
        /// There may be an endpoint that has to be announced.
        const ANNOUNCEMENTS = 1 << 1;
        /// The last poll stopped although there may be more messages; within a poll, a message was put aside.
        const MORE = 1 << 2;
    }
}

/// The state of the peer.
// `Absent` is all zeros. So start-up code clears an unopened bus, and flash holds no copy of it. An `Option` may keep
// its tag in any byte.
#[derive(Debug)]
#[repr(u8)]
pub(super) enum Peer<P: Profile> {
    /// There is no peer.
    Absent = 0,
    /// The peer is there.
    Here(Attached<P>) = 1,
    /// The peer has broken a rule, and is ignored until its link has restarted.
    Broken(Fault) = 2,
}

/// Both directions while there is a peer, and the doorbell to ring for it.
#[derive(Debug)]
pub(super) struct Attached<P: Profile> {
    pub outgoing: P::Outgoing,
    pub incoming: P::Incoming,
    peer: PeerId,
    vector: Vector,
    /// Set while the peer has been asked to notify of freed buffers.
    pub waiting: bool,
}

/// A bus in the wire profile `P`, which rings the doorbell `D`.
// The fields are in this order because those near the start are reached by shorter instructions.
#[derive(Debug)]
#[repr(C)]
pub struct Bus<P: Profile, D> {
    /// The present or last session: a count from 1 on, with the bus's number in the upper bits, so that no two sessions
    /// are the same.
    pub(super) session: u32,
    /// The number of this bus, which no other bus has; 0 until the bus first needs it.
    pub(super) number: u32,
    /// Work for the next poll in addition to the ring; usually none.
    pub(super) due: Due,
    /// The counters of earlier sessions; those of the present session are in its two ends.
    pub(super) counters: Counters,
    /// A message that needs more than delivery to a bound endpoint: the same poll looks at it next.
    pub(super) deferred: Option<Message>,
    /// Present once the link is open.
    pub(super) doorbell: Option<D>,
    pub(super) peer: Peer<P>,
    pub(super) endpoints: Endpoints<P::Endpoints>,
}

impl<P: Profile, D: Doorbell> Bus<P, D> {
    /// Creates a bus without a peer.
    pub(crate) fn new(doorbell: D) -> Self {
        let mut bus = Self::unopened();
        bus.set_doorbell(doorbell);
        bus
    }

    /// Creates a bus without a peer and without a doorbell.
    pub(crate) const fn unopened() -> Self {
        Self {
            peer: Peer::Absent,
            doorbell: None,
            endpoints: Endpoints::new(),
            session: 0,
            number: 0,
            deferred: None,
            due: Due::empty(),
            counters: Counters { sent: 0, received: 0, doorbells: 0, unknown: 0 },
        }
    }

    /// Sets the doorbell, before the bus is attached.
    pub(crate) fn set_doorbell(&mut self, doorbell: D) {
        self.doorbell = Some(doorbell);
    }

    /// Attaches the peer: messages go through `outgoing` and `incoming`, and `vector` rings the peer. Announces every
    /// named endpoint.
    // Inlined, so that both ends are built in their final place.
    #[inline(always)]
    pub(crate) fn attach(&mut self, outgoing: P::Outgoing, incoming: P::Incoming, peer: PeerId, vector: Vector) {
        self.detach();
        self.peer = Peer::Here(Attached { outgoing, incoming, peer, vector, waiting: false });
        self.attached_now();
    }

    fn attached_now(&mut self) {
        if let Peer::Here(attached) = &mut self.peer {
            attached.outgoing.start();
        }
        let number = self.number();
        self.session = (self.session ^ number).wrapping_add(1) ^ number;
        self.endpoints.up(P::ANNOUNCE_ALL);
        self.due |= Due::BINDINGS | Due::ANNOUNCEMENTS;
    }

    /// Detaches the peer. Messages not released and buffers not sent are void from here on.
    pub(crate) fn detach(&mut self) {
        if self.is_up() {
            self.counters = self.counters();
            self.endpoints.down();
            self.due |= Due::BINDINGS;
        }
        self.peer = Peer::Absent;
        self.deferred = None;
        self.due.remove(Due::MORE);
    }

    /// Records that the peer has broken a rule.
    #[cold]
    #[inline(never)]
    pub(crate) fn fail(&mut self, fault: Fault) {
        self.detach();
        self.peer = Peer::Broken(fault);
    }

    /// Returns the doorbell that the bus rings.
    pub(crate) const fn doorbell(&self) -> Option<&D> {
        self.doorbell.as_ref()
    }

    /// Returns the fault of the peer, if the peer has broken something. The bus is then unusable until its link restarts.
    pub(crate) const fn fault(&self) -> Option<Fault> {
        match self.peer {
            Peer::Broken(fault) => Some(fault),
            _ => None,
        }
    }

    /// Returns whether there is a peer.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self.peer, Peer::Here(_))
    }

    /// Returns whether the last poll of the link stopped for fairness although there may be more. Poll again instead of
    /// waiting.
    #[must_use]
    pub(crate) const fn has_more(&self) -> bool {
        self.due.contains(Due::MORE)
    }

    /// Returns whether this side's indices are still the ones that this side wrote, as far as can be told.
    pub(crate) fn is_intact(&self) -> bool {
        self.attached().is_none_or(|attached| attached.incoming.is_intact() && attached.outgoing.is_intact())
    }

    /// Repeats the request that tells the peer when to ring for messages, because another peer may have overwritten it
    /// and this side is the only one that checks.
    pub(crate) fn rearm(&mut self) {
        if let Peer::Here(attached) = &mut self.peer {
            attached.incoming.rearm();
        }
    }

    /// Returns whether a poll has something to report without a doorbell: an endpoint was bound or unbound.
    pub(crate) const fn has_news(&self) -> bool {
        self.due.contains(Due::BINDINGS)
    }

    /// Returns the counters of the bus.
    #[must_use]
    pub fn counters(&self) -> Counters {
        let (sent, received) =
            self.attached().map_or((0, 0), |attached| (attached.outgoing.sent(), attached.incoming.received()));
        Counters {
            sent: self.counters.sent.wrapping_add(sent),
            received: self.counters.received.wrapping_add(received),
            ..self.counters
        }
    }

    /// Returns the size of the longest message that can be sent now, in bytes; 0 without a peer.
    #[must_use]
    pub fn max_message(&self) -> u32 {
        self.attached().map_or(0, |attached| attached.outgoing.capacity().into())
    }

    /// Opens an endpoint that is announced under `name` and bound to the peer's endpoint of the same name.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open(&mut self, name: &str) -> Result<Endpoint, OpenError> {
        self.open_with(&Config { name: Some(name), ..Config::default() })
    }

    /// Opens an endpoint.
    ///
    /// # Errors
    /// See [`OpenError`].
    pub fn open_with(&mut self, config: &Config<'_>) -> Result<Endpoint, OpenError> {
        let address = self.endpoints.open(config, self.is_up(), P::ANNOUNCE_ALL)?;
        self.due |= Due::BINDINGS | Due::ANNOUNCEMENTS;
        Ok(Endpoint { address, bus: self.number() })
    }

    /// Closes an endpoint and tells the peer. Received messages for this endpoint still have to be released. Does
    /// nothing with an endpoint that is already closed or that belongs to another link.
    pub fn close(&mut self, endpoint: Endpoint) {
        if self.owns(endpoint) && self.endpoints.close(endpoint.address, self.is_up()) {
            self.due |= Due::ANNOUNCEMENTS;
        }
    }

    /// Returns the peer's address to which `endpoint` sends.
    #[must_use]
    #[inline]
    pub fn peer_of(&self, endpoint: Endpoint) -> Option<Address> {
        match self.owns(endpoint) {
            true => self.endpoints.peer_of(endpoint.address),
            false => None,
        }
    }

    /// Returns the index of an endpoint in the tables of a bus.
    #[cfg(feature = "async")]
    pub(super) fn index_of(&self, endpoint: Endpoint) -> Option<usize> {
        self.owns(endpoint).then(|| self.endpoints.index_of(endpoint.address)).flatten()
    }

    /// Returns whether an endpoint belongs to this bus.
    #[inline(always)]
    pub(super) const fn owns(&self, endpoint: Endpoint) -> bool {
        endpoint.bus == self.number
    }

    /// Returns whether `session` was a session of this bus, which may be over.
    #[cold]
    pub(super) const fn had(&self, session: u32) -> bool {
        // Another bus's number differs in the upper bits, which makes this greater than any count.
        session ^ self.number <= self.session ^ self.number
    }

    /// Returns the number of this bus, which is drawn when it is first needed.
    fn number(&mut self) -> u32 {
        if self.number == 0 {
            self.number = serial::next();
            self.session = self.number;
        }
        self.number
    }

    /// Returns both directions while there is a peer.
    #[inline(always)]
    pub(super) const fn attached(&self) -> Option<&Attached<P>> {
        match &self.peer {
            Peer::Here(attached) => Some(attached),
            _ => None,
        }
    }
}

impl<P: Profile> Attached<P> {
    /// Rings the peer, and counts the ring.
    #[inline(always)]
    pub(super) fn ring<D: Doorbell>(&self, doorbell: Option<&D>, counters: &mut Counters) {
        if let Some(doorbell) = doorbell {
            counters.doorbells = counters.doorbells.wrapping_add(1);
            // The device has the vector: the link has proven that when it was opened.
            let _ = doorbell.ring(self.peer, self.vector);
        }
    }
}
