// SPDX-License-Identifier: Apache-2.0
//! The end of a job.

use super::count::Count;

/// The end of one job.
pub struct End {
    pub count: Count,
    /// The verdict, on one line.
    pub note: String,
    /// The output, where it is worth showing.
    pub output: Vec<String>,
}
