// SPDX-License-Identifier: Apache-2.0
//! Runs Zephyr's test runner, Twister, on this repository's samples and tests. Checks whether Twister can run here,
//! builds its command, and counts the results.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use amp::machine::Machine;
use amp::zephyr::images::{self, board};
use amp::zephyr::run;
use amp::zephyr::tree::Zephyr;
use anyhow::{Context, Result, ensure};
use serde_json::Value;

use super::count::Count;
use super::scenarios;
use crate::checkout::checkout;

/// Environment variable that contains more arguments for Twister, for example `--force-toolchain`. If `-s` is among the
/// arguments, it selects the scenarios.
pub const WORDS: &str = "AMP_TWISTER_ARGS";
/// Time limit for pytest to print its version.
const ASK_LIMIT: Duration = Duration::from_secs(60);
/// Name of Twister's folder in the cache folder.
const FOLDER: &str = "twister";

/// The planned Twister run.
#[derive(Debug)]
pub struct Plan {
    /// Number of scenarios that do not run.
    pub left_out: usize,
    /// A description of the workspace.
    pub zephyr: String,
    results: std::path::PathBuf,
}

/// Finds Zephyr, checks that Zephyr can build an application, and plans the Twister run. The check does not build this
/// repository's code, because Twister tests that.
///
/// # Errors
/// Returns an error that names the missing part and the remedy.
pub fn plan(all: bool) -> Result<(Command, Plan)> {
    let zephyr = Zephyr::find(checkout()?)?;
    let lang_rust = zephyr.lang_rust()?;
    zephyr.check_targets()?;
    let root = checkout()?.root();
    let folder = zephyr.cache()?;
    fs::create_dir_all(&folder).with_context(|| format!("no folder {}", folder.display()))?;

    let mut pytest = zephyr.program(Path::new("pytest"));
    pytest.arg("--version");
    run::run(pytest, ASK_LIMIT, |_| {})
        .with_context(|| format!("{zephyr}: no pytest: pip install -r zephyr/scripts/requirements-run-test.txt"))?;
    for machine in [Machine::A53, Machine::M3] {
        images::probe(&zephyr, &lang_rust, machine)?;
    }

    let names = scenarios::all(root)?;
    let words = std::env::var(WORDS).unwrap_or_default();
    let words = shlex::split(&words).with_context(|| format!("{WORDS} has a quote that is not closed: {words}"))?;
    let chosen = if all { names.clone() } else { scenarios::by_default(&names) };
    let user_chooses = words.iter().any(|word| ["-s", "--scenario", "--test"].contains(&word.as_str()));

    let results = folder.join(FOLDER);
    let mut command = zephyr.west();
    command.arg("twister").args(["--clobber-output", "--no-detailed-test-id"]).arg("-O").arg(&results);
    for place in scenarios::ROOTS {
        command.arg("-T").arg(root.join(place));
    }
    for machine in [Machine::A53, Machine::M3] {
        command.args(["-p", board(machine)?]);
    }
    if !user_chooses {
        command.args(chosen.iter().flat_map(|name| ["-s", name]));
    }
    command.args(words);
    // The tests use this program to start the server and the second machine.
    command.env("AMP", std::env::current_exe().context("where is this tool?")?);
    let left_out = if user_chooses { 0 } else { names.len() - chosen.len() };
    Ok((command, Plan { left_out, zephyr: zephyr.to_string(), results }))
}

impl Plan {
    /// Reads Twister's report. Returns the number of tests by outcome, and the names of the failed tests.
    ///
    /// # Errors
    /// Returns an error if Twister did not write a report.
    pub fn results(&self) -> Result<(Count, Vec<String>)> {
        let file = self.results.join("twister.json");
        let text = fs::read_to_string(&file).with_context(|| format!("Twister ended without {}", file.display()))?;
        let (count, failed) = count(&serde_json::from_str(&text).context("Twister's twister.json is no JSON")?);
        ensure!(count != Count::default(), "Twister ran no test");
        Ok((count, failed))
    }
}

/// Counts each test case as one test. A scenario that fails without a failed test case counts as one failed test.
fn count(report: &Value) -> (Count, Vec<String>) {
    let (mut sum, mut lines) = (Count::default(), Vec::new());
    for suite in report["testsuites"].as_array().into_iter().flatten() {
        let mut of_suite = Count::default();
        for case in suite["testcases"].as_array().into_iter().flatten() {
            match case["status"].as_str() {
                Some("passed") => of_suite += Count::PASSED,
                // The test does not apply to this board, or was not selected.
                Some("filtered") => {}
                Some("skipped" | "not run" | "notrun") => of_suite += Count::SKIPPED,
                _ => of_suite += Count::FAILED,
            }
        }
        let failed = matches!(suite["status"].as_str(), Some("failed" | "error" | "blocked"));
        if failed && of_suite.failed == 0 {
            of_suite += Count::FAILED;
        }
        if of_suite.failed > 0 || of_suite.skipped > 0 {
            let word = |key: &str| suite[key].as_str().unwrap_or("?").to_owned();
            let reason = suite["reason"].as_str().unwrap_or("see its log");
            lines.push(format!("{} on {}: {} ({reason})", word("name"), word("platform"), word("status")));
        }
        sum += of_suite;
    }
    (sum, lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twisters_report_is_counted_by_test_case() {
        let report = serde_json::json!({"testsuites": [
            {"name": "a", "platform": "m3", "status": "passed", "testcases": [{"status": "passed"}, {"status": "passed"}]},
            {"name": "b", "platform": "m3", "status": "filtered", "testcases": [{"status": "filtered"}]},
            {"name": "c", "platform": "a53", "status": "failed", "reason": "Timeout", "testcases": [{"status": "blocked"}, {"status": "passed"}]},
            {"name": "d", "platform": "a53", "status": "error", "reason": "Build failure", "testcases": []},
            {"name": "e", "platform": "a53", "status": "skipped", "testcases": [{"status": "skipped"}]},
        ]});
        let (sum, lines) = count(&report);
        assert_eq!(sum, Count { passed: 3, failed: 2, skipped: 1 });
        assert_eq!(
            lines,
            ["c on a53: failed (Timeout)", "d on a53: error (Build failure)", "e on a53: skipped (see its log)"]
        );
        assert_eq!(count(&serde_json::json!({})).0, Count::default());
    }
}
