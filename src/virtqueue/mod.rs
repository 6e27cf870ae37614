// SPDX-License-Identifier: Apache-2.0
//! Split virtqueues. A [`Driver`] makes buffers available, and a [`Device`] uses them.
//!
//! Both types handle single buffers of one descriptor each, which is the fast path. The module [`chain`] builds on them
//! and handles buffers of several elements, in descriptor chains or indirect tables. A device with several queues needs
//! one object per queue. Source: virtio 1.3, section 2.7.
//!
//! Nothing that the other side writes is trusted. Each shared word is read once and bounds-checked, and only the copy
//! is used. Each side also keeps private copies of all words that it writes, and never reads these words back. If the
//! other side breaks a rule, the caller gets a [`Fault`] and must set the queue up again.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

pub mod chain;
mod descriptor;
mod device;
mod driver;
mod error;
mod features;
mod prepare;
mod ring;
#[cfg(test)]
mod tests;

pub use device::{Buffer, Device};
pub use driver::{DescriptorToken, Driver};
pub use error::{Fault, LayoutError};
pub use features::{Events, Flags, Indirect, Suppress, Suppression};
pub(crate) use prepare::{AvailableRing, DescriptorTable, UsedRing};
pub use prepare::{prepare_available, prepare_descriptors, prepare_used};
pub use ring::Layout;
pub(crate) use ring::Ring;
