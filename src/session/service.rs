// SPDX-License-Identifier: Apache-2.0
//! The service that a session carries, as the session sees it.

use super::{AreaError, LocalBlock, RemoteBlock, Sections, SessionEvent, SetupError};
use crate::mem::SharedMemory;
use crate::platform::{Doorbell, PeerId, Vector};
use crate::wire::session::Kind;

/// A service over a session: it owns rings in this side's data and uses them while the session is up.
///
/// The session calls these functions; the service calls nothing back. The service's owner polls both, the session first.
/// The session calls [`prepare`](Self::prepare) and [`up`](Self::up) only while its rule for restarts allows them: the other
/// side has confirmed this incarnation and does not look at this side's rings yet.
pub trait Service<M: SharedMemory> {
    /// The kind in the directory's entry and in both blocks; a peer of another kind is refused.
    const KIND: Kind;
    /// The [`Features`](crate::wire::session::Features) in this side's block.
    const FEATURES: u32;
    /// Set if the link has a section that both sides write.
    const SHARES: bool;
    /// Number of queues in this side's block.
    const QUEUES: u8;

    /// The doorbell that the service rings its peer with; the session uses the same one.
    type Doorbell: Doorbell;
    /// Violations of the service's protocol by the peer.
    type Fault;
    /// Reasons why the service cannot work with what this side or the peer has set up.
    type Error;
    /// The service's events, which include the session's.
    type Event: SessionEvent<Self::Fault, Self::Error>;

    /// Returns the doorbell, if the service has one yet.
    fn doorbell(&self) -> Option<&Self::Doorbell>;

    /// Returns the size of the section that both sides write, for a host that publishes the link; 0 for none.
    fn shared(&self) -> u32 {
        0
    }

    /// Checks that this side's sections have room for its rings, whatever the peer offers.
    ///
    /// # Errors
    /// [`AreaError::TooSmall`].
    fn check(&self, sections: &Sections) -> Result<(), AreaError>;

    /// Writes this side's words that are valid from INIT on.
    fn offer(&self, block: &LocalBlock<M>);

    /// Returns whether those words still are what [`offer`](Self::offer) wrote.
    fn verify(&self, block: &LocalBlock<M>) -> bool;

    /// INIT to READY: lays this side's rings out in its own data, for what the `peer` offers, and writes them and their
    /// offsets.
    ///
    /// # Errors
    /// An offer that this side cannot work with, or too little room.
    fn prepare(
        &mut self,
        memory: &M,
        sections: &Sections,
        block: &LocalBlock<M>,
        peer: &RemoteBlock<M>,
    ) -> Result<(), SetupError<Self::Error>>;

    /// READY to RUN: takes the offsets from the block of `peer`, all of which must lie in the peer's data, and begins to use the rings.
    /// From now on the service rings at `address`.
    ///
    /// # Errors
    /// Offsets or features that this side cannot work with.
    fn up(
        &mut self,
        memory: &M,
        sections: &Sections,
        peer: &RemoteBlock<M>,
        address: (PeerId, Vector),
    ) -> Result<(), Self::Error>;

    /// Stops using the rings: the peer is gone, or this side begins a new incarnation.
    fn down(&mut self);

    /// Returns what the peer broke, after which the service is unusable until the session restarts.
    fn fault(&self) -> Option<Self::Fault>;

    /// Returns whether this side's indices in the rings still are what this side wrote, as far as can be told.
    fn is_intact(&self) -> bool;

    /// Runs once in a heartbeat while nothing is wrong: writes again what tells the peer when to ring.
    fn tick(&mut self);
}
