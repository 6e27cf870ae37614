// SPDX-License-Identifier: Apache-2.0
//! The bus: sends messages for its endpoints, dispatches received messages, and runs the name service.

use super::endpoints::Endpoints;
use super::{
    Address, Config, DownReason, Endpoint, Fault, Incoming, Message, Name, OpenError, Outgoing, Profile, RingError,
    SetupError, serial,
};
#[cfg(feature = "trace")]
use crate::inspect::Trace;
use crate::inspect::{TraceEvent, Tracer};
use crate::platform::{Doorbell, PeerId, Vector};
use crate::session::SessionEvent;

/// An event of a link.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer is ready. The bus now announces the endpoints to it.
    Up {
        /// The peer's id on the server.
        peer: PeerId,
    },
    /// The link is down. Unreleased messages are invalid, and messages that the peer has not received are lost.
    Down(DownReason),
    /// The link cannot come up for the given reason. The link keeps retrying. It reports this event once, and again
    /// only after it has been up.
    Incompatible(SetupError),
    /// A message has arrived.
    Message(Message),
    /// An endpoint has been bound to the peer's endpoint and can send.
    Bound {
        /// This side's endpoint.
        endpoint: Endpoint,
        /// The peer's endpoint.
        peer: Address,
    },
    /// The peer's endpoint is gone. This side's endpoint cannot send until it is bound again.
    Unbound {
        /// This side's endpoint.
        endpoint: Endpoint,
    },
    /// The peer has announced an endpoint, and this side has no unbound endpoint of the same name. In the native
    /// profile, the peer repeats its announcement when this side opens an endpoint of that name. In the `openamp`
    /// profile, open the endpoint with this address as its peer.
    Announced {
        /// The name of the peer's endpoint.
        name: Name,
        /// The address of the peer's endpoint.
        address: Address,
    },
    /// The peer has closed an endpoint that was not bound to any endpoint of this side.
    Withdrawn {
        /// The name of the peer's endpoint.
        name: Name,
        /// The address of the peer's endpoint.
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

/// Counters of a bus. All counters wrap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Number of messages sent, including announcements.
    pub sent: u32,
    /// Number of messages received, including announcements.
    pub received: u32,
    /// Number of doorbells rung for messages and for returned buffers.
    pub doorbells: u32,
    /// Number of messages dropped because no endpoint of this side has their destination address.
    pub unknown: u32,
}

bitflags::bitflags! {
    /// Work for a poll other than receiving from the ring.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub(super) struct Due: u8 {
        /// An endpoint may have been bound or unbound since the application was last told.
        const BINDINGS = 1 << 0;
        /// An endpoint may have to be announced.
        const ANNOUNCEMENTS = 1 << 1;
        /// Between polls: the last poll stopped early, so there may be more messages. During a poll: a message has been
        /// deferred.
        const MORE = 1 << 2;
    }
}

/// The state of the peer.
// `Absent` is all zeros, so an unopened bus is placed in zero-initialised memory and takes no flash. An `Option` does
// not guarantee where its tag is stored.
#[derive(Debug)]
#[repr(u8)]
pub(super) enum Peer<P: Profile> {
    /// There is no peer.
    Absent = 0,
    /// The peer is attached.
    Here(Attached<P>) = 1,
    /// The peer has broken the protocol, and is ignored until the link has restarted.
    Broken(Fault) = 2,
}

/// The queues in both directions for an attached peer, and the peer's doorbell address.
#[derive(Debug)]
pub(super) struct Attached<P: Profile> {
    pub outgoing: P::Outgoing,
    pub incoming: P::Incoming,
    peer: PeerId,
    vector: Vector,
    /// Set while this side waits for a free buffer and has requested a notification from the peer.
    pub waiting: bool,
}

