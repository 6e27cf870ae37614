// SPDX-License-Identifier: Apache-2.0
//! Tests `amp server` at the system's limits. If a limit is too low, the server must exit with a single line that tells
//! the user how to raise the limit, and must not leave any files behind.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

const AMP: &str = env!("CARGO_BIN_EXE_amp");

/// Runs the shell command `limit`, and then starts a server. Returns the server's error output, or `None` if the server
/// listened.
fn server(limit: &str, folder: &Path, options: &[&str]) -> Option<String> {
    let script = format!("{limit}; exec \"$0\" \"$@\"");
    let mut command = Command::new("sh");
    command.args(["-c", &script, AMP, "server", "--socket", "socket"]).args(options).current_dir(folder);
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
    if line.starts_with("listening on") {
        child.kill().unwrap();
        child.wait().unwrap();
        std::fs::remove_file(folder.join("socket")).unwrap();
        return None;
    }
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{limit}: {output:?}");
    Some(String::from_utf8(output.stderr).unwrap())
}

#[test]
fn a_server_without_descriptors_says_so_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let mut listened = false;
    // The first limits are too low for the program to start, and the last ones are high enough.
    for number in 5..40 {
        let Some(error) = server(&format!("ulimit -n {number}"), folder.path(), &[]) else {
            listened = true;
            break;
        };
        assert!(error.contains("ulimit -n") && error.lines().count() == 1, "{number}: {error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{number}");
    }
    assert!(listened, "40 descriptors are enough");
}

#[test]
fn a_memory_beyond_the_limit_of_a_file_is_refused_and_leaves_nothing() {
    for options in [&["--size", "1M"][..], &["--size", "1M", "--memory", "memory"]] {
        let folder = tempfile::tempdir().unwrap();
        let error = server("ulimit -f 64", folder.path(), options).expect("refused");
        assert!(error.contains("ulimit -f") && error.lines().count() == 1, "{error}");
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "{options:?}");
    }
}
