// SPDX-License-Identifier: Apache-2.0
//! The interface between a session and the service that it carries.

use super::{AreaError, LocalBlock, RemoteBlock, Sections, SessionEvent, SetupError};
use crate::mem::SharedMemory;
use crate::platform::{Doorbell, PeerId, Vector};
use crate::wire::session::Kind;

/// A service that runs over a session. It owns the rings in this side's data, and uses them while the session is up.
///
/// The session calls these functions; the service never calls the session. The service's owner polls the session first
/// and then the service. The session calls [`prepare`](Self::prepare) and [`up`](Self::up) only after the peer has
/// confirmed this incarnation and before the peer uses this side's rings.
pub trait Service<M: SharedMemory> {
    /// Kind of service in the directory entry and in both blocks. A peer with another kind of service is rejected.
    const KIND: Kind;
    /// [`Features`](crate::wire::session::Features) in this side's block.
    const FEATURES: u32;
    /// True if the link has a section that both sides write.
    const SHARES: bool;
    /// Number of queues in this side's block.
    const QUEUES: u8;

    /// The doorbell that rings the peer. The session and the service share it.
    type Doorbell: Doorbell;
    /// Protocol violations by the peer.
    type Fault;
    /// Reasons why the service cannot come up with the layout or the offer of either side.
    type Error;
    /// The service's events, including the session's events.
    type Event: SessionEvent<Self::Fault, Self::Error>;

    /// Returns the doorbell, or `None` if the service does not have one yet.
    fn doorbell(&self) -> Option<&Self::Doorbell>;

    /// Returns the size of the section that both sides write, or 0 for none. Used by a host when it publishes the link.
    fn shared(&self) -> u32 {
        0
    }

    /// Checks that this side's rings fit in its sections, for any possible offer of the peer.
    ///
    /// # Errors
    /// Returns [`AreaError::TooSmall`] if the rings do not fit.
    fn check(&self, sections: &Sections) -> Result<(), AreaError>;

    /// Writes this side's words that are valid from INIT on.
    fn offer(&self, block: &LocalBlock<M>);

    /// Returns whether the words that [`offer`](Self::offer) wrote are unchanged in the block.
    fn verify(&self, block: &LocalBlock<M>) -> bool;

    /// Goes from INIT to READY: lays out the rings in this side's data to match the offer of `peer`, then writes the
    /// rings and their offsets.
    ///
    /// # Errors
    /// Returns an error if this side cannot work with the offer, or if the rings do not fit.
    fn prepare(
        &mut self,
        memory: &M,
        sections: &Sections,
        block: &LocalBlock<M>,
        peer: &RemoteBlock<M>,
    ) -> Result<(), SetupError<Self::Error>>;

    /// Goes from READY to RUN: reads the ring offsets from the block of `peer`, checks that the rings are within the
    /// peer's data, and begins to use them. From then on, the service rings the doorbell at `address`.
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

    /// Stops using the rings, because the peer has gone or this side begins a new incarnation.
    fn down(&mut self);

    /// Returns the peer's fault, if any. The service is then unusable until the session restarts.
    fn fault(&self) -> Option<Self::Fault>;

    /// Returns whether this side's ring indices are unchanged, as far as the service can check.
    fn is_intact(&self) -> bool;

    /// Repeats the notification requests to the peer. Called once per heartbeat while there is no fault.
    fn tick(&mut self);
}
