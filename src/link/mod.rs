//! How two sides find each other, agree, start, reset, and notice death, in two wire profiles: the native one
//! ([`Link`]), and that of C OpenAMP ([`openamp`]).
//!
//! A link is polled: [`AnyLink::poll`] hands out what has happened, [`AnyLink::deadline`] says when to poll again even
//! without a doorbell. Nothing waits for the other side, and either may come first, go, or come back.

mod drive;
mod native;
pub mod openamp;

#[cfg(feature = "async")]
pub use native::Arrival;
pub use native::{AreaError, Link, Part, PeerError};

use core::time::Duration;

use crate::platform::{Doorbell, Instant, PeerId, Vector};
use crate::rpmsg::{self, Bus, Profile};

/// A side of a link in any profile, with at most `E` endpoints, for what is written once for all of them.
pub trait AnyLink<const E: usize> {
    /// Its wire profile.
    type Profile: Profile;
    /// Its doorbell.
    type Doorbell: Doorbell;

    /// The bus, to open endpoints and send.
    fn bus(&mut self) -> &mut Bus<Self::Profile, Self::Doorbell, E>;

    /// What has happened since the last call, one event at a time; `now` is the time on any clock that only grows.
    ///
    /// `None` where nothing more has: then the caller waits for a doorbell, but no longer than to the
    /// [`deadline`](Self::deadline).
    fn poll(&mut self, now: Instant) -> Option<Event>;

    /// When to poll again even if no doorbell rings.
    fn deadline(&self) -> Instant;
}

/// Which side of the link this is. A link has one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Says where in the memory the link is.
    Host,
    /// Finds out where the link is.
    Remote,
}

/// Which roles a [`Link`] can take, as far as is known when it is compiled.
pub trait Roles: core::fmt::Debug {
    /// Whether it can be the host.
    const HOST: bool;
    /// Whether it can be the remote.
    const REMOTE: bool;
}

/// Either role, as its [`Settings`] say.
#[derive(Debug)]
pub struct Either;

/// The host; settings that say otherwise are refused.
#[derive(Debug)]
pub struct OnlyHost;

/// The remote; settings that say otherwise are refused.
#[derive(Debug)]
pub struct OnlyRemote;

impl Roles for Either {
    const HOST: bool = true;
    const REMOTE: bool = true;
}

impl Roles for OnlyHost {
    const HOST: bool = true;
    const REMOTE: bool = false;
}

impl Roles for OnlyRemote {
    const HOST: bool = false;
    const REMOTE: bool = true;
}

/// What a link is to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which side this is.
    pub role: Role,
    /// Which link of the memory's directory, 0 to 251. Default 0.
    pub link: u8,
    /// Host only: where the link's area is, in bytes: offset and size, multiples of 4096. By default all behind the
    /// directory's page. The remote reads it from the directory.
    pub area: Option<(u32, u32)>,
    /// The doorbell's vector at the peer. Default 0; a flat peer has no other.
    pub vector: Vector,
    /// How many buffers this side sends with, a power of two; the peer must keep track of as many. Default 16.
    pub buffer_count: u16,
    /// Bytes of each of them, with the 16 of the header: a multiple of 8, 56 to 65552. Default 512.
    pub buffer_size: u32,
    /// How often this side shows that it is alive, and looks without a doorbell; 1 ms at least. Default 100 ms.
    pub heartbeat: Duration,
    /// After how long without a sign of life the peer counts as dead; must be longer than the peer's heartbeat. By
    /// default never.
    pub peer_timeout: Option<Duration>,
}

impl Settings {
    /// The defaults for one role.
    #[must_use]
    pub const fn new(role: Role) -> Self {
        Self {
            role,
            link: 0,
            area: None,
            vector: Vector(0),
            buffer_count: 16,
            buffer_size: 512,
            heartbeat: Duration::from_millis(100),
            peer_timeout: None,
        }
    }
}

/// What happened on the link.
#[derive(Debug, PartialEq, Eq)]
pub enum Event {
    /// The peer is there and ready: endpoints are being announced.
    Up {
        /// Its number on the server.
        peer: PeerId,
    },
    /// The peer is gone. What was received and not released is void; what was sent and not received is lost.
    Down(Reason),
    /// Something on the bus.
    Bus(rpmsg::Event),
    /// The link cannot come up as things are; it goes on trying, and says so once until it has come up.
    Incompatible(SetupError),
}

/// Why a link went down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The peer said so.
    #[error("the peer has left")]
    PeerLeft,
    /// The peer is a new incarnation; the link comes up again with it.
    #[error("the peer has restarted")]
    Restarted,
    /// The peer gave no sign of life within the limit set.
    #[error("the peer was silent for longer than allowed")]
    PeerTimeout,
    /// The peer broke the protocol.
    #[error(transparent)]
    Fault(#[from] rpmsg::Fault),
    /// Another side has started in the same role; this one stands back until that is gone.
    #[error("peer {peer} has started as this link's same side: stop one of the two")]
    RoleConflict {
        /// Who.
        peer: PeerId,
    },
    /// What this side has written of itself was overwritten; it begins anew.
    #[error("somebody has overwritten this side's block or ring indices")]
    StateCorrupted,
}

/// Why a link cannot come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum SetupError {
    /// What the directory says is not usable.
    #[error(transparent)]
    Area(#[from] AreaError),
    /// What the peer's block says is not usable.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// Another side has started in the same role; this one stands back until that is gone.
    #[error("peer {peer} has started as this link's same side: stop one of the two")]
    RoleConflict {
        /// Who.
        peer: PeerId,
    },
    /// What a C host has set up is not usable.
    #[error(transparent)]
    OpenAmp(#[from] openamp::HostError),
}
