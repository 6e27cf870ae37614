//! `amp bench`: measures what the keys of the [table] say, group by group, and compares. Each group is a file.

mod counts;
pub mod figure;
mod guest;
pub mod images;
mod instructions;
mod plot;
mod table;
mod timed;
#[cfg(target_arch = "x86_64")]
mod traced;

use std::path::PathBuf;

use anyhow::{Result, bail};
use serde::Serialize;

use crate::machines::Machine;
use crate::zephyr::sizes;
use crate::{output, process};
use figure::{Figure, Missing};
use table::{Key, Recorded};
#[cfg(target_arch = "x86_64")]
pub use traced::become_traced;

/// What `amp bench` can be told.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Measure only the keys whose names contain this
    pub filter: Option<String>,
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Draw the figures beside C OpenAMP's, as SVG
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Fail if a figure is worse than its limit
    #[arg(long)]
    pub check: bool,
    /// Fail if a figure that repeats exactly is worse than its limit, or than what is recorded where the limit has not
    /// been reached yet
    #[arg(long)]
    pub no_worse: bool,
    /// Show more, as the instructions of each function
    #[arg(short, long)]
    pub verbose: bool,
}

/// What a group is told.
#[derive(Clone, Copy, Debug)]
pub struct Context {
    /// Whether to print details, on standard error.
    pub verbose: bool,
}

/// How a group's measuring ended.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// The figures of its keys.
    Measured(Vec<Figure>),
    /// Why it cannot be measured here, and the remedy.
    Missing(String),
}

/// What measures some of the keys.
struct Group {
    keys: &'static [&'static str],
    measure: fn(&Context) -> Result<Outcome>,
}

const GROUPS: &[Group] = &[
    Group { keys: images::KEYS, measure: images::measure },
    Group { keys: instructions::A53_KEYS, measure: instructions::a53 },
    Group { keys: instructions::M3_KEYS, measure: instructions::m3 },
    Group { keys: instructions::X86_64_KEYS, measure: instructions::x86_64 },
    Group { keys: timed::KEYS, measure: timed::measure },
    Group { keys: sizes::KEYS, measure: sizes::measure },
];

/// One key as it is printed.
#[derive(Clone, Debug, Serialize)]
struct Row {
    key: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    min: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    max: Option<f64>,
    /// Why it means little: the machine was too noisy.
    #[serde(skip_serializing_if = "Option::is_none")]
    noise: Option<String>,
    unit: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    limit: Option<f64>,
    met: bool,
    /// What C OpenAMP takes.
    #[serde(skip_serializing_if = "Option::is_none")]
    c_openamp: Option<f64>,
    /// What was reached before, where that is not yet the limit.
    #[serde(skip_serializing_if = "Option::is_none")]
    accepted: Option<f64>,
    #[serde(skip)]
    is: &'static Key,
}

/// All that was found out.
#[derive(Clone, Debug, Serialize)]
struct Report {
    figures: Vec<Row>,
    missing: Vec<Missing>,
    c_openamp: String,
}

/// What this machine lacks for a bench with `words`, if anything.
pub fn missing(words: &str) -> Option<&'static str> {
    let counts = words.contains("instr") || words.contains("a53");
    if words.contains("x86_64") {
        cfg!(not(target_arch = "x86_64")).then_some("this machine is no x86_64")
    } else if counts && words.contains("a53") && Machine::A53.check().is_err() {
        Some("no QEMU 10.0 or newer for the A53: amp bench instr.a53 says more")
    } else if counts && words.contains("m3") && Machine::M3.check().is_err() {
        Some("no QEMU 10.0 or newer for the M3: amp bench instr.m3 says more")
    } else {
        None
    }
}

/// Measures, and prints.
///
/// # Errors
/// What does not build or run; with `check` or `no_worse`, a figure that is worse than it may be.
pub fn run(options: &Options) -> Result<()> {
    process::catch_interrupts()?;
    let (c, accepted) = (table::c_openamp()?, table::accepted()?);
    let wanted = |name: &str| options.filter.as_ref().is_none_or(|filter| name.contains(filter.as_str()));
    let mut report = Report { figures: Vec::new(), missing: Vec::new(), c_openamp: c.source.clone() };
    for group in GROUPS.iter().filter(|group| group.keys.iter().any(|key| wanted(key))) {
        match (group.measure)(&Context { verbose: options.verbose })? {
            Outcome::Measured(figures) => {
                let figures = figures.iter().filter(|figure| wanted(figure.key));
                report.figures.extend(figures.filter_map(|figure| row(figure, &c, &accepted)));
            }
            Outcome::Missing(reason) => report.missing.push(Missing { keys: group.keys, reason }),
        }
    }
    if report.figures.is_empty() && report.missing.is_empty() {
        bail!("no key's name contains '{}'", options.filter.as_deref().unwrap_or_default());
    }
    let place = |row: &Row| table::KEYS.iter().position(|key| key.name == row.key);
    report.figures.sort_by_key(place);
    if options.json {
        output::line(&serde_json::to_string_pretty(&report)?)?;
    } else {
        output::line(&format!("{:30} {:>12} {:>10} {:>10}", "key", "value", "limit", "C OpenAMP"))?;
        report.figures.iter().try_for_each(|row| output::line(&line(row)))?;
        for Missing { keys, reason } in &report.missing {
            output::line(&format!("not measured: {} ({reason})", keys.join(", ")))?;
        }
    }
    if let Some(path) = &options.plot {
        plot::draw(path, &report.figures)?;
    }
    let worse = |bound: fn(&Row) -> Option<f64>| {
        let worse =
            report.figures.iter().filter(|row| bound(row).is_some_and(|bound| row.is.is_worse(row.value, bound)));
        worse.map(|row| row.key).collect::<Vec<_>>().join(", ")
    };
    if options.check {
        let missed = worse(|row| row.limit);
        if !missed.is_empty() {
            bail!("worse than the limit: {missed}");
        }
    }
    if options.no_worse {
        let worse = worse(may_be);
        if !worse.is_empty() {
            bail!("worse than what was reached before: {worse}; mend it, or record why in accepted.json");
        }
    }
    Ok(())
}

/// What another version of the compiler may cost: one part in this many.
const SLACK: f64 = 33.0;

/// The worst that a figure may be for `--no-worse`.
fn may_be(row: &Row) -> Option<f64> {
    let limit = row.limit.filter(|_| row.is.exact)?;
    match row.accepted.filter(|&accepted| row.is.is_worse(accepted, limit)) {
        Some(accepted) if row.is.better == table::Better::Lower => Some(accepted + accepted / SLACK),
        Some(accepted) => Some(accepted - accepted / SLACK),
        None => Some(limit),
    }
}

fn row(figure: &Figure, c: &Recorded, accepted: &Recorded) -> Option<Row> {
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

/// As many digits as say something.
fn number(value: f64) -> String {
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
mod tests {
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
        // Better than asked for is no new limit.
        assert_eq!(may_be(&of("flash.m3.remote", 1.0, &[("flash.m3.remote", 3000.0)])), Some(3500.0));
        // What a busy machine makes worse is nobody's fault.
        assert_eq!(may_be(&of("round_trip.over_doorbell", 9.0, &[])), None);
    }

    #[test]
    fn every_key_is_measured_by_one_group() {
        for group in GROUPS {
            for name in group.keys {
                assert!(table::key(name).is_some(), "{name}");
                assert_eq!(GROUPS.iter().filter(|other| other.keys.contains(name)).count(), 1, "{name}");
            }
        }
    }
}
