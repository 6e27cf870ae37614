//! The `openamp` profile: byte for byte what C OpenAMP's host and remote write, for a peer that is C.
//!
//! The host is the driver of both rings and owns all buffers; the remote is their device. There are no incarnations in
//! this memory: the host's status is all that says who is there, and a side that restarts alone finds its old rings. What
//! can be noticed of that is noticed and named; nothing is delivered twice.
//!
//! C learns an endpoint's address from its announcement or its first message. So an endpoint that is bound to one which C has
//! announced greets it by an empty message, before its first one or not at all.

mod host;
mod remote;
#[cfg(test)]
mod tests;

pub use host::Host;
pub use remote::Remote;

use crate::mem::{Load, MemoryError, Record, SharedMemory, Store};
use crate::platform::{PeerId, Vector};
use crate::rpmsg::Fault;
use crate::virtqueue::{self, LayoutError};
pub use crate::wire::openamp::Layout;
use crate::wire::openamp::{Vring, status};

/// What both sides must be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where everything is.
    pub layout: Layout,
    /// Whom to ring. C's samples take the own id + 1 on the host and − 1 on the remote: [`Settings::neighbour`].
    pub peer: PeerId,
    /// The doorbell's vector at the peer. C uses 0.
    pub vector: Vector,
    /// The address that the C side has the memory's first byte at, which C writes into descriptors. `None` on the
    /// remote: find it out from the buffers that the host has posted. `None` on the host: 0.
    pub address: Option<u64>,
}

impl Settings {
    /// Settings for C's `dual_qemu_ivshmem`, with a peer to be named; none for a memory that is too small for it.
    #[must_use]
    pub const fn dual_qemu_ivshmem(memory: u32, peer: PeerId) -> Option<Self> {
        match Layout::dual_qemu_ivshmem(memory) {
            Some(layout) => Some(Self { layout, peer, vector: Vector(0), address: None }),
            None => None,
        }
    }

    /// Whom C's samples take for the peer: on the host the next id, on the remote the one before.
    #[must_use]
    pub const fn neighbour(role: super::Role, own: PeerId) -> PeerId {
        match role {
            super::Role::Host => PeerId(own.0.wrapping_add(1)),
            super::Role::Remote => PeerId(own.0.wrapping_sub(1)),
        }
    }
}

/// Why a remote cannot use what the host has set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HostError {
    /// The host's buffers are not one behind the other, equal, and all posted.
    #[error("the host's descriptor {id} names memory that is not one of the buffers which its others name")]
    Buffers {
        /// The descriptor.
        id: u16,
    },
    /// The rings have been used, by an earlier incarnation of this side.
    #[error(
        "the rings are in use, as an earlier start of this side left them: restart the host, which sets them up anew"
    )]
    Used,
    /// A part of the layout that is not inside the memory.
    #[error(transparent)]
    Queue(#[from] LayoutError),
    /// A buffer that is not inside the memory.
    #[error(transparent)]
    Buffer(#[from] Fault),
}

/// Takes the host's status back, as a host does that leaves. One that was killed could not: then a remote is to see this
/// for as long as it takes to look (C's does at every message that it sends), before the next host sets everything up.
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
    // Nobody else writes any of it while there is a link.
    word.store::<0>(word.load::<0>(Load::Relaxed) & !status::MASK | value, Store::Release);
}
