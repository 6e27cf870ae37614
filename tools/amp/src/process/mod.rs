// SPDX-License-Identifier: Apache-2.0
//! Child processes that never outlive the tool: they die with it, are read line by line, and are stopped by process id.

mod guard;
mod interrupts;
mod lines;

use std::io::Read;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use rustix::process::{Pid, Signal, kill_process_group};

pub use self::guard::{enable_guard, guard, guarded};
pub use self::interrupts::{Interrupted, catch_interrupts, check_interrupts};
use self::lines::read_lines;
pub use self::lines::{LastLines, cut};

/// The interval at which a wait checks for an interrupt and for its time limit.
const TICK: Duration = Duration::from_millis(20);
/// The time that a process has to end after SIGTERM, before SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// The time that the last lines of an ended process have to arrive.
pub const DRAIN: Duration = Duration::from_millis(500);

/// The stream of a child from which a line came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Output,
    /// Standard error.
    Errors,
}

/// A child in its own process group, without standard input. Dropping it stops the child.
#[derive(Debug)]
pub struct Running {
    child: Child,
    group: Pid,
}

impl Running {
    /// Starts `command`, whose two output streams can be read.
    ///
    /// # Errors
    /// Returns an error if there is no such program, or if the system has no process for it.
    pub fn spawn(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = command.spawn()?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a child without a pid")?;
        Ok(Self { child, group })
    }

    /// Reads both streams, each in a thread that ends with its stream. `None` means that a stream has ended.
    pub fn read(&mut self, give: impl Fn(Source, Option<String>) + Clone + Send + 'static) {
        let output = self.child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
        let errors = self.child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
        for (source, stream) in [(Source::Output, output), (Source::Errors, errors)] {
            let (Some(stream), give) = (stream, give.clone()) else { continue };
            std::thread::spawn(move || {
                // An error on a pipe means that it has ended.
                let _ = read_lines(stream, |line| give(source, Some(line)));
                give(source, None);
            });
        }
    }

    /// Passes each line to `take` until both streams have ended. Returns the exit status, or `None` after `limit`.
    ///
    /// # Errors
    /// Returns an error on an interrupt; the child is stopped then.
    pub fn lines_until_exit(
        &mut self,
        limit: Option<Duration>,
        mut take: impl FnMut(&str, Source),
    ) -> Result<Option<ExitStatus>> {
        let end = limit.map(|limit| Instant::now() + limit);
        let (sender, receiver) = mpsc::sync_channel(64);
        self.read(move |source, line| {
            let _ = sender.send((source, line));
        });
        let mut exited = None;
        loop {
            match next(&receiver) {
                Next::Item((source, Some(line))) => take(&line, source),
                Next::Item((_, None)) | Next::Nothing => {}
                Next::End => break,
            }
            if let Err(interrupt) = check_interrupts() {
                self.stop();
                return Err(interrupt);
            }
            if end.is_some_and(|end| Instant::now() > end) {
                self.stop();
                return Ok(None);
            }
            // A grandchild may hold the streams open for ever, so this does not wait for it.
            if exited.is_none() && self.child.try_wait()?.is_some() {
                exited = Some(Instant::now());
            }
            if exited.is_some_and(|exited| exited.elapsed() > GRACE) {
                break;
            }
        }
        while end.is_none_or(|end| Instant::now() < end) {
            if let Some(status) = self.child.try_wait()? {
                return Ok(Some(status));
            }
            check_interrupts()?;
            std::thread::sleep(TICK);
        }
        self.stop();
        Ok(None)
    }

    /// Returns the child's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the exit status, or `None` while the process runs.
    pub fn exit(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends `signal` to the process and its process group. This has no effect if the process has ended.
    pub fn signal(&mut self, signal: Signal) {
        if self.exit().is_none() {
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// Kills the process and its process group immediately, with no chance to clean up.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// Ends the process and its process group: with SIGTERM, and with SIGKILL if that has no effect.
    pub fn stop(&mut self) {
        let end = Instant::now() + GRACE;
        // The child has its own group, whose id is the child's. The id stays valid until the child has been waited for.
        if self.exit().is_none() {
            let _ = kill_process_group(self.group, Signal::TERM);
            while self.exit().is_none() && Instant::now() < end {
                std::thread::sleep(Duration::from_millis(2));
            }
        }
        if self.exit().is_none() {
            let _ = kill_process_group(self.group, Signal::KILL);
            let _ = self.child.wait();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}

/// The result of a short wait on a channel.
pub enum Next<T> {
    /// An item has arrived.
    Item(T),
    /// No item yet.
    Nothing,
    /// No more items: all senders have gone.
    End,
}

/// Waits one tick for an item.
pub fn next<T>(receiver: &Receiver<T>) -> Next<T> {
    match receiver.recv_timeout(TICK) {
        Ok(item) => Next::Item(item),
        Err(RecvTimeoutError::Timeout) => Next::Nothing,
        Err(RecvTimeoutError::Disconnected) => Next::End,
    }
}

/// Returns a description of the exit status.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// Runs a short command to its end. Returns its standard output.
///
/// # Errors
/// Returns an error if the command does not start, does not end within `limit`, or fails.
pub fn output(command: Command, limit: Duration) -> Result<String> {
    let (mut output, mut errors) = (String::new(), String::new());
    let status = Running::spawn(command)?.lines_until_exit(Some(limit), |line, source| {
        let text = if source == Source::Output { &mut output } else { &mut errors };
        text.push_str(line);
        text.push('\n');
    })?;
    match status {
        Some(status) if status.success() => Ok(output),
        Some(status) => bail!("{}: {}", describe(status), errors.trim()),
        None => bail!("no end within {} s", limit.as_secs()),
    }
}
