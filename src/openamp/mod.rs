//! The `openamp` profile: byte for byte what C OpenAMP's host and remote write, for a peer that is C.
//!
//! The host is the driver of both rings and owns all buffers; the remote is their device. There are no incarnations in
//! this memory. The host's status alone says that somebody is there, and a side that restarts alone finds its old rings. This
//! side reports that wherever it can notice it, and delivers no message twice.
//!
//! C learns an endpoint's address from its announcement or its first message. So an endpoint that is bound to an announced
//! endpoint of C greets it with an empty message, unless its first message comes before.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

mod host;
mod profile;
mod remote;
#[cfg(test)]
mod tests;

pub use host::Host;
pub use profile::{HostProfile, RemoteProfile};
pub use remote::Remote;

use crate::mem::{Load, MemoryError, Record, SharedMemory, Store};
use crate::platform::{PeerId, Vector};
use crate::rpmsg::Role;
use crate::virtqueue;
pub use crate::wire::openamp::Layout;
use crate::wire::openamp::{Vring, status};

/// Settings of a [`Host`] or a [`Remote`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Offsets of the rings, the buffers and the status.
    pub layout: Layout,
    /// The peer to ring. `None` for the one that C's samples take: [`neighbour`].
    pub peer: Option<PeerId>,
    /// The doorbell's vector at the peer. C uses 0.
    pub vector: Vector,
    /// The address of the memory's first byte on the C side, which C writes into descriptors. `None` on the remote: find it
    /// out from the buffers that the host has posted. `None` on the host: 0.
    pub address: Option<u64>,
}

impl Settings {
    /// Returns settings for this layout, as C's samples have them.
    #[must_use]
    pub const fn new(layout: Layout) -> Self {
        Self { layout, peer: None, vector: Vector(0), address: None }
    }

    /// Returns settings for C's `dual_qemu_ivshmem`; none for a memory that is too small for it.
    #[must_use]
    pub const fn dual_qemu_ivshmem(memory: u32) -> Option<Self> {
        match Layout::dual_qemu_ivshmem(memory) {
            Some(layout) => Some(Self::new(layout)),
            None => None,
        }
    }
}

/// Returns the peer that C's samples ring: on the host the next id after the `own`, on the remote the one before.
#[must_use]
pub const fn neighbour(role: Role, own: PeerId) -> PeerId {
    match role {
        Role::Host => PeerId(own.0.wrapping_add(1)),
        Role::Remote => PeerId(own.0.wrapping_sub(1)),
    }
}

/// Resets the host's status, as a host does that leaves; a killed host could not. Leave it reset until the remote has looked,
/// before the next host sets everything up. C's remote looks at every message that it sends.
///
/// # Errors
/// A layout that does not fit the memory.
pub fn reset<M: SharedMemory>(memory: &M, layout: &Layout) -> Result<(), MemoryError> {
    set_status(&status_of(memory, layout)?, status::RESET);
    Ok(())
}

type Status<M> = Record<M, 4>;

fn queue(vring: Vring, size: u16) -> virtqueue::Layout {
    virtqueue::Layout { size, descriptors: vring.descriptors, available: vring.available, used: vring.used }
}

fn status_of<M: SharedMemory>(memory: &M, layout: &Layout) -> Result<Status<M>, MemoryError> {
    Record::new(memory, layout.status)
}

/// Sets the status, and leaves the word's other bytes as they are: in a resource table they are the vdev's.
fn set_status<M: SharedMemory>(word: &Status<M>, value: u32) {
    // No other side writes this word while the link exists.
    word.store::<0>(word.load::<0>(Load::Relaxed) & !status::MASK | value, Store::Release);
}
