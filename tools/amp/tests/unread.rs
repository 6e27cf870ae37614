// SPDX-License-Identifier: Apache-2.0
//! Tests commands while nobody reads their output, which is a full pipe, socket or terminal. Each command must still
//! serve its peers, and exit on SIGTERM.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};

const AMP: &str = env!("CARGO_BIN_EXE_amp");
const LIMIT: Duration = Duration::from_secs(10);

/// Fills `output` until a write would block, and returns it together with its unread other end.
fn full(output: OwnedFd, unread: OwnedFd) -> (OwnedFd, OwnedFd) {
    fcntl_setfl(&output, OFlags::NONBLOCK).unwrap();
    while rustix::io::write(&output, &[b'-'; 64]).is_ok() {}
    fcntl_setfl(&output, OFlags::empty()).unwrap();
    (output, unread)
}

fn full_pipe() -> (OwnedFd, OwnedFd) {
    let (unread, output) = rustix::pipe::pipe().unwrap();
    full(output, unread)
}

fn full_socket() -> (OwnedFd, OwnedFd) {
    let (output, unread) = UnixStream::pair().unwrap();
    full(output.into(), unread.into())
}

fn full_terminal() -> (OwnedFd, OwnedFd) {
    let unread = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&unread).unwrap();
    unlockpt(&unread).unwrap();
    let name = ptsname(&unread, Vec::new()).unwrap();
    let output = File::options().write(true).open(name.to_str().unwrap()).unwrap();
    full(output.into(), unread)
}

/// A command that is killed at the end of the test, even if the test fails.
struct Started(Child);

impl Started {
    fn new(arguments: &[&str], socket: &Path, output: impl Into<Stdio>, errors: impl Into<Stdio>) -> Self {
        let mut command = Command::new(AMP);
        command.args(arguments).arg("--socket").arg(socket).stdin(Stdio::null());
        Self(command.stdout(output).stderr(errors).spawn().unwrap())
    }

    /// Sends SIGTERM, and returns the exit status if the command exits in time.
    fn terminate(&mut self) -> Option<ExitStatus> {
        kill_process(Pid::from_child(&self.0), Signal::TERM).unwrap();
        let end = Instant::now() + LIMIT;
        while Instant::now() < end {
            if let Some(status) = self.0.try_wait().unwrap() {
                return Some(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        None
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn wait_for(socket: &Path) {
    let end = Instant::now() + LIMIT;
    while !socket.exists() {
        assert!(Instant::now() < end, "the server made no socket");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_server_whose_output_nobody_reads_serves_on_and_ends_at_sigterm() {
    for (name, (output, _unread)) in [("pipe", full_pipe()), ("socket", full_socket()), ("terminal", full_terminal())] {
        let folder = tempfile::tempdir().unwrap();
        let socket = folder.path().join("socket");
        let errors = output.try_clone().unwrap();
        let mut server = Started::new(&["server", "--size", "64K"], &socket, output, errors);
        wait_for(&socket);
        for number in 0..3000 {
            let mut client = UnixStream::connect(&socket).unwrap();
            client.set_read_timeout(Some(LIMIT)).unwrap();
            let mut version = [1; 8];
            let greeted = client.read_exact(&mut version);
            assert!(greeted.is_ok() && version == [0; 8], "{name}: client {number} was not greeted: {greeted:?}");
        }
        let status = server.terminate().unwrap_or_else(|| panic!("{name}: the server ignores SIGTERM"));
        assert!(status.success() && !socket.exists(), "{name}: {status}");
    }
}

#[test]
fn an_echo_whose_output_nobody_reads_answers_and_ends_at_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let _server = Started::new(&["server"], &socket, Stdio::null(), Stdio::null());
    wait_for(&socket);
    let ((output, _unread), (errors, _unread_errors)) = (full_pipe(), full_pipe());
    let mut echo = Started::new(&["echo", "--role", "remote"], &socket, output, errors);
    for _ in 0..3 {
        let mut ping = Command::new(AMP);
        ping.args(["ping", "--role", "host", "--count", "100", "--socket"]).arg(&socket).stdin(Stdio::null());
        let said = ping.output().unwrap();
        assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    }
    echo.terminate().expect("the echo ignores SIGTERM");
}

#[test]
fn a_ping_whose_output_nobody_reads_ends_at_sigterm() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("socket");
    let _server = Started::new(&["server"], &socket, Stdio::null(), Stdio::null());
    wait_for(&socket);
    let mut echo = Started::new(&["echo", "--role", "remote"], &socket, Stdio::null(), Stdio::null());
    let (output, _unread) = full_pipe();
    let errors = output.try_clone().unwrap();
    let mut ping = Started::new(&["ping", "--role", "host", "--count", "100"], &socket, output, errors);
    // Gives ping time to exchange all messages. It then waits until its figures can be written.
    std::thread::sleep(Duration::from_secs(1));
    let status = ping.terminate().expect("the ping ignores SIGTERM");
    assert_eq!(status.code(), Some(128 + 15), "its figures were not read");
    assert!(echo.terminate().expect("the echo ends").success());
}
