// SPDX-License-Identifier: Apache-2.0
//! Tracks the buffers to which C holds pointers, by endpoint and address.

use amp_ivshmem::rpmsg::{Endpoint, Message, TxBuffer};

use crate::port::{CBus, CLink};
use crate::sizes::BUFFERS;
use crate::types::Status;

/// Messages that C reads, or buffers that C fills.
type Slots<T> = [Option<T>; BUFFERS];

/// The pointers to one link's buffers that C holds. They become invalid when the link goes down.
#[derive(Debug)]
pub struct Lent {
    /// Address of the shared memory.
    pub start: usize,
    /// Size of the shared memory in bytes.
    len: usize,
    /// The message whose callback is running, unless C holds the message.
    pub current: Option<Message>,
    pub held: Slots<Message>,
    pub reserved: Slots<(Endpoint, TxBuffer)>,
}

impl Lent {
    pub const fn new(start: usize, len: usize) -> Self {
        Self { start, len, current: None, held: [const { None }; BUFFERS], reserved: [const { None }; BUFFERS] }
    }

    /// Forgets all pointers after the link has gone down.
    pub fn clear(&mut self) {
        self.current = None;
        self.held.fill_with(|| None);
        self.reserved.fill_with(|| None);
    }

    /// Returns the address of a message's payload, or `None` if the link has gone down since the
    /// message was received.
    pub fn address_of(&self, bus: &CBus, message: &Message) -> Option<usize> {
        Some(self.start.wrapping_add(bus.payload_range(message).ok()?.start as usize))
    }

    /// Returns whether the callback for the message at `address` is running and the message is not
    /// held.
    pub fn is_current(&self, bus: &CBus, endpoint: Endpoint, address: usize) -> bool {
        self.current
            .as_ref()
            .is_some_and(|message| message.endpoint == endpoint && self.address_of(bus, message) == Some(address))
    }

    /// Returns the index of the held message for `endpoint` at `address`.
    pub fn find_held(&self, bus: &CBus, endpoint: Endpoint, address: usize) -> Option<usize> {
        self.held.iter().position(|slot| {
            slot.as_ref()
                .is_some_and(|message| message.endpoint == endpoint && self.address_of(bus, message) == Some(address))
        })
    }

    /// Removes and returns the reserved buffer for `endpoint` at `address`.
    pub fn take_reserved(&mut self, bus: &CBus, endpoint: Endpoint, address: usize) -> Option<TxBuffer> {
        let at = |reserved: &TxBuffer| Some(self.start.wrapping_add(bus.buffer_range(reserved).ok()?.start as usize));
        let found = self.reserved.iter().position(|slot| {
            slot.as_ref().is_some_and(|(of, reserved)| *of == endpoint && at(reserved) == Some(address))
        })?;
        Some(self.reserved.get_mut(found)?.take()?.1)
    }

    /// Returns the status for an unknown pointer. If the pointer is within the memory, it may have
    /// been valid earlier.
    pub const fn not_lent(&self, address: usize) -> Status {
        if address.wrapping_sub(self.start) < self.len { Status::StaleBuffer } else { Status::UnknownBuffer }
    }

    /// Releases all of an endpoint's buffers that C still holds. Called when the endpoint is closed.
    pub fn close(&mut self, link: &mut CLink, endpoint: Endpoint) {
        for slot in &mut self.held {
            if let Some(message) = slot.take_if(|message| message.endpoint == endpoint) {
                link.bus().release(message);
            }
        }
        for slot in &mut self.reserved {
            if let Some((_, reserved)) = slot.take_if(|(of, _)| *of == endpoint) {
                link.bus().cancel(reserved);
            }
        }
    }
}
