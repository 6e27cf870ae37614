// SPDX-License-Identifier: Apache-2.0
//! The job that runs Twister. If Zephyr is not available, the job is skipped and reports the reason. The number of
//! tests comes from Twister's report.

use std::time::Duration;

use amp::process::{self, Running};
use anyhow::Result;

use super::count::Count;
use super::end::End;
use super::{scenarios, twister};
use crate::checkout::checkout;

/// Runs the job.
///
/// # Errors
/// Returns an error if the user interrupts the run (Ctrl-C).
pub fn run(limit: Duration, all: bool) -> Result<End> {
    let planned = twister::plan(all);
    process::check_interrupts()?;
    let (command, plan) = match planned {
        Ok(plan) => plan,
        Err(reason) => {
            let skipped = scenarios::all(checkout()?.root()).map_or(1, |names| names.len() as u64);
            let count = Count { skipped, ..Count::default() };
            return Ok(End { count, note: format!("skipped: {skipped} scenarios: {reason:#}"), output: Vec::new() });
        }
    };
    let mut output = Vec::new();
    let status = match Running::spawn(command) {
        Ok(mut running) => running.lines_until_exit(Some(limit), |line, _| output.push(line.to_owned()))?,
        Err(error) => return Ok(failed(format!("FAILED: {error:#}"), output)),
    };
    let Some(status) = status else {
        return Ok(failed(format!("FAILED: took longer than {} s", limit.as_secs()), output));
    };
    let (mut count, lines) = match plan.results() {
        Ok(results) => results,
        Err(error) => return Ok(failed(format!("FAILED: {error:#}"), output)),
    };
    if !status.success() && count.failed == 0 {
        count += Count::FAILED;
    }
    let Count { passed, failed, skipped } = count;
    let verdict = if failed == 0 { "ok" } else { "FAILED" };
    let mut note = format!("{verdict}: {passed} passed, {failed} failed, {skipped} skipped with {}", plan.zephyr);
    if plan.left_out > 0 {
        note += &format!("; {} scenarios skipped, which --all-zephyr runs", plan.left_out);
        count.skipped += plan.left_out as u64;
    }
    let output = if count.failed > 0 { [lines, output].concat() } else { lines };
    Ok(End { count, note, output })
}

fn failed(note: String, output: Vec<String>) -> End {
    End { count: Count::FAILED, note, output }
}
