// SPDX-License-Identifier: Apache-2.0
//! A measured figure, or the reason why a metric could not be measured.

use serde::Serialize;

/// The value of one metric. After several runs, this is the median.
#[derive(Clone, Debug, PartialEq)]
pub struct Figure {
    /// The name of a metric in the [table](super::table).
    pub key: &'static str,
    /// The value, in the metric's unit.
    pub value: f64,
    /// The lowest and the highest value of several runs, or `None` if the value is the same in every run.
    pub range: Option<(f64, f64)>,
    /// Why the value is unreliable, or `None` if it is reliable.
    pub noise: Option<String>,
}

impl Figure {
    /// Creates a figure that is the same in every run, so that one run is enough.
    pub const fn exact(key: &'static str, value: f64) -> Self {
        Self { key, value, range: None, noise: None }
    }
}

/// Metrics that could not be measured on this machine.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Missing {
    /// The names of the metrics.
    pub keys: Vec<&'static str>,
    /// The missing part and its remedy, or the failure.
    pub reason: String,
    /// True if the measurement failed although no part was missing.
    #[serde(skip)]
    pub failed: bool,
}
