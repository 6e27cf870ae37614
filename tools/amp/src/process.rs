//! Child processes that never outlive the tool: started so that they die with it, read line by line, stopped by pid.

use std::ffi::OsStr;
use std::fmt;
use std::io::{self, BufRead, BufReader, Read};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use anyhow::{Context, Error, Result, bail};
use rustix::process::{Pid, Signal, getppid, kill_process_group, set_parent_process_death_signal};

/// How often a wait looks whether it was interrupted or has taken too long.
const TICK: Duration = Duration::from_millis(20);
/// How long a process has to end after SIGTERM, before SIGKILL.
const GRACE: Duration = Duration::from_secs(2);
/// The longest line, in bytes, that a child gets through whole: a guest that prints no line end fills no memory.
const LONGEST_LINE: u64 = 4096;

/// The user's or the system's wish that the tool ends.
#[derive(Clone, Copy, Debug)]
pub struct Interrupted(pub usize);

impl fmt::Display for Interrupted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "stopped by signal {}", self.0)
    }
}

impl std::error::Error for Interrupted {}

fn interrupts() -> &'static Arc<AtomicUsize> {
    static SIGNAL: OnceLock<Arc<AtomicUsize>> = OnceLock::new();
    SIGNAL.get_or_init(Arc::default)
}

/// From now on SIGINT, SIGTERM and SIGHUP end every wait of this module with [`Interrupted`], so that all cleans up.
///
/// # Errors
/// The system refuses the handlers.
pub fn catch_interrupts() -> Result<()> {
    use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        let number = usize::try_from(signal)?;
        signal_hook::flag::register_usize(signal, interrupts().clone(), number).context("no signal handler")?;
    }
    Ok(())
}

/// # Errors
/// One of the signals of [`catch_interrupts`] came.
pub fn check_interrupts() -> Result<()> {
    match interrupts().load(Ordering::Relaxed) {
        0 => Ok(()),
        signal => Err(Error::new(Interrupted(signal))),
    }
}

/// A command for `program` that is killed when the thread that starts it ends, however it ends.
///
/// The tool itself comes in between (`amp guard`), because only code that runs after the fork can ask the kernel for
/// that; it then becomes `program`. Start such a command from the main thread.
pub fn guarded(program: impl AsRef<OsStr>) -> Command {
    if cfg!(test) {
        // The unit tests' own binary is no `amp`.
        return Command::new(program);
    }
    let mut command = Command::new("/proc/self/exe");
    command.arg("guard").arg(std::process::id().to_string()).arg("--").arg(program);
    command
}

/// The other half of [`guarded`]: becomes `command`, unless `parent` is gone already. Returns only if it can't.
pub fn guard(parent: i32, command: &[std::ffi::OsString]) -> Error {
    let Some((program, arguments)) = command.split_first() else { return Error::msg("no command to guard") };
    if let Err(error) = set_parent_process_death_signal(Some(Signal::KILL)) {
        return Error::new(error).context("the kernel does not tie a process to its parent");
    }
    // The parent may have died before the kernel knew; then nobody wants the command.
    if getppid().map(|pid| pid.as_raw_nonzero().get()) != Some(parent) {
        return Error::msg("the process that asked for this one has gone");
    }
    let error = Command::new(program).args(arguments).exec();
    Error::new(error).context(format!("{} did not start", program.display()))
}

/// Which of a child's two streams a line came from.
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

    /// How it ended; none while it runs.
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

/// What a short wait on a channel brought.
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

/// Splits a stream into lines without their ends, colours and cursor movements (ECMA-48's control sequences) left out and
/// other control characters shown as escapes: a guest does not steer the user's terminal.
fn read_lines(stream: impl Read, mut take: impl FnMut(String)) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut line = Vec::new();
    while stream.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)? > 0 {
        let text = String::from_utf8_lossy(&line);
        let mut clean = String::with_capacity(text.len());
        let mut letters = text.trim_end_matches(['\n', '\r']).chars().peekable();
        while let Some(letter) = letters.next() {
            if letter == '\x1b' && letters.next_if_eq(&'[').is_some() {
                // Parameters, and the one letter that ends it.
                while letters.next_if(|letter| (' '..='?').contains(letter)).is_some() {}
                letters.next_if(|letter| ('@'..='~').contains(letter));
            } else if letter.is_control() && letter != '\t' {
                clean.extend(letter.escape_default())
            } else {
                clean.push(letter)
            }
        }
        take(clean);
        line.clear();
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_guest_does_not_steer_the_terminal() {
        let mut lines = Vec::new();
        read_lines(&b"\x1b[1;33m<wrn> a\x1b[0m\r\nb\x1b]0;title\x07\n\x1b["[..], |line| lines.push(line)).unwrap();
        assert_eq!(lines, ["<wrn> a", "b\\u{1b}]0;title\\u{7}", ""]);
    }
}
