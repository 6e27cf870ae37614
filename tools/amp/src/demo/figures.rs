// SPDX-License-Identifier: Apache-2.0
//! Adds up the figures of both sides of the exchange.

use amp_ivshmem_workload::protocol::Figures;
use serde::Serialize;

/// The combined figures of both sides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Number of messages that were echoed correctly.
    pub messages: u64,
    /// Number of messages that did not come back.
    pub lost: u64,
    /// Number of messages that either side received with wrong contents.
    pub wrong: u64,
    /// Median of the host side's round-trip times, in microseconds.
    pub median_us: u64,
    /// 99th percentile of the host side's round-trip times, in microseconds.
    pub p99_us: u64,
    /// Number of doorbells rung by both sides.
    pub doorbells: u64,
}

impl Total {
    /// Adds up the figures of both sides.
    pub fn of(host: &Figures, remote: &Figures) -> Self {
        let sum = |field: fn(&Figures) -> u32| u64::from(field(host)) + u64::from(field(remote));
        Self {
            messages: sum(|side| side.messages),
            lost: sum(|side| side.lost),
            wrong: sum(|side| side.wrong),
            median_us: host.median_micros.into(),
            p99_us: host.p99_micros.into(),
            doorbells: sum(|side| side.doorbells),
        }
    }

    /// Returns the reason why the run failed, or `None` if all `expected` messages came back correctly.
    pub fn objection(&self, expected: u64) -> Option<String> {
        let Self { messages, lost, wrong, .. } = self;
        (*messages != expected || *lost != 0 || *wrong != 0)
            .then(|| format!("{messages} of {expected} messages came back right, {lost} lost, {wrong} wrong"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOST: &str = "figures role=host messages=6667 lost=0 wrong=0 median_us=123 p99_us=456 doorbells=789";
    const REMOTE: &str = "figures role=remote messages=3333 lost=0 wrong=0 median_us=99 p99_us=200 doorbells=11";

    #[test]
    fn both_sides_add_up_and_times_are_the_hosts() {
        let total = Total::of(&Figures::parse(HOST).unwrap(), &Figures::parse(REMOTE).unwrap());
        assert_eq!((total.messages, total.median_us, total.p99_us, total.doorbells), (10_000, 123, 456, 800));
        assert_eq!(total.objection(10_000), None);
        assert!(total.objection(10_001).is_some());
        assert!(Total { wrong: 1, ..total }.objection(10_000).unwrap().contains("1 wrong"));
        assert!(Total { lost: 2, ..total }.objection(10_000).unwrap().contains("2 lost"));
        let huge = Figures { messages: u32::MAX, ..Figures::parse(HOST).unwrap() };
        assert!(Total::of(&huge, &huge).objection(10_000).is_some());
    }
}
