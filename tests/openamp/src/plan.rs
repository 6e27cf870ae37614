// SPDX-License-Identifier: Apache-2.0
//! The amount of traffic: messages, streams and endpoints.

/// Number of messages in one layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// Name of the layout on the console.
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

/// Interval of progress reports, in messages of each stream.
///
/// The test kills a machine after the first report. At that time the peer's 16-bit indices must be far from their initial
/// values: a C remote that returns starts at 0 and takes every entry that looks available. If it reached the peer's index
/// before the peer looks, the peer could not notice. Three streams with their other traffic advance the index by four and a
/// half per message.
pub const STEP: u32 = 4_000;

/// Names of the streams.
pub const STREAMS: [&str; 3] = ["copy", "nocopy", "hold"];

/// Endpoints that send to the C side's echo at the same time: more than C's 128 addresses.
pub const BOUNCERS: usize = 130;

/// Endpoints that a link needs for the test: the streams, this side's own that comes and goes, the answers to the peer's, and
/// the bouncers.
pub const ENDPOINTS: usize = 12 + BOUNCERS;
