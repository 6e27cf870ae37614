// SPDX-License-Identifier: Apache-2.0
//! The async API: a runner that drives a link, and a handle for each endpoint. It works with any executor.
//!
//! A [`Shared`] link belongs to the tasks of one executor. One task awaits [`Runner::run`]; the other tasks await the
//! endpoints that they have [opened](Shared::open). Tasks do not block each other: one can wait for a buffer while
//! another waits for a message. However, they share the buffers. If an endpoint's messages are not received, they
//! occupy the peer's buffers.
//!
//! A thread or a main loop can use the same handles with [`Shared::block_on`], which waits at most until a time limit
//! expires.

mod blocking;
mod endpoint;
mod mailboxes;
mod runner;
mod shared;
#[cfg(feature = "io")]
mod stream;
#[cfg(test)]
mod tests;

pub use blocking::TimedOut;
pub use endpoint::{AsyncEndpoint, Received};
pub(crate) use mailboxes::{MailboxTable, Mailboxes};
pub use runner::{Arrival, Runner};
pub use shared::Shared;
#[cfg(feature = "io")]
pub use stream::{AsyncByteReader, AsyncByteStream, AsyncByteWriter, BlockingStream, StreamError};
