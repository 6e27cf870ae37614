// SPDX-License-Identifier: Apache-2.0
//! Tests `amp ping` against `amp echo` over `amp server`, each as a process. Also tests their error messages.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

const AMP: &str = env!("CARGO_BIN_EXE_amp");

/// A child process that is killed at the end of the test, even if the test fails.
struct Process(Child);

impl Process {
    fn interrupt(&mut self) -> String {
        let status = Command::new("kill").args(["-INT", &self.0.id().to_string()]).status().unwrap();
        assert!(status.success());
        self.end()
    }

    /// Waits until the process exits with success, and returns everything that it printed.
    fn end(&mut self) -> String {
        let said = std::io::read_to_string(self.0.stdout.as_mut().unwrap()).unwrap();
        assert!(self.0.wait().unwrap().success(), "{said}");
        said
    }

    /// Reads lines until one contains `text`.
    fn expect(&mut self, text: &str) {
        let mut lines = BufReader::with_capacity(1, self.0.stdout.as_mut().unwrap()).lines();
        assert!(lines.any(|line| line.unwrap().contains(text)), "it ended without {text:?}");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

struct Server {
    socket: PathBuf,
    _process: Process,
    _folder: tempfile::TempDir,
}

impl Server {
    fn start(size: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("s");
        let mut command = Command::new(AMP);
        command.args(["server", "--size", size, "--socket"]).arg(&socket);
        let mut process = Process(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        // Waits for this line and not for the socket file, which exists before the server listens.
        process.expect("listening");
        Self { socket, _process: process, _folder: folder }
    }

    fn command(&self, command: &str, words: &str) -> Command {
        let mut process = Command::new(AMP);
        process.arg(command).arg("--socket").arg(&self.socket).args(words.split_whitespace());
        process
    }

    fn echo(&self, words: &str) -> Process {
        let mut command = self.command("echo", words);
        Process(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap())
    }

    fn ping(&self, words: &str) -> Output {
        self.command("ping", words).output().unwrap()
    }

    /// Returns ping's error, which is the last line after the figures and notes.
    fn refusal(&self, words: &str) -> String {
        let output = self.ping(words);
        assert_eq!(output.status.code(), Some(1), "{words}: {output:?}");
        String::from_utf8(output.stderr).unwrap().lines().last().unwrap().to_owned()
    }
}

fn check(output: &Output, sent: u64) -> serde_json::Value {
    assert!(output.status.success(), "{output:?}");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(report["passed"], true, "{report}");
    let count = |name: &str| report[name].as_u64().unwrap();
    assert_eq!((count("messages"), count("lost"), count("wrong"), count("late")), (sent, 0, 0, 0), "{report}");
    assert!(count("median_us") <= count("p99_us"), "{report}");
    report
}

#[test]
fn ping_meets_echo_in_both_roles_of_both_profiles_and_each_layout() {
    let profiles = [
        "--profile native",
        "--profile native --link 3 --buffer-size 2048 --endpoint other",
        "--profile openamp",
        "--profile openamp --layout rpmsg-service --buffer-size 1024",
        "--profile openamp --layout static-vrings",
    ];
    for profile in profiles {
        for [ours, theirs] in [["host", "remote"], ["remote", "host"]] {
            let server = Server::start("1M");
            // The address is above 4 GiB, as from a C host. A remote detects it.
            let words = |role: &str| match (profile.contains("openamp"), role) {
                (true, "host") => format!("--role host --timeout 60 {profile} --address 0x8000000000"),
                _ => format!("--role {role} --timeout 60 {profile}"),
            };
            let mut echo = server.echo(&format!("{} --count 2000", words(theirs)));
            let output = server.ping(&format!("{} --count 2000 --seed 5 --json", words(ours)));
            assert_eq!(check(&output, 2000)["seed"], 5);
            let said = echo.end();
            assert!(said.ends_with("2000 messages answered, 0 not\n"), "{profile} {theirs}: {said}");
        }
    }
}

#[test]
fn echo_serves_one_ping_after_the_other_until_it_is_interrupted() {
    let server = Server::start("1M");
    let mut echo = server.echo("--role remote");
    for length in ["0", "1", "496", "0-496"] {
        let output = server.ping(&format!("--role host --timeout 60 --count 100 --length {length}"));
        assert!(output.status.success(), "{output:?}");
        let said = String::from_utf8(output.stdout).unwrap();
        assert!(said.contains("seed ") && said.contains("100 messages, 0 lost, 0 wrong; round trip median "), "{said}");
    }
    assert!(echo.interrupt().ends_with("400 messages answered, 0 not\n"));
}

#[test]
fn a_ping_that_cannot_be_names_cause_and_remedy() {
    let folder = tempfile::tempdir().unwrap();
    let nobody = Server { socket: folder.path().join("s"), _process: Process(sleeper()), _folder: folder };
    let refusal = nobody.refusal("--role host");
    assert!(refusal.contains("no ivshmem server at") && refusal.contains("amp server"), "{refusal}");

    let small = Server::start("16K");
    let refusal = small.refusal("--role remote --profile openamp");
    assert!(
        refusal.contains("16384 bytes is too small for dual-qemu-ivshmem") && refusal.contains("--size"),
        "{refusal}"
    );
    let refusal = small.refusal("--role host");
    assert!(refusal.contains("use a larger memory") || refusal.contains("does not fit in a memory"), "{refusal}");

    let server = Server::start("1M");
    let refusal = server.refusal("--role host --timeout 0.2");
    assert!(refusal.contains("nobody else is on the server"), "{refusal}");
    let refusal = server.refusal("--role host --profile openamp");
    assert!(refusal.contains("--address"), "{refusal}");
    let refusal = server.refusal("--role host --endpoint 0123456789012345678901234567890123456789");
    assert!(refusal.contains("31"), "{refusal}");

    let mut echo = server.echo("--role remote --endpoint there");
    let refusal = server.refusal("--role remote --link 1 --timeout 0.3");
    assert!(refusal.contains("no peer for the remote") && refusal.contains("the other role"), "{refusal}");
    let output = server.ping("--role host --timeout 60 --endpoint there --count 1 --json");
    check(&output, 1);
    let refusal = server.refusal("--role host --timeout 0.5 --endpoint elsewhere");
    assert!(refusal.contains("has no endpoint elsewhere") && refusal.contains("but there: choose"), "{refusal}");
    let output = server.ping("--role host --endpoint there --length 497 --json");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["passed"]), (Some(1), &false.into()), "{report}");
    assert!(
        report["error"].as_str().unwrap().contains("messages of 497 bytes: the link's buffers hold 496"),
        "{report}"
    );
    echo.interrupt();
}

#[test]
fn a_role_that_is_taken_is_refused_and_its_holder_undisturbed() {
    let server = Server::start("1M");
    let mut host = server.echo("--role host");
    let mut remote = server.echo("--role remote");
    host.expect("is bound to");
    remote.expect("is bound to");
    for (role, other) in [("host", "remote"), ("remote", "host")] {
        let refusal = server.refusal(&format!("--role {role}"));
        assert!(refusal.contains(&format!("is link 0's {role} already: be the --role {other}")), "{refusal}");
    }
    drop(remote);
    // A peer that was killed does not keep its role.
    check(&server.ping("--role remote --timeout 60 --count 10 --json"), 10);
    host.interrupt();

    let server = Server::start("1M");
    let mut host = server.echo("--role host --profile openamp --address 0");
    host.expect("up with");
    let refusal = server.refusal("--role host --profile openamp --address 0");
    assert!(refusal.contains("there is an OpenAMP host already") && refusal.contains("--take-over"), "{refusal}");
    let openamp = "--role remote --profile openamp --timeout 60 --count 10";
    let refusal = server.refusal(&format!("{openamp} --length 0-5"));
    assert!(refusal.contains("an empty message is a greeting"), "{refusal}");
    // The host above has used the rings, and the C layout cannot record that it has exited.
    let refusal = server.refusal(openamp);
    assert!(refusal.contains("the rings are in use") && refusal.contains("restart the host"), "{refusal}");
    drop(host);
    let mut echo = server.echo("--role host --profile openamp --address 0 --take-over --count 10");
    echo.expect("up with");
    check(&server.ping(&format!("{openamp} --json")), 10);
    echo.end();
}

#[test]
fn a_peer_that_goes_ends_a_ping_with_its_figures() {
    let server = Server::start("1M");
    let _echo = server.echo("--role remote --count 100");
    let output = server.ping("--role host --timeout 60 --count 1000 --json");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((output.status.code(), &report["passed"], &report["wrong"]), (Some(1), &false.into(), &0.into()));
    assert!(report["messages"].as_u64().unwrap() >= 100, "{report}");
    assert!(!report["error"].as_str().unwrap().is_empty(), "{report}");
}

#[test]
fn an_interrupted_ping_prints_its_figures_and_ends_as_a_shell_counts() {
    let server = Server::start("1M");
    let mut echo = server.echo("--role remote");
    let mut command = server.command("ping", "--role host --timeout 60 --count 4000000000 --length 8");
    let mut ping = Process(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    ping.expect("seed ");
    assert!(Command::new("kill").args(["-INT", &ping.0.id().to_string()]).status().unwrap().success());
    let said = std::io::read_to_string(ping.0.stdout.as_mut().unwrap()).unwrap();
    assert_eq!(ping.0.wait().unwrap().code(), Some(130));
    assert!(said.contains(" 0 lost, 0 wrong"), "{said}");
    echo.interrupt();
}

#[test]
fn wrong_words_are_refused_before_anything_is_joined() {
    for words in [
        "ping --socket x",
        "ping --socket x --role both",
        "ping --socket x --role host --length 9-8",
        "ping --socket x --role host --length 65536",
        "ping --socket x --role host --count 0",
        "ping --socket x --role host --timeout 0",
        "ping --socket x --role host --profile c",
        "ping --socket x --role host --address 0xg",
        "ping --socket x --role host --buffer-size 23",
        "echo --socket x --role host --link 126",
        "echo --socket x --role host --json",
    ] {
        let output = Command::new(AMP).args(words.split_whitespace()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{words}");
    }
}

/// Starts a process that is used in place of a server.
fn sleeper() -> Child {
    Command::new("sleep").arg("60").spawn().unwrap()
}
