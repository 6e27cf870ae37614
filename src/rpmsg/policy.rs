// SPDX-License-Identifier: Apache-2.0
//! Policies for a driver's descriptors. They are constants, so that each image contains only the code for the policy
//! that it uses.

use core::fmt::Debug;

use crate::virtqueue::Suppress;

/// The way in which a driver uses its descriptors.
pub trait DescriptorPolicy: Debug {
    /// If true, the driver prefers returned buffers to buffers that have never been used.
    const REUSE_USED_FIRST: bool;
    /// If true, descriptor `n` always describes buffer `n`. The driver writes the descriptors only once, before it uses
    /// the queue, and the device never reads them.
    const FIXED: bool;
    /// The map from descriptors to buffers. Empty if descriptors are fixed.
    type Map<const N: usize>: DescriptorMap;
    /// The kind of notification suppression.
    type Suppression: Suppress;
    /// The value of the type [`Suppression`](Self::Suppression).
    const SUPPRESSION: Self::Suppression;
}

/// A map from descriptors to the buffers that they describe.
pub trait DescriptorMap: Debug {
    /// The initial map.
    const NEW: Self;

    /// Records that descriptor `id` describes the buffer in `slot`.
    fn set(&mut self, id: u16, slot: u16);

    /// Returns the slot that was last recorded for descriptor `id`.
    fn slot(&self, id: u16) -> u16;
}

/// The map for fixed descriptors: descriptor `n` describes buffer `n`.
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
