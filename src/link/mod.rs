//! How two sides find each other, agree, start, reset, and notice death: the native profile.
//!
//! Neither side waits for the other, and either may come first, go, or come back at any time. Each writes a block of
//! its own (who it is, which incarnation, how far it has come) and reads the other's; a doorbell only says "look". The
//! rule that makes restarts safe: a side touches the rings' memory only while the other has confirmed its present
//! incarnation and is not yet using it, so nothing old is ever read as new. `docs/wire-format.md` has the layout and
//! the states.
//!
//! A link is polled: [`Link::poll`] hands out what has happened, [`Link::deadline`] says when to poll again even
//! without a doorbell.

mod area;
#[cfg(feature = "async")]
mod asynchronous;
mod native;
pub mod openamp;
mod side;
#[cfg(test)]
mod tests;

pub use area::AreaError;
#[cfg(feature = "async")]
pub use asynchronous::Arrival;
pub use native::Link;
pub use side::PeerError;

use core::time::Duration;

use crate::platform::{PeerId, Vector};
use crate::rpmsg;

/// Which side of the link this is. A link has one of each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Says where in the memory the link is.
    Host,
    /// Finds out where the link is.
    Remote,
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
    pub silence: Option<Duration>,
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
            silence: None,
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
    Refused(Refusal),
}

/// Why a link went down.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Reason {
    /// The peer said so.
    #[error("the peer has left")]
    Left,
    /// The peer is a new incarnation; the link comes up again with it.
    #[error("the peer has restarted")]
    Restarted,
    /// The peer gave no sign of life within the limit set.
    #[error("the peer was silent for longer than allowed")]
    Silent,
    /// The peer broke the protocol.
    #[error(transparent)]
    Fault(#[from] rpmsg::Fault),
}

/// Why a link cannot come up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// What the directory says is not usable.
    #[error(transparent)]
    Area(#[from] AreaError),
    /// What the peer's block says is not usable.
    #[error(transparent)]
    Peer(#[from] PeerError),
    /// What a C host has set up is not usable.
    #[error(transparent)]
    OpenAmp(#[from] openamp::HostError),
}
