// SPDX-License-Identifier: Apache-2.0
//! A view of a memory in C OpenAMP's layout.

use super::queue::{Buffers, Parts};
use super::view::{View, behind, count_of};
use super::{Carrier, Field, Finding, Problem, Queue};
use crate::mem::ReadMemory;
use crate::wire::area::Role;
use crate::wire::openamp::{Layout, status};
use crate::wire::vring::descriptor;

/// A memory in C OpenAMP's layout. The layout is not stored in the memory, so the reader must know it in advance, like
/// both sides.
#[derive(Clone, Copy, Debug)]
pub struct OpenAmp<'m> {
    view: View<'m>,
    layout: Layout,
    address: Option<u64>,
}

impl<'m> OpenAmp<'m> {
    /// Creates a view of a memory with this layout. This does not read the memory yet.
    ///
    /// `address` is the address of the first byte of the memory on the host. The address is subtracted from the
    /// addresses in descriptors to get offsets. If `address` is `None`, it is derived from the lowest buffer address
    /// that the host has posted.
    #[must_use]
    pub const fn new(memory: &'m dyn ReadMemory, layout: Layout, address: Option<u64>) -> Self {
        Self { view: View(memory), layout, address }
    }

    /// Reads the [`status`](mod@status) of the host.
    ///
    /// # Errors
    /// Returns an error if the status word is out of bounds.
    pub fn status(&self) -> Result<u32, Finding> {
        Ok(self.view.word(Field::Status, self.layout.status)? & status::MASK)
    }

    /// Returns the start address of the memory on the host.
    ///
    /// # Errors
    /// Returns an error if the descriptor table of the vring to the host is out of bounds.
    pub fn address(&self) -> Result<u64, Finding> {
        if let Some(address) = self.address {
            return Ok(address);
        }
        let mut first = u64::MAX;
        // At most 65535 iterations, because `count` is a `u16`.
        for id in 0..self.layout.count {
            let entry = behind(self.layout.to_host, descriptor::SIZE.saturating_mul(id.into()));
            let word = |field| self.view.word(Field::DescriptorTable, behind(entry, field));
            let (low, high) = (word(descriptor::ADDRESS_LOW)?, word(descriptor::ADDRESS_HIGH)?);
            first = first.min(u64::from(high) << 32 | u64::from(low));
        }
        Ok(first.wrapping_sub(self.layout.buffers.into()))
    }

    /// Returns the vring for messages to `role`. Returns `None` until the status of the host says that the vrings are
    /// set up.
    ///
    /// # Errors
    /// Returns an error if the layout does not fit in the memory, or if the status is not a value that a host writes.
    pub fn queue(&self, role: Role) -> Result<Option<Queue<'m>>, Finding> {
        let found = self.status()?;
        match found {
            status::DRIVER_OK => (),
            status::RESET | status::FAILED => return Ok(None),
            _ => {
                let problem = Problem::Other { found, expected: status::DRIVER_OK };
                return Err(Finding { field: Field::Status, at: self.layout.status, problem });
            }
        }
        let start = match role {
            Role::Host => self.layout.to_host,
            Role::Remote => self.layout.to_remote,
        };
        let size = count_of(Field::QueueCount, start, self.layout.count.into())?;
        let vring = self.layout.vring(start);
        if self.view.size().checked_sub(vring.len).is_none_or(|last| start > last) {
            return Err(self.view.unreadable(Field::DescriptorTable, start));
        }
        let parts = Parts {
            size,
            descriptors: vring.descriptors,
            available: vring.available,
            used: vring.used,
            by_events: false,
        };
        // The host is the driver of both vrings.
        let carrier = match role {
            Role::Host => Carrier::Used,
            Role::Remote => Carrier::Available,
        };
        Ok(Some(Queue::new(self.view, parts, carrier, Buffers::Described { base: self.address()? })))
    }

    /// Checks both vrings except for message contents. At most `limit` messages in flight are checked. Calls `report`
    /// with each finding and the receiver of the vring. Only the first finding per vring is reported. Returns false if
    /// there were more messages than `limit`.
    pub fn findings(&self, limit: u32, mut report: impl FnMut(Role, Finding)) -> bool {
        let mut left = limit.saturating_add(1);
        for role in [Role::Host, Role::Remote] {
            match self.queue(role) {
                Ok(Some(queue)) => queue.findings(&mut left, |finding| report(role, finding)),
                Ok(None) => (),
                Err(finding) => report(role, finding),
            }
        }
        left > 0
    }
}
