// SPDX-License-Identifier: Apache-2.0
//! The async form: a runner that drives a link, and a handle for each endpoint. It works with any executor.
//!
//! A [`Shared`] link belongs to the tasks of one executor. One task awaits [`Runner::run`]; every other task awaits the
//! endpoints that it has [opened](Shared::open). Tasks do not hold each other up: one can wait for a buffer while
//! another waits for a message. Only the buffers are shared: an endpoint whose messages nobody takes holds on to the
//! peer's buffers.
//!
//! A thread or a main loop uses the same handles with [`Shared::block_on`], which never waits longer than a given limit.

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
