// SPDX-License-Identifier: Apache-2.0
//! The settings of both sides of the `openamp` profile.

use crate::platform::{PeerId, Vector};
use crate::rpmsg::Role;
use crate::wire::openamp::Layout;

/// Settings of a [`Host`](super::Host) or a [`Remote`](super::Remote).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Offsets of the rings, the buffers and the status.
    pub layout: Layout,
    /// The peer to ring. `None` selects the peer that C's samples ring: [`neighbour`].
    pub peer: Option<PeerId>,
    /// The doorbell's vector at the peer. C uses 0.
    pub vector: Vector,
    /// The address of the memory's first byte on the C side, which C writes into descriptors. `None` on the remote:
    /// derive it from the buffers that the host has posted. `None` on the host: 0.
    pub address: Option<u64>,
}

impl Settings {
    /// Returns settings for this layout with the defaults of C's samples.
    #[must_use]
    pub const fn new(layout: Layout) -> Self {
        Self { layout, peer: None, vector: Vector(0), address: None }
    }

    /// Returns settings for C's `dual_qemu_ivshmem`, or `None` if the memory is too small for it.
    #[must_use]
    pub const fn dual_qemu_ivshmem(memory: u32) -> Option<Self> {
        match Layout::dual_qemu_ivshmem(memory) {
            Some(layout) => Some(Self::new(layout)),
            None => None,
        }
    }
}

/// Returns the peer that C's samples ring: the next id after `own` on the host, the one before it on the remote.
#[must_use]
pub const fn neighbour(role: Role, own: PeerId) -> PeerId {
    match role {
        Role::Host => PeerId(own.0.wrapping_add(1)),
        Role::Remote => PeerId(own.0.wrapping_sub(1)),
    }
}
