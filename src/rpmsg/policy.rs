// SPDX-License-Identifier: Apache-2.0
//! Policies for a driver's use of its descriptors. They are constants, so an image contains code for only one.

use core::fmt::Debug;

use crate::virtqueue::Suppress;

/// A driver's use of its descriptors.
pub trait DescriptorPolicy: Debug {
    /// Reuses buffers that came back before it takes unused ones.
    const REUSE_USED_FIRST: bool;
    /// Descriptor `n` is always buffer `n`: the driver writes it before the queue is used and never again, and the
    /// device does not read it.
    const FIXED: bool;
    /// The map from descriptors to buffers; empty if descriptors are fixed.
    type Map<const N: usize>: DescriptorMap;
    /// The kind of notification suppression.
    type Suppression: Suppress;
    /// The value of that type.
    const SUPPRESSION: Self::Suppression;
}

/// A map from descriptors to the buffers to which they refer.
pub trait DescriptorMap: Debug {
    /// The map before the first descriptor is set.
    const NEW: Self;

    /// Records that descriptor `id` refers to `slot`.
    fn set(&mut self, id: u16, slot: u16);

    /// Returns the buffer to which `id` referred last.
    fn slot(&self, id: u16) -> u16;
}

/// The map for fixed descriptors: descriptor `n` is buffer `n`.
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
