//! The figures with which each side ends its talk, and what they come to together.

use serde::Serialize;

use crate::machines::Role;

/// What one side printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// Which side.
    pub role: Role,
    /// Messages that it started and that came back right.
    pub messages: u64,
    /// Messages that it started and that did not come back.
    pub lost: u64,
    /// Messages that were not what they should be.
    pub wrong: u64,
    /// Median of its round trips, in microseconds.
    pub median_us: u64,
    /// The time that 99 % of them did not exceed, in microseconds.
    pub p99_us: u64,
    /// Doorbells that it rang.
    pub doorbells: u64,
}

impl Figures {
    /// Reads `figures role=host messages=6667 lost=0 …`; none if the line is not of exactly that form.
    pub fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace();
        if words.next() != Some("figures") {
            return None;
        }
        let mut value = |key: &str| words.next()?.strip_prefix(key)?.strip_prefix('=');
        let role = match value("role")? {
            "host" => Role::Host,
            "remote" => Role::Remote,
            _ => return None,
        };
        let mut number = |key: &str| value(key)?.parse::<u64>().ok();
        let figures = Self {
            role,
            messages: number("messages")?,
            lost: number("lost")?,
            wrong: number("wrong")?,
            median_us: number("median_us")?,
            p99_us: number("p99_us")?,
            doorbells: number("doorbells")?,
        };
        words.next().is_none().then_some(figures)
    }
}

/// Both sides' figures as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Total {
    /// Messages echoed right, of both sides.
    pub messages: u64,
    /// Messages that did not come back.
    pub lost: u64,
    /// Messages that were not what they should be, at either end.
    pub wrong: u64,
    /// Median round trip of the host side, in microseconds.
    pub median_us: u64,
    /// 99th percentile of the host side's round trips, in microseconds.
    pub p99_us: u64,
    /// Doorbells rung by both.
    pub doorbells: u64,
}

impl Total {
    /// What both sides did; sums do not overflow, whatever a guest prints.
    pub fn of(host: &Figures, remote: &Figures) -> Self {
        let sum = |field: fn(&Figures) -> u64| field(host).saturating_add(field(remote));
        Self {
            messages: sum(|side| side.messages),
            lost: sum(|side| side.lost),
            wrong: sum(|side| side.wrong),
            median_us: host.median_us,
            p99_us: host.p99_us,
            doorbells: sum(|side| side.doorbells),
        }
    }

    /// Why this is no success; none where all `expected` messages came back right.
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
    fn a_line_of_figures_is_read() {
        let figures = Figures::parse(HOST).unwrap();
        let values = (figures.messages, figures.median_us, figures.p99_us, figures.doorbells);
        assert_eq!((figures.role, values), (Role::Host, (6667, 123, 456, 789)));
    }

    #[test]
    fn any_other_line_is_none() {
        for line in [
            "",
            "figures",
            "the figures role=host",
            "figures role=both messages=1 lost=0 wrong=0 median_us=1 p99_us=1 doorbells=1",
            "figures role=host messages=-1 lost=0 wrong=0 median_us=1 p99_us=1 doorbells=1",
            "figures role=host messages=1 wrong=0 lost=0 median_us=1 p99_us=1 doorbells=1",
            "figures role=host messages=99999999999999999999 lost=0 wrong=0 median_us=1 p99_us=1 doorbells=1",
        ] {
            assert_eq!(Figures::parse(line), None, "{line}");
        }
        assert_eq!(Figures::parse(&format!("{HOST} more=1")), None);
    }

    #[test]
    fn both_sides_add_up_and_times_are_the_hosts() {
        let total = Total::of(&Figures::parse(HOST).unwrap(), &Figures::parse(REMOTE).unwrap());
        assert_eq!((total.messages, total.median_us, total.p99_us, total.doorbells), (10_000, 123, 456, 800));
        assert_eq!(total.objection(10_000), None);
        assert!(total.objection(10_001).is_some());
        assert!(Total { wrong: 1, ..total }.objection(10_000).unwrap().contains("1 wrong"));
        assert!(Total { lost: 2, ..total }.objection(10_000).unwrap().contains("2 lost"));
        let huge = Figures { messages: u64::MAX, ..Figures::parse(HOST).unwrap() };
        assert!(Total::of(&huge, &huge).objection(10_000).is_some());
    }
}
