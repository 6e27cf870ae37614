// SPDX-License-Identifier: Apache-2.0
//! `amp demo`: starts a server and two machines, and prints the figures of their exchange as text or as JSON.

mod figures;
mod images;
mod options;
pub mod pair;
mod session;

use std::time::Duration;

use amp_ivshmem_server as server;
use anyhow::{Context, Result, bail};
use figures::Total;
use images::Prepared;
pub use options::Options;
use pair::{Pair, Start};
use serde::Serialize;
use session::{Outcome, Rules, Session};

use crate::artifacts::{Artifacts, SHARED_MEMORY};
use crate::console::Console;
use crate::folder::Folder;
use crate::{output, process};

/// Time limit for the first line on a machine's console.
const UP_LIMIT: Duration = Duration::from_secs(30);

/// The result of a run in machine-readable form. The names of times contain their units.
#[derive(Debug, Serialize)]
struct Report {
    pair: Pair,
    start: Start,
    #[serde(skip_serializing_if = "Option::is_none")]
    images: Option<&'static str>,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    total: Option<Total>,
    #[serde(skip_serializing_if = "Option::is_none")]
    seconds: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_message_ms: Option<f64>,
}

/// Runs the demo.
///
/// # Errors
/// Returns an error if something that the demo needs is missing, or if a run fails. With `json`, also prints the error
/// as a JSON object.
pub fn run(options: &Options) -> Result<()> {
    process::catch_interrupts()?;
    let expected = u64::from(amp_ivshmem_workload::MESSAGES);
    let prepared = images::prepare(options);
    if let (Err(error), true) = (&prepared, options.json) {
        // If printing fails, too, the first error is the more useful one.
        let _ = report(options, None, Err(error), None);
    }
    let Prepared { artifacts, images, said } = prepared?;
    if options.json {
        output::show_error(&format!("amp: {said}"));
    } else {
        output::line(&said)?;
    }
    for number in 1..=options.runs {
        if options.runs > 1 && !options.json {
            output::line(&format!("run {number} of {}", options.runs))?;
        }
        let result = run_once(options, &artifacts);
        let objection = result.as_ref().ok().and_then(|outcome| outcome.total.objection(expected));
        let printed = match &result {
            _ if options.json => report(options, Some(images), result.as_ref(), objection.clone()),
            Ok(outcome) => output::line(&line(outcome)),
            Err(_) => Ok(()),
        };
        result?;
        if let Some(objection) = objection {
            bail!(objection);
        }
        printed?;
    }
    Ok(())
}

/// Runs one exchange with a new server on a private socket.
fn run_once(options: &Options, artifacts: &Artifacts) -> Result<Outcome> {
    let folder = Folder::new_in(&std::env::temp_dir())?;
    let socket = folder.socket();
    let server = server::Server::start(&server::Options { size: SHARED_MEMORY, ..server::Options::new(&socket) })?;
    let sides = options.pair.sides();
    let labels = sides.map(|(machine, role)| machine.label(role));
    let [host, remote] = sides.map(|(machine, role)| artifacts.command(machine, role, &socket));
    let [host_label, remote_label] = labels.clone();
    let limit = Duration::from_secs(options.timeout);
    let rules = Rules { start: options.start, up_limit: UP_LIMIT.min(limit), limit };
    let console = Console::new(labels, options.json);
    let outcome =
        Session::new([(host_label, host?), (remote_label, remote?)], rules).run(|side, line| console.show(side, line));
    // If the server has failed, its error is the cause of the session's error, and is returned instead.
    server.stop().context("the server ended")?;
    outcome
}

/// Returns the figures as a single line.
fn line(outcome: &Outcome) -> String {
    let Total { messages, lost, wrong, median_us, p99_us, doorbells } = outcome.total;
    let first = outcome.first_message.map(|time| format!("; first message after {} ms", time.as_millis()));
    format!(
        "{messages} messages, {lost} lost, {wrong} wrong; round trip median {median_us} µs, 99 % {p99_us} µs; \
         {doorbells} doorbells; {:.2} s{}",
        outcome.duration.as_secs_f64(),
        first.unwrap_or_default()
    )
}

/// Prints the figures, or the error, as one line of JSON on standard output.
fn report(
    options: &Options,
    images: Option<&'static str>,
    result: Result<&Outcome, &anyhow::Error>,
    objection: Option<String>,
) -> Result<()> {
    let outcome = result.ok();
    let error = result.err().map(|error| format!("{error:#}")).or(objection);
    let report = Report {
        pair: options.pair,
        start: options.start,
        images,
        passed: error.is_none(),
        error,
        total: outcome.map(|outcome| outcome.total),
        seconds: outcome.map(|outcome| outcome.duration.as_secs_f64()),
        first_message_ms: outcome.and_then(|outcome| Some(outcome.first_message?.as_micros() as f64 / 1000.0)),
    };
    output::line(&serde_json::to_string(&report)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    const OPTIONS: Options = Options {
        pair: Pair { host: crate::machine::Machine::A53, remote: crate::machine::Machine::M3 },
        start: Start::Together,
        timeout: 60,
        runs: 1,
        zephyr: false,
        bare_metal: false,
        json: false,
    };

    #[test]
    fn the_line_has_all_figures() {
        let total = Total { messages: 10_000, lost: 0, wrong: 0, median_us: 12, p99_us: 34, doorbells: 56 };
        let duration = Duration::from_millis(3210);
        let outcome = Outcome { total, duration, first_message: Some(Duration::from_millis(68)) };
        assert_eq!(
            line(&outcome),
            "10000 messages, 0 lost, 0 wrong; round trip median 12 µs, 99 % 34 µs; 56 doorbells; 3.21 s; \
             first message after 68 ms"
        );
        let report = Report {
            pair: OPTIONS.pair,
            start: OPTIONS.start,
            images: Some("bare-metal"),
            passed: true,
            error: None,
            total: Some(total),
            seconds: Some(3.21),
            first_message_ms: None,
        };
        let json = serde_json::to_value(&report).unwrap();
        assert_eq!((&json["pair"], &json["start"]), (&"a53,m3".into(), &"together".into()));
        assert_eq!((&json["messages"], &json["passed"]), (&10_000.into(), &true.into()));
        assert!(json.get("error").is_none());
    }
}
