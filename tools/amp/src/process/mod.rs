// SPDX-License-Identifier: Apache-2.0
//! Child processes that never outlive the tool: started so that they die with it, read line by line, stopped by pid.

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
/// The time for a process to end after SIGTERM, before SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// The time for the last lines of an ended process to arrive.
pub const DRAIN: Duration = Duration::from_millis(500);

/// The stream of a child that a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Output,
    /// Standard error.
    Errors,
}

/// A child in a process group of its own, without standard input. Dropping it stops it.
#[derive(Debug)]
pub struct Running {
    child: Child,
    group: Pid,
}

impl Running {
    /// Starts `command`; its two streams are there to be read.
    ///
    /// # Errors
    /// There is no such program, or the system has no process for it.
    pub fn spawn(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = command.spawn()?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a child without a pid")?;
        Ok(Self { child, group })
    }

    /// Reads both streams in threads of their own, which end with the streams; `None` says that one has ended.
    pub fn read(&mut self, give: impl Fn(Source, Option<String>) + Clone + Send + 'static) {
        let output = self.child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
        let errors = self.child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
        for (source, stream) in [(Source::Output, output), (Source::Errors, errors)] {
            let (Some(stream), give) = (stream, give.clone()) else { continue };
            std::thread::spawn(move || {
                // An error on a pipe is its end.
                let _ = read_lines(stream, |line| give(source, Some(line)));
                give(source, None);
            });
        }
    }

    /// Gives each line to `take` until both streams have ended; the exit status, or none after `limit`.
    ///
    /// # Errors
    /// An interrupt; the child is stopped.
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
            // A grandchild may hold the streams open for ever; it is not waited for.
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

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// The exit status, or `None` while the process runs.
    pub fn exit(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends `signal` to it and its process group. One that has ended hears nothing.
    pub fn signal(&mut self, signal: Signal) {
        if self.exit().is_none() {
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// Ends it and its process group at once, without a chance to say anything.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// Ends it and its process group: SIGTERM, and SIGKILL where that is not heard.
    pub fn stop(&mut self) {
        let end = Instant::now() + GRACE;
        // Its own group: the id is the child's, and it is ours until it was waited for.
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
    /// Something.
    Item(T),
    /// Nothing for now.
    Nothing,
    /// Nothing any more: all senders have gone.
    End,
}

/// Waits a tick.
pub fn next<T>(receiver: &Receiver<T>) -> Next<T> {
    match receiver.recv_timeout(TICK) {
        Ok(item) => Next::Item(item),
        Err(RecvTimeoutError::Timeout) => Next::Nothing,
        Err(RecvTimeoutError::Disconnected) => Next::End,
    }
}

/// The exit status in words.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// Runs a short command to its end; its standard output.
///
/// # Errors
/// It does not start, does not end within `limit`, or fails.
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
