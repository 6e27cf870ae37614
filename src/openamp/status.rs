// SPDX-License-Identifier: Apache-2.0
//! The host's status word, and the locations of the rings.

use crate::mem::{Load, MemoryError, Record, SharedMemory, Store};
use crate::virtqueue;
use crate::wire::openamp::{Layout, Vring, status};

/// Resets the host's status, on behalf of a host that was killed. A host that leaves normally does this itself. Do not
/// start the next host until the remote has seen the reset. A C remote reads the status whenever it sends a message.
///
/// # Errors
/// Returns an error if the layout does not fit in the memory.
pub fn reset<M: SharedMemory>(memory: &M, layout: &Layout) -> Result<(), MemoryError> {
    set_status(&status_of(memory, layout)?, status::RESET);
    Ok(())
}

/// The word that contains the host's status.
pub(super) type Status<M> = Record<M, 4>;

pub(super) fn queue(vring: Vring, size: u16) -> virtqueue::Layout {
    virtqueue::Layout { size, descriptors: vring.descriptors, available: vring.available, used: vring.used }
}

pub(super) fn status_of<M: SharedMemory>(memory: &M, layout: &Layout) -> Result<Status<M>, MemoryError> {
    Record::new(memory, layout.status)
}

/// Sets the status. Leaves the other bytes of the word unchanged, because in a resource table they belong to the vdev.
pub(super) fn set_status<M: SharedMemory>(word: &Status<M>, value: u32) {
    // No other side writes this word while the link exists.
    word.store::<0>(word.load::<0>(Load::Relaxed) & !status::MASK | value, Store::Release);
}
