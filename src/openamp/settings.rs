// SPDX-License-Identifier: Apache-2.0
//! Settings for both sides of the `openamp` profile.

use crate::platform::{PeerId, Vector};
use crate::rpmsg::Role;
use crate::wire::openamp::Layout;

/// Settings of a [`Host`](super::Host) or a [`Remote`](super::Remote).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Offsets of the rings, the buffers and the status.
    pub layout: Layout,
    /// The peer to ring. Default: the peer that the C samples ring; see [`neighbour`].
    pub peer: Option<PeerId>,
    /// Vector of the peer's doorbell. C OpenAMP uses 0.
    pub vector: Vector,
    /// Address of the memory's first byte on the C side, as used in descriptors. Default on the host: 0. On the remote,
    /// the default is derived from the buffers that the host has posted.
    pub address: Option<u64>,
}

impl Settings {
    /// Returns the settings for `layout`, with the defaults of the C samples.
    #[must_use]
    pub const fn new(layout: Layout) -> Self {
        Self { layout, peer: None, vector: Vector(0), address: None }
    }

    /// Returns the settings for the C sample `dual_qemu_ivshmem`, or `None` if its layout does not fit in the memory.
    #[must_use]
    pub const fn dual_qemu_ivshmem(memory: u32) -> Option<Self> {
        match Layout::dual_qemu_ivshmem(memory) {
            Some(layout) => Some(Self::new(layout)),
            None => None,
        }
    }
}

/// Returns the peer that the C samples ring. For a host, this is the next higher id after `own`; for a remote, the next
/// lower one.
#[must_use]
pub const fn neighbour(role: Role, own: PeerId) -> PeerId {
    match role {
        Role::Host => PeerId(own.0.wrapping_add(1)),
        Role::Remote => PeerId(own.0.wrapping_sub(1)),
    }
}
