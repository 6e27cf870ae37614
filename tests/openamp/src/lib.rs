//! This module's side of the test against C OpenAMP (`tests/zephyr/openamp`): three streams of numbered messages, each
//! both ways, endpoints that come and go meanwhile, and every byte checked.
//!
//! Knows the core and a console, no machine. The C side is `tests/zephyr/openamp/src`; both sides follow the same rules:
//!
//! * `copy`, `nocopy` and `hold`: as many messages in each direction as the row asks for, of the content that follows from stream,
//!   direction and number. `nocopy` is filled in place, and some buffers are given back unsent; `hold` keeps what came, and
//!   gives it back later, the last first.
//! * `churn.*`: whoever announces such an endpoint gets its name as a message from one opened for it, and closes.
//! * `echo`: the C side answers each message with itself from inside its callback. Of this side [`BOUNCERS`] nameless
//!   endpoints send to it at once, each its next message from inside the handler of the answer.
#![no_std]
#![forbid(unsafe_code)]

mod bounce;
mod churn;
mod exchange;
pub mod layouts;
pub mod rendezvous;
mod stream;

pub use exchange::{Ended, Exchange};

/// How much is said in one layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// What the lines on the console call the layout.
    pub layout: &'static str,
    /// Messages of each stream in each direction.
    pub messages: u32,
    /// Messages of each of the [`BOUNCERS`].
    pub bounces: u32,
}

impl Plan {
    /// The long test, in the layout of `dual_qemu_ivshmem`.
    pub const LONG: Self = Self { layout: "dual-qemu-ivshmem", messages: 100_000, bounces: 20 };
}

/// How often the console is told how far it is, in messages of each stream.
///
/// A machine is killed after the first time, and then its peer's 16-bit indices should be far from where they began: a C
/// remote that returns starts at 0 and takes whatever looks available, and where it gets to the peer's index before that
/// looks, nobody can tell. With all that comes and goes, three streams are four and a half indices a message.
pub const STEP: u32 = 4_000;

/// The streams' names.
pub const STREAMS: [&str; 3] = ["copy", "nocopy", "hold"];

/// Endpoints that send to the C side's echo at once: more than the 128 that C has addresses for.
pub const BOUNCERS: usize = 130;

/// Endpoints that a link needs for the test: the streams, this side's own that comes and goes, those for the peer's, and
/// the bouncers.
pub const ENDPOINTS: usize = 12 + BOUNCERS;
