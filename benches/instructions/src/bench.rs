// SPDX-License-Identifier: Apache-2.0
//! The parts that a program supplies: memory, doorbell, clock, and a function to report to.

/// The parts that a program supplies.
pub struct Bench<M, D, N, T> {
    /// Memory of at least 1 MiB, or 3 MiB for [`run_large`](Self::run_large).
    pub memory: M,
    /// A doorbell to an absent peer.
    pub doorbell: D,
    /// Reads the machine's clock.
    pub now: N,
    /// Receives the name and the number of messages of each section when it ends.
    pub tell: T,
}
