// SPDX-License-Identifier: Apache-2.0
//! The result of a job.

use super::count::Count;

/// The result of one job.
pub struct End {
    pub count: Count,
    /// The verdict, on one line.
    pub note: String,
    /// The output to show, if any.
    pub output: Vec<String>,
}
