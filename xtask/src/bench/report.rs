// SPDX-License-Identifier: Apache-2.0
//! The result of a benchmark run: rows that can be printed, and the verdict.

use amp::output;
use anyhow::{Result, ensure};
use serde::Serialize;

use super::figure::{Figure, Missing};
use super::table::{self, Key, Recorded};

/// The printed result for one metric.
#[derive(Clone, Debug, Serialize)]
pub struct Row {
    /// The metric's name in the [table].
    pub key: &'static str,
    /// The value in the metric's unit. After several runs, this is the median.
    pub value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    /// Why the value is unreliable, or `None` if it is reliable.
    #[serde(skip_serializing_if = "Option::is_none")]
    noise: Option<String>,
    unit: &'static str,
    /// The limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub limit: Option<f64>,
    /// True if the value is within the limit.
    pub met: bool,
    /// C OpenAMP's figure.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub c_openamp: Option<f64>,
    /// The recorded figure, if the limit has not been reached yet.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<f64>,
    /// The metric.
    #[serde(skip)]
    pub is: &'static Key,
}

/// All results of a run.
#[derive(Clone, Debug, Serialize)]
pub struct Report {
    /// The rows, in the order of the [table].
    pub figures: Vec<Row>,
    /// The metrics that could not be measured.
    pub missing: Vec<Missing>,
    /// A description of where C OpenAMP's figures come from.
    pub c_openamp: String,
}

impl Report {
    /// Prints the result as JSON or as text.
    ///
    /// # Errors
    /// Returns an error if standard output cannot be written.
    pub fn print(&self, json: bool) -> Result<()> {
        if json {
            return output::line(&serde_json::to_string_pretty(self)?);
        }
        output::line(&format!("{:30} {:>12} {:>10} {:>10}", "key", "value", "limit", "C OpenAMP"))?;
        self.figures.iter().try_for_each(|row| output::line(&line(row)))?;
        self.missing.iter().try_for_each(|Missing { keys, reason, .. }| {
            output::line(&format!("not measured: {} ({reason})", keys.join(", ")))
        })
    }

    /// Returns the verdict on the run.
    ///
    /// # Errors
    /// Returns an error that lists all failures. With `check` or `no_worse`, it also lists the figures that are worse
    /// than allowed, or says that no figure could be compared.
    pub fn verdict(&self, check: bool, no_worse: bool) -> Result<()> {
        let mut against = Vec::new();
        let failed = self.missing.iter().filter(|missing| missing.failed);
        let failed: Vec<_> = failed.flat_map(|missing| missing.keys.iter().copied()).collect();
        if !failed.is_empty() {
            against.push(format!("not measured because of a failure: {}", failed.join(", ")));
        }
        let reached = ("what was reached before", "; mend it, or record why in accepted.json");
        let limits: [(_, Bound, _); 2] = [(check, |row| row.limit, ("the limit", "")), (no_worse, may_be, reached)];
        for (_, bound, (than, remedy)) in limits.into_iter().filter(|(asked, ..)| *asked) {
            let compared: Vec<_> = self.figures.iter().filter_map(|row| Some((row, bound(row)?))).collect();
            if compared.is_empty() {
                let reasons: Vec<_> = self.missing.iter().map(|missing| missing.reason.as_str()).collect();
                let reasons = if reasons.is_empty() { "no figure has a limit".to_owned() } else { reasons.join("; ") };
                against.push(format!("nothing was checked: {reasons}"));
            }
            let worse = compared.iter().filter(|(row, bound)| row.is.is_worse(row.value, *bound));
            let worse: Vec<_> = worse.map(|(row, _)| row.key).collect();
            if !worse.is_empty() {
                against.push(format!("worse than {than}: {}{remedy}", worse.join(", ")));
            }
        }
        ensure!(against.is_empty(), "{}", against.join("; "));
        Ok(())
    }
}

/// Returns the worst value that a figure may have, or `None` if there is no limit.
type Bound = fn(&Row) -> Option<f64>;

/// Divisor for the tolerance, which allows for different compiler versions. A figure may be worse than its recorded
/// value by 1/`SLACK` of that value.
const SLACK: f64 = 33.0;

/// Returns the worst value that `--no-worse` allows for a figure, or `None` if it allows any value.
fn may_be(row: &Row) -> Option<f64> {
    let limit = row.limit.filter(|_| row.is.exact)?;
    match row.accepted.filter(|&accepted| row.is.is_worse(accepted, limit)) {
        Some(accepted) if row.is.better == table::Better::Lower => Some(accepted + accepted / SLACK),
        Some(accepted) => Some(accepted - accepted / SLACK),
        None => Some(limit),
    }
}

