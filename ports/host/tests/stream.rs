// SPDX-License-Identifier: Apache-2.0
//! Runs the example `stream` as a separate process against an echo, and checks the line that it prints.

use std::env;
use std::process::{Command, Stdio};
use std::time::Duration;

use amp_ivshmem::platform::Port;
use amp_ivshmem::rpmsg::{Event, Link, Role, Settings};
use amp_ivshmem_host::Peer;
use amp_ivshmem_server::{Options, Server};

#[path = "../examples/stream.rs"]
mod example;

const LIMIT: Duration = Duration::from_secs(30);
/// The environment variable that tells the second process to run the example.
const RUNS: &str = "AMP_TEST_STREAM";

fn main() {
    if env::var_os(RUNS).is_some() {
        example::main().expect("writes and reads");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options { size: 1 << 16, vectors: 1, ..Options::new(directory.path().join("socket")) };
    let _server = Server::start(&options).expect("starts");
    let mut peer = Peer::connect(&options.socket, LIMIT).expect("connects");
    let settings = Settings::new(Role::Remote);
    let mut link: Link<_, _, 1, 16> = Link::new(peer.memory(), peer.doorbell(), peer.id(), settings).expect("a link");
    link.bus().open("console").expect("an endpoint");
    let mut program = Command::new(env::current_exe().expect("a path"));
    program.arg(&options.socket).env(RUNS, "1").stdout(Stdio::piped());
    let mut program = program.spawn().expect("starts");
    let end = peer.now() + LIMIT;
    while program.try_wait().expect("a status").is_none() {
        if peer.now() >= end {
            program.kill().expect("runs");
        }
        match link.poll(peer.now()) {
            Some(Event::Message(message)) => {
                let mut bytes = vec![0; message.length.into()];
                let message = link.bus().guard(message);
                message.read(0, &mut bytes).expect("a whole message");
                message.reply(&bytes).expect("a buffer");
            }
            Some(_) => {}
            None => peer.wait(Some(link.deadline().min(peer.now() + Duration::from_millis(10)))),
        }
    }
    let output = program.wait_with_output().expect("output");
    assert_eq!(String::from_utf8_lossy(&output.stdout), "hello\n");
}
