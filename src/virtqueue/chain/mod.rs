// SPDX-License-Identifier: Apache-2.0
//! Buffers of several elements. Each buffer is a chain of descriptors, in the queue's own table or in an indirect
//! table. Readable descriptors come first.
//!
//! A [`ChainDriver`] adds chains and pops completions. A [`ChainDevice`] pops chains, walks them and returns them. Both
//! build on the single-buffer [`Driver`](super::Driver) and [`Device`](super::Device), and share their rings, bounds
//! checks and notifications.

mod device;
mod driver;
mod element;
mod error;
mod indirect;
mod segments;
#[cfg(test)]
mod tests;
mod window;

pub use device::{Chain, ChainDevice, Walk};
pub use driver::{Added, ChainDriver, ChainToken, Completion};
pub use element::{Element, QueueId, Segment};
pub use error::{AddError, ChainFault, WrongQueue};
pub use indirect::IndirectTables;
pub use segments::{GatherError, Segments};
pub use window::{AddressMap, Window};
