// SPDX-License-Identifier: Apache-2.0
//! Events of a session, and the reasons for them. A service adds its own kinds of fault and of set-up error.

use super::{AreaError, PeerError};
use crate::platform::PeerId;

/// The events of a service, as its session creates them. `F` is the service's fault, `E` its own set-up error.
// There is one function for each event, because a type of the session's own would have to be converted at every use.
pub trait SessionEvent<F, E> {
    /// The peer `peer` is there, and both sides use the rings.
    fn up(peer: PeerId) -> Self;

    /// The peer is gone.
    fn down(reason: DownReason<F>) -> Self;

    /// The link cannot come up as things are.
    fn incompatible(error: SetupError<E>) -> Self;
}

/// The reason why a link went down; `F` is the service's fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DownReason<F> {
    /// The peer said that it leaves.
    #[error("the peer has left")]
    PeerLeft,
    /// The peer has begun a new incarnation, with which the link comes up again.
    #[error("the peer has restarted")]
    PeerRestarted,
    /// The peer gave no sign of life within the configured time.
    #[error("the peer was silent for longer than allowed")]
    PeerTimeout,
    /// The peer broke the protocol.
    #[error(transparent)]
    Fault(F),
    /// A second side has started in this side's role. This side waits until the second one is gone.
    #[error("peer {peer} has started in this side's role on the same link: stop one of the two")]
    RoleConflict {
        /// The other side.
        peer: PeerId,
    },
    /// Another peer has overwritten this side's words; this side restarts with a new epoch.
    #[error(
        "another peer has overwritten this side's block or ring indices: keep peers that do not belong to the link away"
    )]
    StateCorrupted,
}

/// The reason why a link cannot come up; `E` is the service's own set-up error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum SetupError<E> {
    /// The memory, or the link's place in it, is not usable.
    #[error(transparent)]
    Area(AreaError),
    /// The peer does not fit this side.
    #[error(transparent)]
    Peer(PeerError),
    /// A second side has started in this side's role. This side waits until the second one is gone.
    #[error("peer {peer} has started in this side's role on the same link: stop one of the two")]
    RoleConflict {
        /// The other side.
        peer: PeerId,
    },
    /// The service cannot work with what this side or the peer has set up.
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