/// Returns the row for `figure`, including C OpenAMP's figure and the recorded figure. Returns `None` if the metric is
/// not in the [table].
pub fn row(figure: &Figure, c: &Recorded, accepted: &Recorded) -> Option<Row> {
    let is = table::key(figure.key)?;
    Some(Row {
        key: is.name,
        value: figure.value,
        min: figure.range.map(|(min, _)| min),
        max: figure.range.map(|(_, max)| max),
        noise: figure.noise.clone(),
        unit: is.unit,
        limit: is.limit,
        met: is.limit.is_none_or(|limit| !is.is_worse(figure.value, limit)),
        c_openamp: c.figures.get(is.name).copied(),
        accepted: accepted.figures.get(is.name).copied(),
        is,
    })
}

fn line(row: &Row) -> String {
    let c = row.c_openamp.map_or("-".to_owned(), number);
    let range = row.min.zip(row.max).map(|(min, max)| format!(" ({} to {})", number(min), number(max)));
    let verdict = match (row.met, &row.noise) {
        (true, None) => String::new(),
        (true, Some(noise)) => format!("   {noise}"),
        (false, None) => "   LIMIT MISSED".to_owned(),
        (false, Some(noise)) => format!("   LIMIT MISSED, but {noise}"),
    };
    let (value, limit) = (number(row.value), row.limit.map_or("-".to_owned(), number));
    format!("{:30} {value:>12} {limit:>10} {c:>10} {}{}{verdict}", row.key, row.unit, range.unwrap_or_default())
}

/// Formats a value with a suitable number of digits.
pub fn number(value: f64) -> String {
    let digits = if value.fract() == 0.0 || value >= 10_000.0 {
        0
    } else if value < 10.0 {
        3
    } else {
        1
    };
    format!("{value:.digits$}")
}

#[cfg(test)]
pub mod tests {
    use super::*;

    pub fn of(key: &'static str, value: f64, accepted: &[(&str, f64)]) -> Row {
        let figures = |list: &[(&str, f64)]| list.iter().map(|&(key, value)| (key.to_owned(), value)).collect();
        let recorded = |list| Recorded { source: String::new(), figures: figures(list) };
        row(&Figure::exact(key, value), &recorded(&[("flash.m3.remote", 6232.0)]), &recorded(accepted)).unwrap()
    }

    #[test]
    fn a_line_has_value_limit_and_cs_figure() {
        let met = line(&of("flash.m3.remote", 3500.0, &[]));
        assert_eq!(met, "flash.m3.remote                        3500       3500       6232 bytes");
        assert!(line(&of("flash.m3.remote", 3501.0, &[])).ends_with("LIMIT MISSED"));
    }

    #[test]
    fn what_has_not_reached_its_limit_may_not_become_worse() {
        assert_eq!(may_be(&of("flash.m3.remote", 1.0, &[])), Some(3500.0));
        assert_eq!(may_be(&of("flash.m3.remote", 1.0, &[("flash.m3.remote", 3960.0)])), Some(4080.0));
        // A recorded figure that is better than its limit does not tighten the limit.
        assert_eq!(may_be(&of("flash.m3.remote", 1.0, &[("flash.m3.remote", 3000.0)])), Some(3500.0));
        // A figure that depends on the machine's load cannot fail the check.
        assert_eq!(may_be(&of("round_trip.over_doorbell", 9.0, &[])), None);
    }

    fn report(figures: Vec<Row>, missing: Vec<Missing>) -> Report {
        Report { figures, missing, c_openamp: String::new() }
    }

    fn lacking(reason: &str, failed: bool) -> Missing {
        Missing { keys: vec!["flash.m3.host"], reason: reason.to_owned(), failed }
    }

    #[test]
    fn a_check_fails_by_a_worse_key_and_passes_by_one_that_is_met() {
        let against = |report: &Report| report.verdict(true, false).unwrap_err().to_string();
        let (met, missed) = (of("flash.m3.remote", 3500.0, &[]), of("flash.m3.host", 4201.0, &[]));
        report(vec![met.clone()], vec![]).verdict(true, false).unwrap();
        let both = report(vec![met.clone(), missed], vec![]);
        assert_eq!(against(&both), "worse than the limit: flash.m3.host");
        both.verdict(false, false).unwrap();
        // A metric that this machine cannot measure may be missing, but at least one figure must be compared.
        report(vec![met], vec![lacking("no Zephyr", false)]).verdict(true, false).unwrap();
    }

    #[test]
    fn a_check_of_nothing_fails() {
        let nothing = report(vec![], vec![lacking("no Zephyr", false)]);
        for (check, no_worse) in [(true, false), (false, true)] {
            let against = nothing.verdict(check, no_worse).unwrap_err().to_string();
            assert_eq!(against, "nothing was checked: no Zephyr");
        }
        nothing.verdict(false, false).unwrap();
        let told = report(vec![of("loads.a53.16", 13.0, &[])], vec![]);
        assert_eq!(told.verdict(true, false).unwrap_err().to_string(), "nothing was checked: no figure has a limit");
        // `--no-worse` does not compare timing figures.
        let timed = report(vec![of("round_trip.over_doorbell", 1.0, &[])], vec![]);
        assert!(timed.verdict(false, true).is_err() && timed.verdict(true, false).is_ok());
    }
}
