// SPDX-License-Identifier: Apache-2.0
//! All metrics with their units and limits, C OpenAMP's figures, and the recorded figures.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde::Deserialize;

/// The direction in which a metric improves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Better {
    /// Lower is better.
    Lower,
    /// Higher is better.
    Higher,
}

/// One metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Key {
    /// The metric's name. The JSON output uses the same name.
    pub name: &'static str,
    /// The unit.
    pub unit: &'static str,
    /// The limit, or `None` if the metric has no limit.
    pub limit: Option<f64>,
    /// The direction in which the metric improves.
    pub better: Better,
    /// True if the figure is the same in every run, even on a busy machine.
    pub exact: bool,
}

const fn bytes(name: &'static str, limit: u32) -> Key {
    Key { name, unit: "bytes", limit: Some(limit as f64), better: Better::Lower, exact: true }
}

const fn instructions(name: &'static str, limit: u32) -> Key {
    Key { name, unit: "instructions per message", limit: Some(limit as f64), better: Better::Lower, exact: true }
}

const fn ratio(name: &'static str, limit: f64) -> Key {
    Key { name, unit: "times", limit: Some(limit), better: Better::Lower, exact: true }
}

const fn timed(name: &'static str, unit: &'static str) -> Key {
    Key { name, unit, limit: None, better: Better::Lower, exact: false }
}

const fn told(name: &'static str, unit: &'static str) -> Key {
    Key { name, unit, limit: None, better: Better::Lower, exact: true }
}

/// All metrics, in the order in which they are printed.
pub const KEYS: &[Key] = &[
    instructions("instr.a53.16", 220),
    instructions("instr.a53.496", 390),
    instructions("instr.a53.zero_copy", 200),
    instructions("instr.m3.16", 240),
    instructions("instr.m3.496", 420),
    instructions("instr.x86_64.16", 220),
    instructions("instr.x86_64.496", 400),
    told("instr.m3.zero_copy", "instructions per message"),
    told("instr.x86_64.zero_copy", "instructions per message"),
    ratio("instr.a53.openamp_over_native", 1.25),
    ratio("instr.m3.openamp_over_native", 1.25),
    ratio("instr.x86_64.openamp_over_native", 1.25),
    ratio("growth.ring", 1.1),
    ratio("growth.endpoints", 1.1),
    told("loads.a53.16", "loads of shared memory per message"),
    told("stores.a53.16", "stores to shared memory per message"),
    told("loads.m3.16", "loads of shared memory per message"),
    told("stores.m3.16", "stores to shared memory per message"),
    told("copies.a53.496", "copies of the payload"),
    told("copies.a53.zero_copy", "copies of the payload"),
    told("doorbells_per_message.burst", "doorbells, in bursts of 8"),
    timed("doorbells_per_message.flood_32", "doorbells, with 32 buffers"),
    timed("wakeups_per_message.flood", "wake-ups of both sides"),
    timed("round_trip_us.a53", "µs, 16 bytes"),
    timed("doorbell_us.a53", "µs, both ways"),
    timed("boot_to_first_message_ms.a53", "ms"),
    Key {
        name: "doorbells_per_message.flood",
        unit: "doorbells",
        limit: Some(0.1),
        better: Better::Lower,
        exact: false,
    },
    Key { name: "round_trip.over_doorbell", unit: "ratio", limit: Some(1.15), better: Better::Lower, exact: false },
    Key {
        name: "blocking_flood_per_s.a53",
        unit: "messages per second",
        limit: Some(40.0 * 808.0),
        better: Better::Higher,
        exact: false,
    },
    Key {
        name: "flood_mb_per_s.a53",
        unit: "MB/s (10^6 bytes of payload), 496 bytes",
        limit: None,
        better: Better::Higher,
        exact: false,
    },
    bytes("flash.m3.echo_remote", 8 * 1024),
    bytes("ram.m3.echo_remote", 4 * 1024),
    bytes("flash.m3.remote", 3500),
    bytes("ram.m3.remote", 600),
    bytes("flash.m3.host", 4200),
    bytes("ram.m3.host", 800),
];

/// Returns the metric called `name`.
pub fn key(name: &str) -> Option<&'static Key> {
    KEYS.iter().find(|key| key.name == name)
}

/// Figures recorded in a file in this folder.
#[derive(Clone, Debug, Deserialize)]
pub struct Recorded {
    /// A description of where the figures come from.
    #[serde(default)]
    pub source: String,
    /// The figures, keyed by metric name.
    pub figures: BTreeMap<String, f64>,
}

/// Returns C OpenAMP's figures.
///
/// # Errors
/// Returns an error if the file's format is invalid.
pub fn c_openamp() -> Result<Recorded> {
    serde_json::from_str(include_str!("c-openamp.json")).context("c-openamp.json")
}

/// Returns the recorded figures of metrics that miss their limits. These figures must not get worse.
///
/// # Errors
/// Returns an error if the file's format is invalid.
pub fn accepted() -> Result<Recorded> {
    serde_json::from_str(include_str!("accepted.json")).context("accepted.json")
}

impl Key {
    /// Returns true if `value` is worse than `than`.
    pub fn is_worse(&self, value: f64, than: f64) -> bool {
        match self.better {
            Better::Lower => value > than,
            Better::Higher => value < than,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_recorded_is_of_keys_that_there_are() {
        for recorded in [c_openamp().unwrap(), accepted().unwrap()] {
            for name in recorded.figures.keys() {
                assert!(key(name).is_some(), "{name}");
            }
        }
        let names: std::collections::BTreeSet<_> = KEYS.iter().map(|key| key.name).collect();
        assert_eq!(names.len(), KEYS.len());
    }

    #[test]
    fn worse_is_more_or_less_as_the_key_has_it() {
        let size = key("flash.m3.remote").unwrap();
        assert!(size.is_worse(3501.0, 3500.0) && !size.is_worse(3500.0, 3500.0));
    }
}
