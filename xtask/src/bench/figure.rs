// SPDX-License-Identifier: Apache-2.0
//! A figure that was measured, and a figure that could not be measured.

use serde::Serialize;

/// The value of one key; if there were several runs, the median.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// One of the [table](super::table)'s keys.
    pub key: &'static str,
    /// The value, in the key's unit.
    pub value: f64,
    /// The lowest and the highest value of several runs; none for a value that repeats exactly.
    pub range: Option<(f64, f64)>,
    /// The reason why the value is of little use, if there is one.
    pub noise: Option<String>,
}

impl Figure {
    /// Makes a figure that is the same in every run, so it is measured only once.
    pub const fn exact(key: &'static str, value: f64) -> Self {
        Self { key, value, range: None, noise: None }
    }
}

/// Keys that could not be measured here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The keys.
    pub keys: Vec<&'static str>,
    /// The missing part and the way to get it, or the failure.
    pub reason: String,
    /// True if nothing was missing, and the measurement failed.
    #[serde(skip)]
    pub failed: bool,
}
