// SPDX-License-Identifier: Apache-2.0
//! This module's side of the test against C OpenAMP (`tests/zephyr/openamp`): three streams of numbered messages in both
//! directions, with endpoints that come and go. Every byte is checked.
//!
//! The crate depends on the core and a console, and on no machine. The C side is `tests/zephyr/openamp/src`. Both sides
//! follow the same rules:
//!
//! * `copy`, `nocopy` and `hold`: the plan sets the number of messages in each direction. Stream, direction and number determine
//!   the content. `nocopy` is filled in place, and some buffers are returned unsent. `hold` keeps received messages and
//!   releases them later, the last first.
//! * `churn.*`: a side that announces such an endpoint gets its name as a message, from an endpoint opened for this purpose, and
//!   then closes its endpoint.
//! * `echo`: the C side echoes each message from its callback. [`BOUNCERS`] nameless endpoints of this side send to it at the
//!   same time, each the next message from the handler of the previous reply.
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
