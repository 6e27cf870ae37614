// SPDX-License-Identifier: Apache-2.0
//! Split virtqueues, in which a [`Driver`] makes buffers available, and a [`Device`] uses them.
//!
//! Both types handle single buffers with one descriptor each, which is the fast path. The module [`chain`] builds on
//! them for buffers of several elements, in a chain of descriptors or an indirect table. A device with several queues
//! has one object for each queue. Source: virtio 1.3, 2.7.
//!
//! Nothing that the other side writes is trusted. Each shared word is read once and bounded, and then only the copy is
//! used. Everything that this side owns is also kept privately, and the shared words are never read back. If the other
//! side breaks a rule, the caller gets a [`Fault`]; after that the queue must be set up again.
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