/// A bus with the wire profile `P` and the doorbell `D`.
// The field order is deliberate: fields near the start can be accessed with shorter instructions.
#[derive(Debug)]
#[repr(C)]
pub struct Bus<P: Profile, D> {
    /// Number of the current or last session. It combines a count, which starts at 1, with the bus number in the upper
    /// bits, so that each session number is unique.
    pub(super) session: u32,
    /// Number of this bus, unique within the process. 0 until the number is first needed.
    pub(super) number: u32,
    /// Work for the next poll other than receiving from the ring. Usually empty.
    pub(super) due: Due,
    /// Totals from earlier sessions. `outgoing` and `incoming` count the current session's messages.
    pub(super) counters: Counters,
    /// A deferred message, which is not for a bound endpoint. The current poll handles it next.
    pub(super) deferred: Option<Message>,
    /// `None` until the link is opened.
    pub(super) doorbell: Option<D>,
    pub(super) peer: Peer<P>,
    pub(super) endpoints: Endpoints<P::Endpoints>,
    pub(super) trace: Tracer,
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
            trace: Tracer::NONE,
        }
    }

    /// Sets the recorder for the steps of the bus. Earlier steps are not recorded.
    #[cfg(feature = "trace")]
    pub const fn set_trace(&mut self, recorder: &'static dyn Trace) {
        self.trace = Tracer::new(recorder);
    }

    /// Sets the doorbell. Call this before [`attach`](Self::attach).
    pub(crate) fn set_doorbell(&mut self, doorbell: D) {
        self.doorbell = Some(doorbell);
    }

    /// Attaches the peer: messages go through `outgoing` and `incoming`, and `vector` rings the peer. All named
    /// endpoints are then due to be announced.
    // Inlined, so that both ends are constructed in place.
    #[inline(always)]
    pub(crate) fn attach(&mut self, outgoing: P::Outgoing, incoming: P::Incoming, peer: PeerId, vector: Vector) {
        self.detach();
        self.peer = Peer::Here(Attached { outgoing, incoming, peer, vector, waiting: false });
        self.attached_now();
    }

    fn attached_now(&mut self) {
        if let Peer::Here(attached) = &mut self.peer {
            attached.outgoing.start();
            self.trace.record(|| TraceEvent::Up { peer: attached.peer.0 });
        }
        let number = self.number();
        self.session = (self.session ^ number).wrapping_add(1) ^ number;
        self.endpoints.up(P::ANNOUNCE_ALL);
        self.due |= Due::BINDINGS | Due::ANNOUNCEMENTS;
    }

    /// Detaches the peer. Unreleased messages and unsent buffers become invalid.
    pub(crate) fn detach(&mut self) {
        if self.is_up() {
            self.counters = self.counters();
            self.endpoints.down();
            self.due |= Due::BINDINGS;
            self.trace.record(|| TraceEvent::Down);
        }
        self.peer = Peer::Absent;
        self.deferred = None;
        self.due.remove(Due::MORE);
    }

    /// Records that the peer has broken the protocol.
    #[cold]
    #[inline(never)]
    pub(crate) fn fail(&mut self, fault: Fault) {
        self.detach();
        self.peer = Peer::Broken(fault);
    }

    /// Returns the doorbell, or `None` if it has not been set.
    pub(crate) const fn doorbell(&self) -> Option<&D> {
        self.doorbell.as_ref()
    }

    /// Returns the peer's fault, if any. The bus is then unusable until the link restarts.
    pub(crate) const fn fault(&self) -> Option<Fault> {
        match self.peer {
            Peer::Broken(fault) => Some(fault),
            _ => None,
        }
    }

    /// Returns whether the bus is attached to a peer.
    #[must_use]
    pub const fn is_up(&self) -> bool {
        matches!(self.peer, Peer::Here(_))
    }

    /// Returns whether the last poll stopped early to be fair to other tasks. If so, poll again instead of waiting.
    #[must_use]
    pub(crate) const fn has_more(&self) -> bool {
        self.due.contains(Due::MORE)
    }

    /// Returns whether this side's ring indices are unchanged, as far as this side can check.
    pub(crate) fn is_intact(&self) -> bool {
        self.attached().is_none_or(|attached| attached.incoming.is_intact() && attached.outgoing.is_intact())
    }

    /// Repeats the notification request for messages, in case another peer has overwritten it.
    pub(crate) fn rearm(&mut self) {
        if let Peer::Here(attached) = &mut self.peer {
            attached.incoming.rearm();
        }
    }

    /// Returns whether a poll has something to report even without a doorbell, because an endpoint was bound or
    /// unbound.
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

    /// Returns the maximum payload length in bytes, or 0 without a peer.
    #[must_use]
    pub fn max_message(&self) -> u32 {
        self.attached().map_or(0, |attached| attached.outgoing.capacity().into())
    }

    /// Opens an endpoint with the given name, announces it, and binds it to the peer's endpoint of the same name.
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
        self.trace.record(|| TraceEvent::Opened { endpoint: address });
        Ok(Endpoint { address, bus: self.number() })
    }

    /// Closes an endpoint and tells the peer. Messages that the endpoint has already received must still be released.
    /// Has no effect if the endpoint is already closed or belongs to another link.
    pub fn close(&mut self, endpoint: Endpoint) {
        if self.owns(endpoint) && self.endpoints.close(endpoint.address, self.is_up()) {
            self.due |= Due::ANNOUNCEMENTS;
            self.trace.record(|| TraceEvent::Closed { endpoint: endpoint.address });
        }
    }

    /// Returns the address that `endpoint` sends to, or `None` if the endpoint is not bound.
    #[must_use]
    #[inline]
    pub fn peer_of(&self, endpoint: Endpoint) -> Option<Address> {
        match self.owns(endpoint) {
            true => self.endpoints.peer_of(endpoint.address),
            false => None,
        }
    }

    /// Returns the index of an endpoint in the bus's tables.
    #[cfg(feature = "async")]
    pub(super) fn index_of(&self, endpoint: Endpoint) -> Option<usize> {
        self.owns(endpoint).then(|| self.endpoints.index_of(endpoint.address)).flatten()
    }

    /// Returns whether an endpoint belongs to this bus.
    #[inline(always)]
    pub(super) const fn owns(&self, endpoint: Endpoint) -> bool {
        endpoint.bus == self.number
    }

    /// Returns whether `session` is, or was, a session of this bus.
    #[cold]
    pub(super) const fn had(&self, session: u32) -> bool {
        // Another bus has a different number in the upper bits, so its value is greater than any count.
        session ^ self.number <= self.session ^ self.number
    }

    /// Returns this bus's number, and allocates it on the first call.
    fn number(&mut self) -> u32 {
        if self.number == 0 {
            self.number = serial::next();
            self.session = self.number;
        }
        self.number
    }

    /// Returns the attached peer, if any.
    #[inline(always)]
    pub(super) const fn attached(&self) -> Option<&Attached<P>> {
        match &self.peer {
            Peer::Here(attached) => Some(attached),
            _ => None,
        }
    }
}

impl<P: Profile> Attached<P> {
    /// Rings the peer, and counts the doorbell.
    #[inline(always)]
    pub(super) fn ring<D: Doorbell>(&self, doorbell: Option<&D>, counters: &mut Counters, trace: Tracer) {
        if let Some(doorbell) = doorbell {
            counters.doorbells = counters.doorbells.wrapping_add(1);
            trace.record(|| TraceEvent::Doorbell { peer: self.peer.0, vector: self.vector.0 });
            // Cannot fail: the link has already rung its own doorbell with this vector.
            let _ = doorbell.ring(self.peer, self.vector);
        }
    }
}
