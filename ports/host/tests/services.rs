// SPDX-License-Identifier: Apache-2.0
//! Runs the example `services` as a separate process, sends requests to both services, and checks every answer.

use std::env;
use std::process::{Child, Command};
use std::time::Duration;

use amp_ivshmem::platform::Port;
use amp_ivshmem::rpmsg::{Endpoint, Event, Link, Role, Settings};
use amp_ivshmem_host::Peer;
use amp_ivshmem_server::{Options, Server};

#[path = "../examples/services.rs"]
mod example;

const LIMIT: Duration = Duration::from_secs(30);
/// The environment variable that tells the second process to run the services.
const SERVES: &str = "AMP_TEST_SERVES";

type Client = Link<<Peer as Port>::Memory, <Peer as Port>::Doorbell, 2, 16>;

/// Kills the service's process at the end of the test.
struct Service(Child);

impl Drop for Service {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Returns the next event, or `None` if there is none at the moment.
fn next(link: &mut Client, peer: &mut Peer) -> Option<Event> {
    let event = link.poll(peer.now());
    if event.is_none() {
        peer.wait(Some(link.deadline()));
    }
    event
}

/// Sends the request `question`, and returns the answer.
fn ask(link: &mut Client, peer: &mut Peer, endpoint: Endpoint, question: &[u8]) -> Vec<u8> {
    link.bus().send(endpoint, question).expect("a buffer");
    let end = peer.now() + LIMIT;
    loop {
        assert!(peer.now() < end, "no answer to {} bytes", question.len());
        if let Some(Event::Message(message)) = next(link, peer) {
            let message = link.bus().guard(message);
            let mut answer = vec![0; message.len().into()];
            message.read(0, &mut answer).expect("a whole message");
            return answer;
        }
    }
}

fn main() {
    if env::var_os(SERVES).is_some() {
        example::main().expect("serves");
        return;
    }
    let directory = tempfile::tempdir().expect("a directory");
    let options = Options { size: 1 << 16, vectors: 1, ..Options::new(directory.path().join("socket")) };
    let _server = Server::start(&options).expect("starts");
    let mut service = Command::new(env::current_exe().expect("a path"));
    let _service = Service(service.arg(&options.socket).env(SERVES, "1").spawn().expect("starts"));

    let mut peer = Peer::connect(&options.socket, LIMIT).expect("connects");
    let settings = Settings::new(Role::Host);
    let mut link: Client = Link::new(peer.memory(), peer.doorbell(), peer.id(), settings).expect("a link");
    let echo = link.bus().open("echo").expect("an endpoint");
    let sum = link.bus().open("sum").expect("an endpoint");
    let end = peer.now() + LIMIT;
    let mut bound = 0;
    while bound < 2 {
        assert!(peer.now() < end, "the services are not there");
        bound += usize::from(matches!(next(&mut link, &mut peer), Some(Event::Bound { .. })));
    }
    for length in [0, 1, 255, 496] {
        let question: Vec<u8> = (0..length).map(|at| (at * 7) as u8).collect();
        let total = question.iter().map(|&byte| u32::from(byte)).sum::<u32>();
        assert_eq!(ask(&mut link, &mut peer, echo, &question), question);
        assert_eq!(ask(&mut link, &mut peer, sum, &question), total.to_le_bytes());
    }
}
