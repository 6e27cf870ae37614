// SPDX-License-Identifier: Apache-2.0
//! A figure that was measured, and one that could not be.

use serde::Serialize;

/// One key's value: of several runs the median.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// One of the [table](super::table)'s keys.
    pub key: &'static str,
    /// The value, in the key's unit.
    pub value: f64,
    /// Least and most of several runs; none where a value repeats exactly.
    pub range: Option<(f64, f64)>,
    /// Why it means little, if it does.
    pub noise: Option<String>,
}

impl Figure {
    /// A figure that repeats exactly, and is measured once.
    pub const fn exact(key: &'static str, value: f64) -> Self {
        Self { key, value, range: None, noise: None }
    }
}

/// Keys that could not be measured here.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The keys.
    pub keys: Vec<&'static str>,
    /// The missing part and how to get it, or the failure.
    pub reason: String,
    /// True if nothing was missing, and the measurement failed.
    #[serde(skip)]
    pub failed: bool,
}
