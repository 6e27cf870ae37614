// SPDX-License-Identifier: Apache-2.0
//! `amp echo`: echoes each message that arrives at an endpoint, until it is stopped.

use std::collections::VecDeque;
use std::time::Duration;

use amp_ivshmem::rpmsg::{AnyLink, DownReason, Event, Message, SendError, SetupError};
use anyhow::{Error, Result, bail};

use super::join::{Task, join};
use super::options::{EchoOptions, Profile};
use super::side::Side;
use crate::output;
use crate::process::{self, Interrupted};
use crate::role::Role;

/// Maximum length of a wait that only a doorbell can end.
const IDLE: Duration = Duration::from_secs(1);
/// Polling interval while no buffer is free. A C peer does not ring the doorbell when it returns a buffer.
const RETRY: Duration = Duration::from_millis(1);
/// Time that the peer has to receive the last answers before this side leaves.
const LINGER: Duration = Duration::from_secs(1);

/// Runs the echo.
///
/// # Errors
/// Returns an error if the echo cannot join a link or cannot continue. Stopping it with Ctrl-C is not an error.
pub fn run(options: &EchoOptions) -> Result<()> {
    process::catch_interrupts()?;
    let (mut answered, mut unanswered) = (0, 0);
    let echo = Echo { options, answered: &mut answered, unanswered: &mut unanswered, held: VecDeque::new() };
    let result = match join(&options.join, echo) {
        Err(error) if error.is::<Interrupted>() => Ok(()),
        result => result,
    };
    let printed = output::line(&format!("{answered} messages answered, {unanswered} not"));
    result.and(printed)
}

struct Echo<'a> {
    options: &'a EchoOptions,
    answered: &'a mut u64,
    unanswered: &'a mut u64,
    /// Messages that have not been answered yet. Each message occupies one of the peer's buffers, so their number is
    /// limited.
    held: VecDeque<Message>,
}

impl Task for Echo<'_> {
    type Outcome = ();
    const WAITS_FOREVER: bool = true;

    fn run<L: AnyLink>(mut self, mut side: Side<'_, L>) -> Result<()> {
        let result = self.serve(&mut side);
        side.leave();
        result
    }
}

impl Echo<'_> {
    fn serve<L: AnyLink>(&mut self, side: &mut Side<'_, L>) -> Result<()> {
        let count = self.options.count.unwrap_or(u64::MAX);
        while *self.answered < count {
            let wait = if self.held.is_empty() { IDLE } else { RETRY };
            if let Some(event) = side.next(side.now() + wait)? {
                self.handle_event(side, event)?;
            }
            self.answer(side, count);
        }
        let end = side.now() + LINGER;
        while let Some(event) = side.next(end)? {
            match event {
                Event::Message(message) => side.link.bus().release(message),
                Event::Unbound { .. } | Event::Down(_) => break,
                _ => (),
            }
        }
        Ok(())
    }

    fn handle_event<L: AnyLink>(&mut self, side: &mut Side<'_, L>, event: Event) -> Result<()> {
        match event {
            Event::Up { peer } => output::show(&format!("up with peer {peer}")),
            Event::Down(reason) => {
                *self.unanswered += self.held.drain(..).len() as u64;
                match reason {
                    DownReason::RoleConflict { .. } => bail!(reason),
                    // With the openamp profile, a host cannot tell its remote to restart.
                    DownReason::Fault(_)
                        if self.options.join.profile == Profile::OpenAmp && self.options.join.role == Role::Host =>
                    {
                        return Err(Error::new(reason).context("the link went down for good, start both sides again"));
                    }
                    reason => output::show(&format!("down: {reason}")),
                }
            }
            Event::Incompatible(refusal @ SetupError::RoleConflict { .. }) => bail!(refusal),
            Event::Incompatible(refusal) => output::show_error(&format!("amp: not yet: {refusal}")),
            Event::Bound { peer, .. } => {
                output::show(&format!("{} is bound to {peer}", self.options.join.endpoint));
            }
            Event::Message(message) if message.length == 0 && side.empty_is_greeting() => {
                side.link.bus().release(message);
            }
            Event::Message(message) => self.held.push_back(message),
            _ => (),
        }
        Ok(())
    }

    fn answer<L: AnyLink>(&mut self, side: &mut Side<'_, L>, count: u64) {
        let mut bytes = Vec::new();
        while *self.answered < count
            && let Some(message) = self.held.pop_front()
        {
            let read = side.read(&message, &mut bytes);
            let sent = read.map(|()| side.link.bus().send_to(side.endpoint, message.source, &bytes));
            match sent {
                Ok(Ok(())) => *self.answered += 1,
                Ok(Err(SendError::NoBuffer)) => {
                    self.held.push_front(message);
                    return;
                }
                failed => {
                    *self.unanswered += 1;
                    if let Ok(Err(error @ SendError::TooLong { .. })) = failed
                        && *self.unanswered == 1
                    {
                        output::show_error(&format!("amp: not answered: {error}"));
                    }
                }
            }
            side.link.bus().release(message);
        }
    }
}
