// SPDX-License-Identifier: Apache-2.0
//! A driver's policies for its descriptors. They are constants, so that an image pays for one only.

use core::fmt::Debug;

use crate::virtqueue::Suppress;

/// A driver's use of its descriptors.
pub trait DescriptorPolicy: Debug {
    /// Reuses buffers that came back before it takes unused ones.
    const REUSE_USED_FIRST: bool;
    /// Descriptor `n` always is buffer `n`: the driver writes it before the queue is used and never again, and the device does not
    /// read it.
    const FIXED: bool;
    /// The map from descriptors to buffers; empty if descriptors are fixed.
    type Map<const N: usize>: DescriptorMap;
    /// The kind of notification suppression.
    type Suppression: Suppress;
    /// Its value.
    const SUPPRESSION: Self::Suppression;
}

/// A map from descriptors to the buffers that they name.
pub trait DescriptorMap: Debug {
    /// The map before the first descriptor.
    const NEW: Self;

    /// Notes that descriptor `id` names `slot`.
    fn set(&mut self, id: u16, slot: u16);

    /// Returns the buffer that `id` named last.
    fn slot(&self, id: u16) -> u16;
}

/// Descriptor `n` is buffer `n`.
impl DescriptorMap for () {
    const NEW: Self = ();

    #[inline(always)]
    fn set(&mut self, _: u16, _: u16) {}

    #[inline(always)]
    fn slot(&self, id: u16) -> u16 {
        id
    }
}

impl<const N: usize> DescriptorMap for [u16; N] {
    const NEW: Self = [0; N];

    #[inline(always)]
    fn set(&mut self, id: u16, slot: u16) {
        if let Some(note) = self.get_mut(usize::from(id)) {
            *note = slot;
        }
    }

    #[inline(always)]
    fn slot(&self, id: u16) -> u16 {
        self.get(usize::from(id)).copied().unwrap_or_default()
    }
}
