// SPDX-License-Identifier: Apache-2.0
//! Runs ping against an echo that makes every kind of mistake.

use amp_ivshmem_server::{self as server, Server};
use clap::Parser;

use super::*;
use crate::client::options::JoinOptions;

#[derive(Parser)]
struct Ping12 {
    #[command(flatten)]
    ping: PingOptions,
}

#[derive(Parser)]
struct Join {
    #[command(flatten)]
    join: JoinOptions,
}

/// An echo for twelve messages. It answers one with a wrong byte, one late, one not at all, one with an extra byte, and
/// one twice.
struct BadEcho;

impl Task for BadEcho {
    type Outcome = ();
    const WAITS_FOREVER: bool = false;

    fn run<L: AnyLink>(self, mut side: Side<'_, L>) -> Result<()> {
        side.bind()?;
        let (mut number, mut late) = (0, Vec::new());
        let end = side.now().plus_micros(60_000_000);
        while let Some(event) = side.next(end)? {
            let message = match event {
                Event::Message(message) => message,
                Event::Unbound { .. } | Event::Down(_) => break,
                _ => continue,
            };
            let mut bytes = Vec::new();
            side.read(&message, &mut bytes)?;
            side.link.bus().release(message);
            let answers = match number {
                2 => vec![bytes.iter().map(|byte| byte ^ 1).collect()],
                4 => {
                    late = bytes;
                    vec![]
                }
                5 => vec![std::mem::take(&mut late), bytes],
                7 => vec![],
                8 => vec![[&bytes[..], &[0]].concat()],
                9 => vec![bytes.clone(), bytes],
                _ => vec![bytes],
            };
            for answer in answers {
                side.link.bus().send(side.endpoint, &answer)?;
            }
            number += 1;
        }
        Ok(())
    }
}

#[test]
fn each_mistake_is_counted_as_what_it_is() {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("s");
    let _server = Server::start(&server::Options::new(&socket)).unwrap();
    let path = socket.to_str().unwrap();
    let words = |role| ["amp", "--socket", path, "--timeout", "1.5", "--role", role];
    let bad = Join::parse_from(words("remote")).join;
    let echo = std::thread::spawn(move || join(&bad, BadEcho));
    let options = Ping12::parse_from(words("host").into_iter().chain(["--count", "12", "--length", "64"])).ping;
    let mut figures = Figures::default();
    join(&options.join, Ping { options: &options, seed: 1, figures: &mut figures, open: VecDeque::new(), silent: 0 })
        .unwrap();
    echo.join().unwrap().unwrap();
    // Ping takes the duplicate answer for the answer to the next message, so it counts the real answer to that message
    // as late.
    assert_eq!((figures.sent, figures.lost, figures.wrong, figures.late), (12, 2, 3, 2));
    assert_eq!(figures.check().unwrap_err().to_string(), "2 messages were lost, 3 came back wrong");
}
