// SPDX-License-Identifier: Apache-2.0
//! `amp ping`: sends messages to an endpoint that echoes them, one at a time, and checks and times the answers.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::time::{SystemTime, UNIX_EPOCH};

use amp_ivshmem::rpmsg::{AnyLink, Event, Message, SendError};
use amp_ivshmem_server::random::Random;
use anyhow::{Result, bail, ensure};
use serde::Serialize;

use super::figures::Figures;
use super::join::{Task, join};
use super::options::{PingOptions, Profile};
use super::side::Side;
use crate::role::Role;
use crate::{output, process};

/// Maximum number of unanswered messages that ping remembers, because their answers may still arrive.
const REMEMBERED: usize = 16;
/// Number of consecutive messages without an answer after which ping gives up.
const SILENT: u32 = 3;

/// The result in machine-readable form.
#[derive(Debug, Serialize)]
struct Report<'a> {
    role: Role,
    profile: Profile,
    endpoint: &'a str,
    seed: u64,
    passed: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<String>,
    #[serde(flatten)]
    figures: &'a Figures,
}

/// Runs ping. Prints the figures even on failure.
///
/// # Errors
/// Returns an error if the link failed, or if any answers are missing or wrong.
pub fn run(options: &PingOptions) -> Result<()> {
    process::catch_interrupts()?;
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let seed = options.seed.unwrap_or_else(|| u64::from(since_1970.subsec_nanos()));
    let mut figures = Figures::default();
    let ping = Ping { options, seed, figures: &mut figures, open: VecDeque::new(), silent: 0 };
    let result = join(&options.join, ping).and_then(|()| figures.check());
    let printed = if options.json {
        let error = result.as_ref().err().map(|error| format!("{error:#}"));
        let (role, profile, endpoint) = (options.join.role, options.join.profile, &options.join.endpoint[..]);
        let report = Report { role, profile, endpoint, seed, passed: error.is_none(), error, figures: &figures };
        output::line(&serde_json::to_string(&report)?)
    } else if figures.sent > 0 {
        output::line(&figures.to_string())
    } else {
        Ok(())
    };
    result.and(printed)
}

struct Ping<'a> {
    options: &'a PingOptions,
    seed: u64,
    figures: &'a mut Figures,
    /// Messages that timed out or got a wrong answer. Their correct answers may still arrive.
    open: VecDeque<Vec<u8>>,
    silent: u32,
}

impl Task for Ping<'_> {
    type Outcome = ();
    const WAITS_FOREVER: bool = false;

    fn run<L: AnyLink>(mut self, mut side: Side<'_, L>) -> Result<()> {
        let (peer, address) = side.bind()?;
        let lengths = self.lengths(&mut side)?;
        let span = match (*lengths.start(), *lengths.end()) {
            (one, other) if one == other => one.to_string(),
            (shortest, longest) => format!("{shortest} to {longest}"),
        };
        let (endpoint, seed) = (&self.options.join.endpoint, self.seed);
        let said = format!("{endpoint} at peer {peer} has address {address}; messages of {span} bytes, seed {seed}");
        if self.options.json {
            output::show_error(&format!("amp: {said}"));
        } else {
            output::show(&said);
        }
        let mut result = Ok(());
        for number in 0..self.options.count {
            result = self.one(&mut side, &message(self.seed, number, &lengths));
            if result.is_err() {
                break;
            }
        }
        side.leave();
        result
    }
}

