// SPDX-License-Identifier: Apache-2.0
//! The memory, doorbell, clock and reporting function that a program supplies.

/// The memory, doorbell, clock and reporting function that a program supplies.
pub struct Bench<M, D, N, T> {
    /// Memory of at least 1 MiB, or 3 MiB for [`run_large`](Self::run_large).
    pub memory: M,
    /// A doorbell that rings a peer that does not exist.
    pub doorbell: D,
    /// Reads the clock of the machine.
    pub now: N,
    /// Called at the end of each section with the section's name and number of messages.
    pub tell: T,
}
