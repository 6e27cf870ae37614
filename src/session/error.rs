// SPDX-License-Identifier: Apache-2.0
//! Session events, and the reasons for them. Each service adds its own faults and set-up errors.

use super::{AreaError, PeerError};
use crate::platform::PeerId;

/// Constructors through which a session creates its service's events. `F` is the service's fault, and `E` is its set-up
/// error.
// With one function per event, the session does not need an event type that every user would have to convert.
pub trait SessionEvent<F, E> {
    /// The link to `peer` is up, and both sides use the rings.
    fn up(peer: PeerId) -> Self;

    /// The link is down.
    fn down(reason: DownReason<F>) -> Self;

    /// The link cannot come up for the given reason.
    fn incompatible(error: SetupError<E>) -> Self;
}

/// Reasons why a link went down. `F` is the service's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownReason<F> {
    /// The peer announced that it was leaving.
    #[error("the peer has left")]
    PeerLeft,
    /// The peer has begun a new incarnation. The link comes up again with the new incarnation.
    #[error("the peer has restarted")]
    PeerRestarted,
    /// The peer showed no sign of life within the configured time.
    #[error("the peer was silent for longer than allowed")]
    PeerTimeout,
    /// The peer broke the protocol.
    #[error(transparent)]
    Fault(F),
    /// A second side has started in this side's role. This side waits until the second side has gone.
    #[error("peer {peer} has started in this side's role on the same link: stop one of the two")]
    RoleConflict {
        /// The other side.
        peer: PeerId,
    },
    /// Another peer has overwritten shared memory that only this side may write. This side restarts with a new epoch.
    #[error(
        "another peer has overwritten this side's block or ring indices: remove peers that do not belong to the link"
    )]
    StateCorrupted,
}

/// Reasons why a link cannot come up. `E` is the service's set-up error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum SetupError<E> {
    /// The memory, or the link's place in it, is unusable.
    #[error(transparent)]
    Area(AreaError),
    /// This side cannot work with the peer.
    #[error(transparent)]
    Peer(PeerError),
    /// A second side has started in this side's role. This side waits until the second side has gone.
    #[error("peer {peer} has started in this side's role on the same link: stop one of the two")]
    RoleConflict {
        /// The other side.
        peer: PeerId,
    },
    /// The service cannot work with the layout or the offer written by this side or the peer.
    #[error(transparent)]
    Service(E),
}

impl<E> From<AreaError> for SetupError<E> {
    fn from(error: AreaError) -> Self {
        Self::Area(error)
    }
}

impl<E> From<PeerError> for SetupError<E> {
    fn from(error: PeerError) -> Self {
        Self::Peer(error)
    }
}
