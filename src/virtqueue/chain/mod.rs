//! Buffers of several elements. A buffer is a chain of descriptors, readable ones first, in the queue's own table or in an
//! indirect table.
//!
//! A [`ChainDriver`] adds chains and pops completions. A [`ChainDevice`] pops chains, walks them and returns them. Both build on
//! the single-buffer [`Driver`](super::Driver) and [`Device`](super::Device), and use their rings, bounds and notifications.

mod device;
mod driver;
mod error;
mod indirect;
mod segments;
#[cfg(test)]
mod tests;
mod window;

pub use device::{Chain, ChainDevice, Walk};
pub use driver::{Added, ChainDriver, ChainToken, Completion, Element};
pub use error::{AddError, ChainFault, WrongQueue};
pub use indirect::IndirectTables;
pub use segments::{GatherError, Segment, Segments};
pub use window::{AddressMap, Window};

/// The number of a queue, which no other queue of the program has. A chain carries it, so another queue refuses the chain. A
/// queue that is set up again needs a new number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct QueueId(pub u32);
