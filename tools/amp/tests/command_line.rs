// SPDX-License-Identifier: Apache-2.0
//! Tests the tool as a process. The tests cover its help and its errors, and that its child processes exit with it.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

const AMP: &str = env!("CARGO_BIN_EXE_amp");

fn amp(arguments: &[&str]) -> Output {
    Command::new(AMP).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// Returns true if a process is alive. A zombie does not count as alive.
fn lives(pid: &str) -> bool {
    let stat = std::fs::read_to_string(Path::new("/proc").join(pid).join("stat")).unwrap_or_default();
    !matches!(stat.rsplit_once(") ").map(|(_, rest)| rest.chars().next()), None | Some(Some('Z')))
}

fn dies(pid: &str) -> bool {
    let end = Instant::now() + Duration::from_secs(5);
    while lives(pid) && Instant::now() < end {
        std::thread::sleep(Duration::from_millis(10));
    }
    !lives(pid)
}

fn first_line(child: &mut Child) -> String {
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    line.trim().to_owned()
}

#[test]
fn every_command_has_help_with_examples() {
    for command in ["demo", "pair", "machine", "server", "ping", "echo", "peer", "completions"] {
        let output = amp(&[command, "--help"]);
        assert!(output.status.success(), "{command}");
        assert!(text(&output.stdout).contains("Examples:"), "{command}");
    }
    assert!(text(&amp(&["--help"]).stdout).contains("Examples:"));
}

#[test]
fn completions_know_the_commands() {
    for shell in ["bash", "zsh", "fish"] {
        let script = text(&amp(&["completions", shell]).stdout);
        assert!(script.contains("demo") && script.contains("server"), "{shell}");
    }
}

#[test]
fn a_guarded_command_dies_with_its_parent_however_that_ends() {
    let script = r#""$0" guard $$ -- sleep 60 & echo $!; wait"#;
    let mut parent = Command::new("sh").args(["-c", script, AMP]).stdout(Stdio::piped()).spawn().unwrap();
    let guarded = first_line(&mut parent);
    // Waits until the guard has executed `sleep`. Before that, it would exit by itself if its parent exits.
    while lives(&guarded) && !std::fs::read_to_string(format!("/proc/{guarded}/comm")).unwrap().starts_with("sleep") {
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(lives(&guarded));
    parent.kill().unwrap();
    parent.wait().unwrap();
    assert!(dies(&guarded));
}

#[test]
fn a_guarded_command_does_not_start_for_a_parent_that_has_gone() {
    let output = amp(&["guard", "1", "--", "echo", "started"]);
    assert!(!output.status.success());
    assert!(output.stdout.is_empty());
    assert!(text(&output.stderr).contains("has gone"));
}

#[test]
fn a_qemu_that_does_not_do_gets_one_line() {
    let folder = tempfile::tempdir().unwrap();
    let demo = |folder: &Path| {
        let output = Command::new(AMP).args(["demo", "--json"]).env("QEMU_BIN_PATH", folder).output().unwrap();
        assert!(!output.status.success());
        let errors = text(&output.stderr);
        assert_eq!(errors.lines().count(), 1, "{errors}");
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!(report["passed"], false);
        assert!(errors.contains(report["error"].as_str().unwrap()));
        errors
    };
    assert!(demo(folder.path()).contains("QEMU_BIN_PATH"));
    for program in ["qemu-system-arm", "qemu-system-aarch64"] {
        let script = folder.path().join(program);
        std::fs::write(&script, "#!/bin/sh\necho QEMU emulator version 7.2.1\n").unwrap();
        assert!(Command::new("chmod").arg("+x").arg(&script).status().unwrap().success());
    }
    assert!(demo(folder.path()).contains("7.2.1"));
}

#[test]
fn what_makes_no_pair_gets_one_line_with_the_remedy() {
    let folder = tempfile::tempdir().unwrap();
    for arguments in [&["pair", "."][..], &["pair", "nowhere", "."], &["machine", "."]] {
        let output = Command::new(AMP).args(arguments).current_dir(&folder).output().unwrap();
        let errors = text(&output.stderr);
        assert_eq!((output.status.code(), errors.lines().count()), (Some(1), 1), "{errors}");
        assert!(errors.contains("is not a build folder") && errors.contains("west build"), "{errors}");
    }
    for arguments in
        [["pair", ".", "--until", "("], ["pair", ".", "--size", "x"], ["demo", "--zephyr", "--bare-metal", "--json"]]
    {
        assert_eq!(amp(&arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn a_demo_says_which_images_it_has_and_why_zephyr_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let demo = |arguments: &[&str]| {
        let mut command = Command::new(AMP);
        command.arg("demo").args(arguments).env("ZEPHYR_BASE", folder.path()).output().unwrap()
    };
    let insisted = demo(&["--zephyr"]);
    let errors = text(&insisted.stderr);
    assert!(!insisted.status.success() && errors.contains("is no Zephyr tree: correct or unset it"), "{errors}");
    let processes = demo(&["--pair", "host,host"]);
    assert!(processes.status.success());
    assert!(text(&processes.stdout).starts_with("two Linux processes, no images\n"));
}

#[test]
fn a_reader_that_has_gone_is_no_panic() {
    let mut command = Command::new(AMP);
    command.args(["completions", "bash"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!(text(&output.stderr), "");
}

#[test]
fn a_result_that_cannot_be_written_is_an_error() {
    for arguments in [&["demo", "--pair", "host,host", "--json"][..], &["completions", "bash"]] {
        let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let output = Command::new(AMP).args(arguments).stdout(full).stderr(Stdio::piped()).output().unwrap();
        assert!(!output.status.success(), "{arguments:?}");
        let errors = text(&output.stderr);
        assert!(errors.contains("standard output takes no more") && errors.contains("os error 28"), "{errors}");
    }
}

#[test]
fn what_a_killed_demo_leaves_goes_with_the_next() {
    let folder = tempfile::tempdir().unwrap();
    let count = || std::fs::read_dir(folder.path()).unwrap().count();
    let demo = || {
        let mut command = Command::new(AMP);
        command.args(["demo", "--pair", "host,host"]).env("TMPDIR", folder.path()).stdout(Stdio::piped());
        command.spawn().unwrap()
    };
    let mut killed = demo();
    // The second line is printed while the two sides exchange messages.
    let mut lines = BufReader::new(killed.stdout.take().unwrap()).lines();
    assert!(lines.nth(1).unwrap().unwrap().starts_with("linux"));
    killed.kill().unwrap();
    killed.wait().unwrap();
    assert_eq!(count(), 1);
    assert!(demo().wait_with_output().unwrap().status.success());
    assert_eq!(count(), 0);
}
