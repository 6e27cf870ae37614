// SPDX-License-Identifier: Apache-2.0
//! The interface through which a session drives the service that it carries.

use super::{AreaError, LocalBlock, RemoteBlock, Sections, SessionEvent, SetupError};
use crate::mem::SharedMemory;
use crate::platform::{Doorbell, PeerId, Vector};
use crate::wire::session::Kind;

/// A service over a session, which owns the rings in this side's data and uses them while the session is up.
///
/// The session calls these functions, and the service calls nothing in the session. The service's owner polls both, the
/// session first. The session calls [`prepare`](Self::prepare) and [`up`](Self::up) only while its rule for restarts
/// allows them: the other side has confirmed this incarnation and does not look at this side's rings yet.
pub trait Service<M: SharedMemory> {
    /// The kind in the directory's entry and in both blocks; a peer of another kind is refused.
    const KIND: Kind;
    /// The [`Features`](crate::wire::session::Features) in this side's block.
    const FEATURES: u32;
    /// Set if the link has a section that both sides write.
    const SHARES: bool;
    /// Number of queues in this side's block.
    const QUEUES: u8;

    /// The doorbell with which the service rings its peer; the session uses the same one.
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
    /// Returns [`AreaError::TooSmall`] if they do not.
    fn check(&self, sections: &Sections) -> Result<(), AreaError>;

    /// Writes this side's words that are valid from INIT on.
    fn offer(&self, block: &LocalBlock<M>);

    /// Returns whether the block still has the words that [`offer`](Self::offer) wrote.
    fn verify(&self, block: &LocalBlock<M>) -> bool;

    /// Goes from INIT to READY: lays out this side's rings in its own data to match the offer of `peer`, and writes the
    /// rings and their offsets.
    ///
    /// # Errors
    /// Returns an error if this side cannot work with the offer, or has too little room.
    fn prepare(
        &mut self,
        memory: &M,
        sections: &Sections,
        block: &LocalBlock<M>,
        peer: &RemoteBlock<M>,
    ) -> Result<(), SetupError<Self::Error>>;

    /// Goes from READY to RUN: takes the offsets from the block of `peer`, all of which must be inside the peer's data,
    /// and begins to use the rings. From now on the service rings the peer at `address`.
    ///
    /// # Errors
    /// Returns an error if this side cannot work with the offsets or the features.
    fn up(
        &mut self,
        memory: &M,
        sections: &Sections,
        peer: &RemoteBlock<M>,
        address: (PeerId, Vector),
    ) -> Result<(), Self::Error>;

    /// Stops using the rings: the peer is gone, or this side begins a new incarnation.
    fn down(&mut self);

    /// Returns the rule that the peer broke, after which the service is unusable until the session restarts.
    fn fault(&self) -> Option<Self::Fault>;

    /// Returns whether this side's indices in the rings are still the ones that this side wrote, as far as can be told.
    fn is_intact(&self) -> bool;

    /// Repeats, once in a heartbeat while there is no fault, the requests that tell the peer when to ring.
    fn tick(&mut self);
}
