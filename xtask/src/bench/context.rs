// SPDX-License-Identifier: Apache-2.0
//! The options that apply to every group of figures.

/// The options of a measurement.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// True to print details on standard error.
    pub verbose: bool,
}