impl Ping<'_> {
    fn lengths<L: AnyLink>(&self, side: &mut Side<'_, L>) -> Result<RangeInclusive<u16>> {
        // The rpmsg header limits a message to 65535 bytes, but an openamp buffer may be larger.
        let max = u16::try_from(side.link.bus().max_message()).unwrap_or(u16::MAX);
        let lengths = self.options.length.clone().unwrap_or(1..=max);
        ensure!(
            *lengths.end() <= max,
            "messages of {} bytes: the link's buffers hold {max}; a smaller --length, or a larger --buffer-size on both \
             sides",
            lengths.end()
        );
        ensure!(
            *lengths.start() > 0 || !side.empty_is_greeting(),
            "an empty message is a greeting to OpenAMP's endpoints, and not answered: a --length from 1"
        );
        Ok(lengths)
    }

    /// Sends a message, and waits for its answer.
    fn one<L: AnyLink>(&mut self, side: &mut Side<'_, L>, bytes: &[u8]) -> Result<()> {
        let end = side.now() + side.timeout();
        let mut answer = Vec::new();
        let mut sent_at = None;
        loop {
            if sent_at.is_none() {
                let now = side.now();
                match side.link.bus().send(side.endpoint, bytes) {
                    Ok(()) => {
                        sent_at = Some(now);
                        self.figures.sent += 1;
                    }
                    Err(SendError::NoBuffer) => (),
                    Err(error) => bail!(error),
                }
            }
            // A C peer does not ring the doorbell when it returns a buffer, so check for one every millisecond.
            let look = if sent_at.is_some() { end } else { end.min(side.now().plus_micros(1000)) };
            let Some(event) = side.next(look)? else {
                if side.now() < end {
                    continue;
                }
                ensure!(sent_at.is_some(), "no free buffer: the peer keeps all, and answers no more; restart it");
                self.figures.lost += 1;
                self.silent += 1;
                self.remember(bytes);
                ensure!(self.silent < SILENT, "{SILENT} messages one behind the other were not answered");
                return Ok(());
            };
            match event {
                Event::Message(message) => {
                    let now = side.now();
                    if !self.take(side, message, &mut answer)? {
                        continue;
                    }
                    if let Some(sent_at) = sent_at
                        && answer == bytes
                    {
                        self.figures.round_trip(now.micros_since(sent_at));
                        self.silent = 0;
                        return Ok(());
                    }
                    if let Some(at) = self.open.iter().position(|open| *open == answer) {
                        self.open.remove(at);
                        self.figures.late += 1;
                    } else {
                        self.figures.wrong += 1;
                        self.remember(bytes);
                        self.silent = 0;
                        if sent_at.is_some() {
                            return Ok(());
                        }
                    }
                }
                Event::Down(reason) => bail!("the link went down: {reason}"),
                Event::Unbound { .. } => bail!("the peer has closed its endpoint"),
                Event::Incompatible(refusal) => bail!(refusal),
                _ => (),
            }
        }
    }

    /// Reads a message into `answer`. Returns false if the message is not an answer.
    fn take<L: AnyLink>(&self, side: &mut Side<'_, L>, message: Message, answer: &mut Vec<u8>) -> Result<bool> {
        side.read(&message, answer)?;
        side.link.bus().release(message);
        Ok(!answer.is_empty() || !side.empty_is_greeting())
    }

    fn remember(&mut self, bytes: &[u8]) {
        if self.open.len() == REMEMBERED {
            self.open.pop_front();
        }
        self.open.push_back(bytes.to_owned());
    }
}

/// Returns the contents of message `number`, derived from `seed`.
fn message(seed: u64, number: u32, lengths: &RangeInclusive<u16>) -> Vec<u8> {
    let mut random = Random::new(seed.wrapping_add(u64::from(number) << 32));
    let span = u64::from(lengths.end() - lengths.start()) + 1;
    let length = u64::from(*lengths.start()) + random.below(span);
    (0..length).map(|_| random.bits().to_le_bytes()[4]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_follow_from_the_seed_and_reach_both_ends_of_the_lengths() {
        let all = |seed| (0..2000).map(|number| message(seed, number, &(1..=64))).collect::<Vec<_>>();
        assert_eq!(all(7), all(7));
        assert_ne!(all(7), all(8));
        let lengths: std::collections::BTreeSet<_> = all(7).iter().map(Vec::len).collect();
        assert_eq!((lengths.first(), lengths.last(), lengths.len()), (Some(&1), Some(&64), 64));
        assert_eq!(message(7, 1, &(0..=0)), Vec::<u8>::new());
        assert_eq!(message(7, 1, &(0..=u16::MAX)).len(), message(7, 1, &(0..=u16::MAX)).len());
    }
}

#[cfg(test)]
#[path = "ping_tests.rs"]
mod mistakes;
