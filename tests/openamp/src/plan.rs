// SPDX-License-Identifier: Apache-2.0
//! The amount of traffic: messages, streams and endpoints.

/// Number of messages to send in one layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Plan {
    /// The layout's name in console output.
    pub layout: &'static str,
    /// Number of messages per stream and direction.
    pub messages: u32,
    /// Number of messages from each of the [`BOUNCERS`].
    pub bounces: u32,
}

impl Plan {
    /// The long test, in the `dual_qemu_ivshmem` layout.
    pub const LONG: Self = Self { layout: "dual-qemu-ivshmem", messages: 100_000, bounces: 20 };
}

/// Interval between progress reports, in messages per stream.
///
/// The test kills a machine after the first report. By then, the peer's 16-bit indices must be far from their initial
/// values. A C remote that restarts begins at index 0 and takes every entry that looks available. If this remote caught
/// up with the peer's index before the peer's next check, the peer would not detect the restart. The three streams and
/// the other traffic advance the index by 4.5 per stream message.
pub const STEP: u32 = 4_000;

/// Names of the streams.
pub const STREAMS: [&str; 3] = ["copy", "nocopy", "hold"];

/// Number of endpoints that send to the C side's echo endpoint at the same time. There are more endpoints than C
/// OpenAMP has dynamic addresses (128).
pub const BOUNCERS: usize = 130;

/// Number of endpoints that the test needs on a link: the streams, this side's short-lived endpoint, the answers to the
/// peer's short-lived endpoints, and the bouncers.
pub const ENDPOINTS: usize = 12 + BOUNCERS;
