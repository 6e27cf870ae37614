// SPDX-License-Identifier: Apache-2.0
//! The host's status word, and the places of the rings.

use crate::mem::{Load, MemoryError, Record, SharedMemory, Store};
use crate::virtqueue;
use crate::wire::openamp::{Layout, Vring, status};

/// Resets the host's status, as a host does when it leaves; a host that was killed could not. Leave the status reset
/// until the remote has looked at it, before the next host sets everything up. C's remote looks at it whenever it sends
/// a message.
///
/// # Errors
/// Returns an error if the layout does not fit the memory.
pub fn reset<M: SharedMemory>(memory: &M, layout: &Layout) -> Result<(), MemoryError> {
    set_status(&status_of(memory, layout)?, status::RESET);
    Ok(())
}

/// The word with the host's status.
pub(super) type Status<M> = Record<M, 4>;

pub(super) fn queue(vring: Vring, size: u16) -> virtqueue::Layout {
    virtqueue::Layout { size, descriptors: vring.descriptors, available: vring.available, used: vring.used }
}

pub(super) fn status_of<M: SharedMemory>(memory: &M, layout: &Layout) -> Result<Status<M>, MemoryError> {
    Record::new(memory, layout.status)
}

/// Sets the status, and leaves the word's other bytes as they are: in a resource table they belong to the vdev.
pub(super) fn set_status<M: SharedMemory>(word: &Status<M>, value: u32) {
    // No other side writes this word while the link exists.
    word.store::<0>(word.load::<0>(Load::Relaxed) & !status::MASK | value, Store::Release);
}
