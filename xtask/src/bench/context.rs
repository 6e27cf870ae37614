// SPDX-License-Identifier: Apache-2.0
//! Options that apply to all groups of metrics.

/// The options of a benchmark run.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// If true, details are printed on standard error.
    pub verbose: bool,
}
