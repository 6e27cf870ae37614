// SPDX-License-Identifier: Apache-2.0
//! Session settings, and the roles of the two sides.

use core::fmt::Debug;
use core::time::Duration;

use crate::platform::{self, PeerId, Vector};
pub use crate::wire::area::Role;

/// A role in [`Settings`]. Use [`Role`] if the role is known only at run time. If it is known at compile time, use
/// [`OnlyHost`] or [`OnlyRemote`], which leaves the other role's code out of the image.
pub trait Roles: Copy + Debug {
    /// The role of a session that has not been opened.
    const UNOPENED: Self;

    /// Returns the role.
    fn role(self) -> Role;
}

/// The host role, fixed at compile time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnlyHost;

/// The remote role, fixed at compile time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OnlyRemote;

impl Roles for Role {
    const UNOPENED: Self = Self::Host;

    #[inline(always)]
    fn role(self) -> Role {
        self
    }
}

impl Roles for OnlyHost {
    const UNOPENED: Self = Self;

    #[inline(always)]
    fn role(self) -> Role {
        Role::Host
    }
}

impl Roles for OnlyRemote {
    const UNOPENED: Self = Self;

    #[inline(always)]
    fn role(self) -> Role {
        Role::Remote
    }
}

/// Settings of a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings<R = Role> {
    /// This side's role.
    pub role: R,
    /// Link number in the memory's directory, 0 to 125. Default: 0.
    pub link: u8,
    /// Host only: offset and size of the link's area in bytes, both multiples of 4096. Default: all pages after the
    /// directory. The remote reads the area from the directory.
    pub area: Option<(u32, u32)>,
    /// Vector of the peer's doorbell. Default: 0. A flat peer supports only vector 0.
    pub vector: Vector,
    /// Interval between this side's heartbeats, which is also the longest time between polls without a doorbell. At
    /// least 1 ms. Default: 100 ms.
    pub heartbeat: Duration,
    /// Time without a sign of life after which the peer counts as dead. Must be longer than the peer's heartbeat
    /// interval. Default: no limit.
    pub peer_timeout: Option<Duration>,
}

impl<R: Roles> Settings<R> {
    /// Returns the default settings for `role`.
    #[must_use]
    pub const fn new(role: R) -> Self {
        Self { role, link: 0, area: None, vector: Vector(0), heartbeat: Duration::from_millis(100), peer_timeout: None }
    }
}

/// The settings that a session keeps.
#[derive(Clone, Copy, Debug)]
pub(super) struct Config<R> {
    pub role: R,
    pub id: PeerId,
    pub vector: Vector,
    /// Heartbeat interval in microseconds. At least 1 ms, because a shorter interval would leave no time for other
    /// work.
    pub heartbeat: u32,
    /// Peer timeout in microseconds. `u64::MAX` means no limit.
    pub peer_timeout: u64,
}

impl<R: Roles> Config<R> {
    /// Configuration of a session that has not been opened.
    pub const NONE: Self = Self { role: R::UNOPENED, id: PeerId(0), vector: Vector(0), heartbeat: 0, peer_timeout: 0 };

    // Inlined, so that the compiler can evaluate constant settings.
    #[inline(always)]
    pub fn new(id: PeerId, settings: &Settings<R>) -> Self {
        let &Settings { role, vector, heartbeat, peer_timeout, .. } = settings;
        let heartbeat = u32::try_from(platform::micros(heartbeat)).unwrap_or(u32::MAX).max(1_000);
        let peer_timeout = peer_timeout.map_or(u64::MAX, platform::micros);
        Self { role, id, vector, heartbeat, peer_timeout }
    }
}
