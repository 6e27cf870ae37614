// SPDX-License-Identifier: Apache-2.0
//! Child processes that never outlive the tool. Their output is read line by line, and they are stopped by process id.

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

/// Interval at which a wait checks for signals and for its time limit.
const TICK: Duration = Duration::from_millis(20);
/// Time that a process has to exit after SIGTERM, before it gets SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// Time to wait for the last lines of a process that has exited.
pub const DRAIN: Duration = Duration::from_millis(500);

/// The output stream of a child that a line came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard output.
    Output,
    /// Standard error.
    Errors,
}

/// A child process in a separate process group, without standard input. Dropping it stops the child.
#[derive(Debug)]
pub struct Running {
    child: Child,
    group: Pid,
}

impl Running {
    /// Starts `command` with piped standard output and standard error.
    ///
    /// # Errors
    /// Returns an error if the program does not exist, or if the system cannot create a process.
    pub fn spawn(mut command: Command) -> Result<Self> {
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        let child = command.spawn()?;
        let group = i32::try_from(child.id()).ok().and_then(Pid::from_raw).context("a child without a pid")?;
        Ok(Self { child, group })
    }

    /// Reads each stream in a thread, and passes its lines to `give`. The thread passes `None` and exits when its
    /// stream ends.
    pub fn read(&mut self, give: impl Fn(Source, Option<String>) + Clone + Send + 'static) {
        let output = self.child.stdout.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
        let errors = self.child.stderr.take().map(|stream| Box::new(stream) as Box<dyn Read + Send>);
        for (source, stream) in [(Source::Output, output), (Source::Errors, errors)] {
            let (Some(stream), give) = (stream, give.clone()) else { continue };
            std::thread::spawn(move || {
                // An error is treated like the end of the stream.
                let _ = read_lines(stream, |line| give(source, Some(line)));
                give(source, None);
            });
        }
    }

    /// Passes each line to `take` until both streams have ended. Returns the exit status, or `None` if `limit` expires.
    ///
    /// # Errors
    /// Returns an error if a signal interrupts the wait. The child is then stopped.
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
            // Does not wait for the streams for long after the child has exited, because a grandchild may keep them
            // open.
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

    /// Returns the exit status, or `None` if the process is running.
    pub fn exit(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().ok().flatten()
    }

    /// Sends `signal` to the process group, unless the process has exited.
    pub fn signal(&mut self, signal: Signal) {
        if self.exit().is_none() {
            let _ = kill_process_group(self.group, signal);
        }
    }

    /// Kills the process group with SIGKILL.
    pub fn kill(&mut self) {
        self.signal(Signal::KILL);
        let _ = self.child.wait();
    }

    /// Stops the process group with SIGTERM, and then with SIGKILL if the process does not exit in time.
    pub fn stop(&mut self) {
        let end = Instant::now() + GRACE;
        // The group's id is the child's process id, which stays valid until the child has been waited for.
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
    /// No item has arrived yet.
    Nothing,
    /// No more items can arrive, because all senders have been dropped.
    End,
}

/// Waits for an item, but at most for a short time.
pub fn next<T>(receiver: &Receiver<T>) -> Next<T> {
    match receiver.recv_timeout(TICK) {
        Ok(item) => Next::Item(item),
        Err(RecvTimeoutError::Timeout) => Next::Nothing,
        Err(RecvTimeoutError::Disconnected) => Next::End,
    }
}

/// Describes an exit status.
pub fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit status {code}"),
        (None, Some(signal)) => format!("killed by signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// Runs a short command to completion, and returns its standard output.
///
/// # Errors
/// Returns an error if the command does not start, does not exit within `limit`, or fails.
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
