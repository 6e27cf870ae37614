// SPDX-License-Identifier: Apache-2.0
//! The figures of `amp ping`.

use std::fmt;

use anyhow::{Result, bail};
use serde::ser::SerializeMap;
use serde::{Serialize, Serializer};

/// The number of messages for each outcome, and the round-trip times.
#[derive(Debug, Default)]
pub struct Figures {
    /// Number of messages sent.
    pub sent: u64,
    /// Number of messages without an answer within the time limit.
    pub lost: u64,
    /// Number of answers that arrived after the time limit.
    pub late: u64,
    /// Number of answers that differ from the message.
    pub wrong: u64,
    /// Round-trip times of the correct answers, in microseconds.
    times: Vec<u64>,
}

impl Figures {
    /// Counts a correct answer that arrived after `micros` microseconds.
    pub fn round_trip(&mut self, micros: u64) {
        self.times.push(micros);
    }

    /// Checks that all answers arrived in time and were correct.
    ///
    /// # Errors
    /// Returns an error if any answer was lost or wrong.
    pub fn check(&self) -> Result<()> {
        match self {
            Self { lost: 0, wrong: 0, .. } => Ok(()),
            Self { lost, wrong, .. } => bail!("{lost} messages were lost, {wrong} came back wrong"),
        }
    }

    /// Returns a percentile of the round-trip times, in microseconds.
    fn percentile(&self, percent: usize) -> Option<u64> {
        let mut times = self.times.clone();
        times.sort_unstable();
        // Nearest-rank method, in which ranks start at 1.
        times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied()
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { sent, lost, late, wrong, .. } = self;
        write!(f, "{sent} messages, {lost} lost, {wrong} wrong")?;
        if *late > 0 {
            write!(f, ", {late} late")?;
        }
        if let (Some(median), Some(p99)) = (self.percentile(50), self.percentile(99)) {
            write!(f, "; round trip median {median} µs, 99 % {p99} µs")?;
        }
        Ok(())
    }
}

impl Serialize for Figures {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        let counts = [("messages", self.sent), ("lost", self.lost), ("late", self.late), ("wrong", self.wrong)];
        for (name, count) in counts {
            map.serialize_entry(name, &count)?;
        }
        for (name, percent) in [("median_us", 50), ("p99_us", 99)] {
            if let Some(time) = self.percentile(percent) {
                map.serialize_entry(name, &time)?;
            }
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_of_the_nearest_rank_and_say_what_is_missing() {
        let mut figures = Figures { sent: 100, ..Figures::default() };
        assert_eq!(figures.to_string(), "100 messages, 0 lost, 0 wrong");
        (1..=100).rev().for_each(|micros| figures.round_trip(micros));
        assert_eq!(figures.to_string(), "100 messages, 0 lost, 0 wrong; round trip median 50 µs, 99 % 99 µs");
        assert!(figures.check().is_ok());
        (figures.lost, figures.late) = (1, 1);
        assert_eq!(figures.check().unwrap_err().to_string(), "1 messages were lost, 0 came back wrong");
        let json = serde_json::to_string(&figures).unwrap();
        assert_eq!(json, r#"{"messages":100,"lost":1,"late":1,"wrong":0,"median_us":50,"p99_us":99}"#);
        assert!(Figures { wrong: 1, ..Figures::default() }.check().is_err());
    }
}
