// SPDX-License-Identifier: Apache-2.0
//! Tests every way in which a session can end, with shell scripts in place of the machines.

use super::*;

const HOST: &str = "echo figures role=host messages=6667 lost=0 wrong=0 median_us=20 p99_us=90 doorbells=5";
const REMOTE: &str = "echo figures role=remote messages=3333 lost=0 wrong=0 median_us=30 p99_us=80 doorbells=6";

fn talk(start: Start, host: &str, remote: &str) -> Result<Outcome> {
    let script = |label: &str, text: &str| {
        let mut command = process::guarded("sh");
        command.args(["-c", text]);
        (label.to_owned(), command)
    };
    let rules = Rules { start, up_limit: Duration::from_secs(1), limit: Duration::from_secs(3) };
    Session::new([script("a", host), script("b", remote)], rules).run(|_, _| {})
}

fn failure(host: &str, remote: &str) -> String {
    format!("{:#}", talk(Start::Together, host, remote).unwrap_err())
}

#[test]
fn both_figures_end_it_in_any_order() {
    for start in [Start::HostFirst, Start::RemoteFirst, Start::Together] {
        let host = format!("echo up; echo first message: 3 bytes; sleep 0.1; {HOST}; sleep 60");
        let outcome = talk(start, &host, &format!("echo up; {REMOTE}; sleep 60")).unwrap();
        assert_eq!(outcome.total.objection(10_000), None);
        assert!(outcome.duration < Duration::from_secs(3));
    }
}

#[test]
fn the_second_starts_when_the_first_is_up() {
    let outcome = talk(
        Start::RemoteFirst,
        &format!("echo first message: 3 bytes; {HOST}; sleep 60"),
        &format!("sleep 0.3; {REMOTE}; sleep 60"),
    );
    let outcome = outcome.unwrap();
    assert!(outcome.duration >= Duration::from_millis(300));
    assert!(outcome.first_message.unwrap() < Duration::from_millis(250), "counted from the second's start");
}

#[test]
fn an_error_on_a_console_is_reported() {
    assert_eq!(failure("echo up; echo error: no device; sleep 60", "echo up; sleep 60"), "a reports: no device");
}

#[test]
fn what_a_port_says_before_it_stops_is_reported_at_once() {
    let begun = Instant::now();
    assert_eq!(failure("echo up; sleep 60", "echo amp: panicked at x; sleep 60"), "b reports: panicked at x");
    assert!(begun.elapsed() < Duration::from_secs(2));
}

#[test]
fn only_the_console_is_a_sign_of_life() {
    let quiet = "echo warning >&2; sleep 60";
    let error = format!("{:#}", talk(Start::HostFirst, quiet, "echo up; echo error: started; sleep 60").unwrap_err());
    assert!(error.starts_with("a did not come up within 1 s") && error.contains("warning"), "{error}");
    // A line on standard error does not count as a report, either.
    let error = failure("echo up; sleep 60", "echo error: beside >&2; echo error: said; sleep 60");
    assert_eq!(error, "b reports: said");
}

#[test]
fn long_lines_are_cut_in_errors() {
    let long = "ä".repeat(3000);
    let cut = format!("{}…", "ä".repeat(200));
    assert_eq!(failure(&format!("echo error: {long}; sleep 60"), "sleep 60"), format!("a reports: {cut}"));
    let error = failure(&format!("echo figures {long}; sleep 60"), "sleep 60");
    assert_eq!(error, format!("a printed wrong figures: figures {}…", "ä".repeat(192)));
    let error = failure(&format!("echo {long}; exit 3"), "echo up; sleep 60");
    assert!(error.ends_with(&format!("    {cut}")), "{error}");
}

#[test]
fn an_early_end_is_reported_with_status_and_last_lines() {
    let failure = failure("echo up; sleep 60", "echo booting; echo oops >&2; exit 3");
    assert!(failure.starts_with("b ended early, exit status 3; its last lines:"), "{failure}");
    assert!(failure.contains("booting") && failure.contains("oops"), "{failure}");
}

#[test]
fn a_side_that_does_not_come_up_is_named() {
    assert_eq!(failure("echo up; sleep 60", "sleep 60"), "b did not come up within 1 s; it printed nothing");
}

#[test]
fn a_talk_without_end_is_ended() {
    let failure = failure("echo up; sleep 60", &format!("echo up; {REMOTE}; sleep 60"));
    assert!(failure.starts_with("no figures within 3 s") && failure.contains("figures role=remote"), "{failure}");
}

#[test]
fn wrong_figures_are_refused() {
    assert!(failure(REMOTE, "echo up; sleep 60").contains("figures of the remote"));
    assert!(failure("echo figures role=host", "echo up; sleep 60").contains("wrong figures"));
}

#[test]
fn the_children_are_gone_afterwards() {
    let marker = tempfile::NamedTempFile::new().unwrap();
    let write = format!("echo $$ >> '{}'; echo up; sleep 60", marker.path().display());
    talk(Start::Together, &write, &write).unwrap_err();
    for pid in std::fs::read_to_string(marker.path()).unwrap().split_whitespace() {
        assert!(!std::path::Path::new("/proc").join(pid).exists(), "process {pid} is left");
    }
}
