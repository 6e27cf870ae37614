// SPDX-License-Identifier: Apache-2.0
//! A read-only view of any shared memory: directory, blocks, rings, and messages in flight.
//!
//! The view is for a reader that is neither host nor remote, such as a monitor, a test or a debugger. [`Directory`]
//! reads a native-profile memory, and [`OpenAmp`] reads a memory in C OpenAMP's layout. Both give access to a [`Queue`]
//! and its [`Message`]s. The memory is a [`ReadMemory`]: shared memory, a read-only mapping, or a file.
//!
//! The reader never writes, so it does not disturb the sides. The sides keep running, so each call reads the memory
//! again and returns a snapshot. The reader does not trust any word in the memory. If a field has a value that no side
//! would write, the result is a [`Finding`] that names the field. Each loop is limited to the number of entries in the
//! largest possible ring.
//!
//! With the feature `trace`, a link reports each of its steps to a recorder; see [`Trace`].
//!
//! [`ReadMemory`]: crate::mem::ReadMemory
//!
#![cfg_attr(feature = "fakes", doc = "```")]
#![cfg_attr(not(feature = "fakes"), doc = "```ignore")]
//! use amp_ivshmem::inspect::{Directory, Role};
//! # use amp_ivshmem::mem::fake::Heap;
//! # use amp_ivshmem::platform::fake::NoDoorbell;
//! # use amp_ivshmem::platform::PeerId;
//! # use amp_ivshmem::rpmsg::{Link, Settings};
//! # let heap = Heap::new(64 * 1024);
//! # let host: Link<_, _, 1, 16> = Link::new(heap.region(), NoDoorbell, PeerId(0), Settings::new(Role::Host))?;
//! let memory = heap.region();
//! for link in Directory::new(&memory).links() {
//!     let host = link.block(Role::Host)?.expect("the link exists");
//!     println!("link {}: the host is {:?}", link.number(), host.state()?);
//!     // There is no queue until both sides are ready.
//!     let Some(queue) = link.queue(Role::Host, 0)? else { continue };
//!     for message in queue.in_flight()? {
//!         let message = message?;
//!         let mut bytes = [0; 16];
//!         let copied = message.read(&mut bytes);
//!         println!("{} bytes to {}: {:x?}", message.header.length, message.header.destination, &bytes[..copied]);
//!     }
//! }
//! # Ok::<(), Box<dyn core::error::Error>>(())
//! ```
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

mod block;
mod directory;
mod finding;
mod link;
mod message;
mod openamp;
mod queue;
#[cfg(test)]
mod tests;
mod trace;
mod view;

pub use block::{Block, QueueOffer};
pub use directory::{Directory, Links};
pub use finding::{Field, Finding, Problem};
pub use link::{Entry, Link};
pub use message::Message;
pub use openamp::OpenAmp;
pub use queue::{Carrier, InFlight, Indices, Queue};
pub(crate) use trace::Tracer;
pub use trace::{Trace, TraceEvent};

pub use crate::wire::area::{Area, Role, Span};
