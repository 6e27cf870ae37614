// SPDX-License-Identifier: Apache-2.0
//! Runs a session of two child processes. Starts them in order, watches their consoles, and returns the figures or the
//! reason for a failure. This file handles only processes and lines, and does not depend on machines.

use std::process::Command;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::time::{Duration, Instant};

use amp_ivshmem_workload::protocol::{ERROR, FIRST_MESSAGE, Figures, role_name};
use anyhow::{Context, Result, bail, ensure};

use crate::demo::figures::Total;
use crate::demo::pair::Start;
use crate::process::{self, DRAIN, LastLines, Next, Running, Source, check_interrupts, cut};
use crate::role::Role;

/// Prefixes of lines with which the workload or the port reports why a side stopped.
const REPORTS: [&str; 2] = [ERROR, "amp: "];

/// The rules of a session.
#[derive(Clone, Copy, Debug)]
pub struct Rules {
    /// The side that starts first.
    pub start: Start,
    /// Time limit for the first line on a side's console.
    pub up_limit: Duration,
    /// Time limit for the whole session.
    pub limit: Duration,
}

/// The result of a session.
#[derive(Clone, Copy, Debug)]
pub struct Outcome {
    /// The combined figures of both sides.
    pub total: Total,
    /// Time from the start of the first process to the last figures.
    pub duration: Duration,
    /// Time from the start of the second process to the first message.
    pub first_message: Option<Duration>,
}

struct Event {
    side: usize,
    source: Source,
    /// The line, or `None` at the end of a stream.
    line: Option<String>,
    at: Instant,
}

struct Side {
    label: String,
    role: Role,
    command: Option<Command>,
    running: Option<Running>,
    started: Option<Instant>,
    ended: Option<Instant>,
    up: bool,
    last_lines: LastLines,
    figures: Option<Figures>,
}

/// A session. The host is side 0, and the remote is side 1.
pub struct Session {
    sides: [Side; 2],
    rules: Rules,
    sender: SyncSender<Event>,
    events: Receiver<Event>,
    begun: Instant,
    first_message: Option<Instant>,
}

impl Session {
    /// Creates a session from the labels and commands of the rpmsg host and the rpmsg remote.
    pub fn new(sides: [(String, Command); 2], rules: Rules) -> Self {
        let (sender, events) = mpsc::sync_channel(256);
        let [host, remote] = sides;
        let side = |(label, command), role| Side {
            label,
            role,
            command: Some(command),
            running: None,
            started: None,
            ended: None,
            up: false,
            last_lines: LastLines::default(),
            figures: None,
        };
        let sides = [side(host, Role::Host), side(remote, Role::Remote)];
        Self { sides, rules, sender, events, begun: Instant::now(), first_message: None }
    }

    /// Runs the session, and passes every console line to `show`. When this returns, both processes have exited.
    ///
    /// # Errors
    /// Returns an error if either side did not report its figures. The error contains the reason and the side's last
    /// lines.
    pub fn run(mut self, show: impl Fn(usize, &str)) -> Result<Outcome> {
        let (first, second) = if self.rules.start == Start::RemoteFirst { (1, 0) } else { (0, 1) };
        self.begun = Instant::now();
        self.start(first)?;
        loop {
            if self.sides[second].started.is_none() && (self.rules.start == Start::Together || self.sides[first].up) {
                self.start(second)?;
            }
            if let Next::Item(event) = process::next(&self.events) {
                if let Some(line) = &event.line {
                    show(event.side, line);
                }
                self.hear(event)?;
            }
            if let [Some(host), Some(remote)] = [self.sides[0].figures, self.sides[1].figures] {
                let since_second = |at: Instant| self.sides[second].started.map(|started| at - started);
                return Ok(Outcome {
                    total: Total::of(&host, &remote),
                    duration: self.begun.elapsed(),
                    first_message: self.first_message.and_then(since_second),
                });
            }
            check_interrupts()?;
            self.check_children()?;
            self.check_limits()?;
        }
    }

    fn start(&mut self, index: usize) -> Result<()> {
        let side = &mut self.sides[index];
        let Some(command) = side.command.take() else { return Ok(()) };
        // Taken before the process starts, so that the figure includes the complete start-up.
        side.started = Some(Instant::now());
        let mut running = Running::spawn(command).with_context(|| format!("{} did not start", side.label))?;
        let sender = self.sender.clone();
        running.read(move |source, line| {
            // Fails if the session has ended, because the receiver has then been dropped.
            let _ = sender.send(Event { side: index, source, line, at: Instant::now() });
        });
        side.running = Some(running);
        Ok(())
    }

    fn hear(&mut self, event: Event) -> Result<()> {
        let Some(line) = event.line else { return Ok(()) };
        if event.source == Source::Output {
            self.handle_line(event.side, &line, event.at)?;
        }
        let side = &mut self.sides[event.side];
        side.last_lines.push(&line);
        Ok(())
    }

    /// Handles a line on standard output. Lines on standard error come from QEMU and not from the machine's console.
    fn handle_line(&mut self, index: usize, line: &str, at: Instant) -> Result<()> {
        let side = &mut self.sides[index];
        side.up = true;
        if line.starts_with(FIRST_MESSAGE) && self.first_message.is_none() {
            self.first_message = Some(at);
        }
        if let Some(report) = REPORTS.iter().find_map(|start| line.strip_prefix(start)) {
            bail!("{} reports: {}", side.label, cut(report));
        }
        if line.starts_with("figures ") {
            let figures =
                Figures::parse(line).with_context(|| format!("{} printed wrong figures: {}", side.label, cut(line)))?;
            ensure!(
                figures.role == side.role.into(),
                "{} printed figures of the {}",
                side.label,
                role_name(figures.role)
            );
            ensure!(side.figures.is_none(), "{} printed its figures twice", side.label);
            side.figures = Some(figures);
        }
        Ok(())
    }

    /// Checks for processes that exited early. Each side answers the other until it is stopped, so a process that exits
    /// before both sides have reported figures has failed.
    fn check_children(&mut self) -> Result<()> {
        for side in &mut self.sides {
            let Some(status) = side.running.as_mut().and_then(Running::exit) else { continue };
            if side.ended.get_or_insert_with(Instant::now).elapsed() > DRAIN {
                bail!("{} ended early, {}; {}", side.label, process::describe(status), side.last_lines);
            }
        }
        Ok(())
    }

    fn check_limits(&self) -> Result<()> {
        for side in &self.sides {
            let late = side.started.is_some_and(|started| started.elapsed() > self.rules.up_limit);
            if late && !side.up && side.ended.is_none() {
                bail!(
                    "{} did not come up within {} s; {}",
                    side.label,
                    self.rules.up_limit.as_secs_f32(),
                    side.last_lines
                );
            }
        }
        if self.begun.elapsed() > self.rules.limit {
            let states = self.sides.each_ref().map(|side| format!("\n  {}: {}", side.label, side.last_lines));
            bail!("no figures within {} s{}", self.rules.limit.as_secs_f32(), states.concat());
        }
        Ok(())
    }
}

#[cfg(test)]
#[path = "session_tests.rs"]
mod tests;
