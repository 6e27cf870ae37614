// SPDX-License-Identifier: Apache-2.0
//! This module's side of the test against C OpenAMP (`tests/zephyr/openamp`). Three streams of numbered messages run in
//! both directions, while other endpoints open and close. Every byte is checked.
//!
//! The crate depends only on the core and a console, and runs on any machine. The C side is `tests/zephyr/openamp/src`.
//! Both sides follow the same rules:
//!
//! * `copy`, `nocopy` and `hold`: the plan sets the number of messages per direction. The content depends on the
//!   stream, the direction and the message number. `nocopy` fills its buffers in place, and cancels some buffers
//!   unsent. `hold` keeps received messages, and releases them later in reverse order.
//! * `churn.*`: when one side announces an endpoint with this prefix, the other side opens an endpoint and replies with
//!   the announced name. The announcing side then closes its endpoint.
//! * `echo`: the C side echoes each message from its callback. On this side, [`BOUNCERS`] nameless endpoints send to
//!   the echo endpoint at the same time. Each nameless endpoint sends its next message from the handler of the previous
//!   reply.
#![no_std]
#![forbid(unsafe_code)]

mod bounce;
mod churn;
mod exchange;
pub mod layouts;
mod plan;
pub mod rendezvous;
mod stream;

pub use exchange::{Ended, Exchange};
pub use plan::{BOUNCERS, ENDPOINTS, Plan, STEP, STREAMS};
