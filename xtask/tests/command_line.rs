// SPDX-License-Identifier: Apache-2.0
//! Runs `xtask` as a process, and tests the help, skipped jobs, and output that cannot be written.

use std::process::{Command, Output, Stdio};

const XTASK: &str = env!("CARGO_BIN_EXE_xtask");

fn xtask(arguments: &[&str]) -> Output {
    Command::new(XTASK).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn every_command_has_help_with_examples() {
    for command in ["test", "torture", "bench", "fuzz", "images", "static", "check", "completions"] {
        let output = xtask(&[command, "--help"]);
        assert!(output.status.success(), "{command}");
        assert!(text(&output.stdout).contains("Examples:"), "{command}");
    }
}

#[test]
fn help_and_completions_know_the_commands_of_users_and_of_developers() {
    let help = text(&xtask(&["--help"]).stdout);
    let completions = ["bash", "zsh", "fish"].map(|shell| text(&xtask(&["completions", shell]).stdout));
    for said in completions.iter().chain([&help]) {
        for command in ["server", "ping", "demo", "test", "torture", "bench"] {
            assert!(said.contains(command), "{command}: {said}");
        }
    }
}

#[test]
fn twister_is_skipped_with_the_reason_where_zephyr_cannot_be() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(XTASK).args(["test", "zephyr"]).env("ZEPHYR_BASE", folder.path()).output().unwrap();
    let said = text(&output.stdout);
    assert!(output.status.success() && said.contains("is no Zephyr tree: correct or unset it"), "{said}");
    let last = said.lines().last().unwrap();
    assert!(last.starts_with("0 passed, 0 failed, ") && !last.ends_with(", 0 skipped"), "{said}");
}

#[test]
fn a_list_that_cannot_be_written_is_an_error() {
    let full = std::fs::File::options().write(true).open("/dev/full").unwrap();
    let output = Command::new(XTASK).args(["test", "--list"]).stdout(full).stderr(Stdio::piped()).output().unwrap();
    let errors = text(&output.stderr);
    assert!(!output.status.success());
    assert!(errors.contains("standard output takes no more") && errors.contains("os error 28"), "{errors}");
}
