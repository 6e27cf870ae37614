// SPDX-License-Identifier: Apache-2.0
//! `amp bench`: measures each metric in the [table], group by group, and compares the figure with its limit and with C
//! OpenAMP's figure. Each group is in a separate file.

mod context;
mod counts;
pub mod figure;
mod functions;
mod guest;
pub mod images;
mod instructions;
mod noise;
mod plot;
#[cfg(target_arch = "x86_64")]
mod ptrace_counter;
mod report;
mod table;
mod timed;
mod zephyr;

use std::path::PathBuf;

use amp::machine::Machine;
use amp::process;
use anyhow::{Result, ensure};
use context::Context;
use figure::{Figure, Missing};
#[cfg(target_arch = "x86_64")]
pub use ptrace_counter::become_traced;
use report::{Report, Row, row};

/// The options of `./amp bench`.
#[derive(Clone, Debug, clap::Args)]
pub struct Options {
    /// Measure only the metrics whose names contain FILTER
    pub filter: Option<String>,
    /// Print the figures as JSON
    #[arg(long)]
    pub json: bool,
    /// Write a plot that compares the figures with C OpenAMP's figures to FILE, which must end in .svg
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
    /// Fail if a figure is worse than its limit
    #[arg(long)]
    pub check: bool,
    /// Fail if an exact figure is worse than its limit; if the recorded figure misses the limit, fail only if the new
    /// figure is more than 3 % worse than the recorded one
    #[arg(long)]
    pub no_worse: bool,
    /// Also print details, for example how many instructions each function executes per message
    #[arg(short, long)]
    pub verbose: bool,
}

/// A group of metrics that are measured together.
struct Group {
    keys: &'static [&'static str],
    /// Checks that this machine has everything the group needs. The error names the missing part and the remedy.
    check: fn() -> Result<()>,
    /// Measures all metrics in the group. Called only after `check` has succeeded.
    measure: fn(&Context) -> Result<Vec<Figure>>,
}

const GROUPS: &[Group] = &[
    Group { keys: images::KEYS, check: || Ok(()), measure: images::measure },
    Group { keys: instructions::A53_KEYS, check: || Machine::A53.check().map(drop), measure: instructions::a53 },
    Group { keys: instructions::M3_KEYS, check: || Machine::M3.check().map(drop), measure: instructions::m3 },
    Group { keys: instructions::X86_64_KEYS, check: instructions::check_x86_64, measure: instructions::x86_64 },
    Group { keys: timed::KEYS, check: || Machine::A53.check().map(drop), measure: timed::measure },
    Group { keys: zephyr::KEYS, check: zephyr::check, measure: zephyr::measure },
];

impl Group {
    /// Returns the names in this group that contain `filter`.
    fn wanted(&self, filter: &str) -> Vec<&'static str> {
        self.keys.iter().copied().filter(|key| key.contains(filter)).collect()
    }
}

/// Returns why this machine cannot run `amp bench` with `words`, or `None` if it can measure at least one group.
///
/// # Errors
/// Returns an error if the user interrupts the run (Ctrl-C).
pub fn missing(words: &str) -> Result<Option<String>> {
    let filter = words.split_whitespace().skip(1).find(|word| !word.starts_with('-')).unwrap_or_default();
    let mut reason = None;
    for group in GROUPS.iter().filter(|group| !group.wanted(filter).is_empty()) {
        match (group.check)() {
            Ok(()) => return Ok(None),
            Err(error) => reason = Some(format!("{error:#}")),
        }
        process::check_interrupts()?;
    }
    Ok(reason)
}

/// Runs the benchmarks and prints the result.
///
/// # Errors
/// Returns an error if a program does not build or run. The other results are printed first. With `check` or
/// `no_worse`, also returns an error if a figure is worse than allowed, or if no figure could be measured.
pub fn run(options: &Options) -> Result<()> {
    process::catch_interrupts()?;
    let filter = options.filter.as_deref().unwrap_or_default();
    ensure!(GROUPS.iter().any(|group| !group.wanted(filter).is_empty()), "no key's name contains '{filter}'");
    if let Some(path) = &options.plot {
        plot::check(path)?;
    }
    let report = measure(GROUPS, filter, &Context { verbose: options.verbose })?;
    report.print(options.json)?;
    if let Some(path) = &options.plot {
        plot::draw(path, &report.figures, &report.c_openamp)?;
    }
    report.verdict(options.check, options.no_worse)
}

/// Measures the metrics in `groups` whose names contain `filter`. If a group fails, the other groups are still
/// measured.
///
/// # Errors
/// Returns an error if the user interrupts the run (Ctrl-C).
fn measure(groups: &[Group], filter: &str, context: &Context) -> Result<Report> {
    let (c, accepted) = (table::c_openamp()?, table::accepted()?);
    let mut report = Report { figures: Vec::new(), missing: Vec::new(), c_openamp: c.source.clone() };
    for group in groups {
        let keys = group.wanted(filter);
        if keys.is_empty() {
            continue;
        }
        let (failed, outcome) = match (group.check)() {
            Ok(()) => (true, (group.measure)(context)),
            Err(reason) => (false, Err(reason)),
        };
        process::check_interrupts()?;
        match outcome {
            Ok(figures) => {
                let figures = figures.iter().filter(|figure| keys.contains(&figure.key));
                report.figures.extend(figures.filter_map(|figure| row(figure, &c, &accepted)));
            }
            Err(error) => {
                let reason = if failed { format!("failed: {error:#}") } else { format!("{error:#}") };
                report.missing.push(Missing { keys, reason, failed });
            }
        }
    }
    let place = |row: &Row| table::KEYS.iter().position(|key| key.name == row.key);
    report.figures.sort_by_key(place);
    Ok(report)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_group_that_fails_keeps_the_others_figures() {
        let flash: fn(&Context) -> _ =
            |_| Ok(vec![Figure::exact("flash.m3.remote", 1.0), Figure::exact("ram.m3.remote", 1.0)]);
        let groups = [
            Group { keys: &["flash.m3.host"], check: || Ok(()), measure: |_| anyhow::bail!("it does not build") },
            Group { keys: &["flash.m3.remote", "ram.m3.remote"], check: || Ok(()), measure: flash },
            Group { keys: &["flash.m3.echo_remote"], check: || anyhow::bail!("no tool"), measure: flash },
            Group { keys: &["instr.a53.16"], check: || Ok(()), measure: |_| unreachable!() },
        ];
        let report = measure(&groups, "flash", &Context { verbose: false }).unwrap();
        assert_eq!(report.figures.iter().map(|row| row.key).collect::<Vec<_>>(), ["flash.m3.remote"]);
        let reasons: Vec<_> = report.missing.iter().map(|missing| missing.reason.as_str()).collect();
        assert_eq!(reasons, ["failed: it does not build", "no tool"]);
        let against = report.verdict(true, true).unwrap_err().to_string();
        assert_eq!(against, "not measured because of a failure: flash.m3.host");
    }

    #[test]
    fn a_job_is_skipped_only_where_none_of_its_keys_can_be_measured() {
        let growth = missing("bench --no-worse growth").unwrap();
        assert_eq!(growth.as_deref(), cfg!(not(target_arch = "x86_64")).then_some("this machine is no x86_64"));
        // The measurement of `m3.echo_remote` needs only cargo.
        assert_eq!(missing("bench --no-worse m3.echo_remote").unwrap(), None);
        assert_eq!(missing("bench").unwrap(), None);
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
