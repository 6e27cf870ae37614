// SPDX-License-Identifier: Apache-2.0
//! Writes text in a separate thread, so that the program never blocks on an output that nobody reads, such as a full
//! pipe, a stopped terminal or a socket.

use std::fmt;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Maximum number of bytes waiting to be written. A text that would exceed it is dropped, unless no other text waits.
const WAITING_MAX: usize = 1 << 20;

/// The state that the program shares with the thread.
#[derive(Debug, Default)]
struct Shared {
    waiting: Vec<u8>,
    /// Number of texts dropped since the last write.
    left_out: u64,
    /// True while the thread writes.
    writing: bool,
    /// The first error. After an error, nothing more is written.
    error: Option<io::Error>,
    /// True after the writer has been dropped.
    over: bool,
}

/// An output with a thread that writes to it. The thread ends when the writer is dropped, or when the program exits.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<(Mutex<Shared>, Condvar)>,
}

fn lock(shared: &Mutex<Shared>) -> MutexGuard<'_, Shared> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}

fn fits(shared: &Shared, length: usize) -> bool {
    shared.waiting.is_empty() || shared.waiting.len().saturating_add(length) <= WAITING_MAX
}

impl Writer {
    /// Starts the thread.
    ///
    /// # Errors
    /// Returns an error if the system cannot create another thread.
    pub fn start(output: impl Write + Send + 'static) -> io::Result<Self> {
        let shared = Arc::<(Mutex<Shared>, Condvar)>::default();
        let threads = Arc::clone(&shared);
        std::thread::Builder::new().name("output".to_owned()).spawn(move || write_all(&threads, output))?;
        Ok(Self { shared })
    }

    /// Queues a text for the thread. Returns false if the text was dropped because too much text is already waiting.
    /// The thread reports the number of dropped texts with its next write.
    pub fn offer(&self, text: fmt::Arguments<'_>) -> bool {
        let text = fmt::format(text);
        let (shared, changed) = &*self.shared;
        let mut shared = lock(shared);
        if shared.error.is_some() {
            return true;
        }
        let fits = fits(&shared, text.len());
        if fits {
            shared.waiting.extend_from_slice(text.as_bytes());
            changed.notify_all();
        } else {
            shared.left_out = shared.left_out.saturating_add(1);
        }
        fits
    }

    /// Returns true if a text of `length` bytes would not be dropped.
    pub fn has_room(&self, length: usize) -> bool {
        let shared = lock(&self.shared.0);
        shared.error.is_some() || fits(&shared, length)
    }

    /// Waits up to `limit` until all text has been written. Returns false if the limit expires first.
    ///
    /// # Errors
    /// Returns the first error that occurred while writing.
    pub fn wait(&self, limit: Duration) -> io::Result<bool> {
        let end = Instant::now().checked_add(limit);
        let (shared, changed) = &*self.shared;
        let mut shared = lock(shared);
        loop {
            if let Some(error) = &shared.error {
                return Err(error.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error));
            }
            if shared.waiting.is_empty() && shared.left_out == 0 && !shared.writing {
                return Ok(true);
            }
            let left = end.map_or(limit, |end| end.saturating_duration_since(Instant::now()));
            if left.is_zero() {
                return Ok(false);
            }
            shared = changed.wait_timeout(shared, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        let (shared, changed) = &*self.shared;
        lock(shared).over = true;
        changed.notify_all();
    }
}

/// Writes the waiting text, until the writer is dropped or the output fails.
fn write_all((shared, changed): &(Mutex<Shared>, Condvar), mut output: impl Write) {
    loop {
        let mut now = lock(shared);
        while now.waiting.is_empty() && now.left_out == 0 {
            if now.over {
                return;
            }
            now = changed.wait(now).unwrap_or_else(PoisonError::into_inner);
        }
        let mut text = std::mem::take(&mut now.waiting);
        // The note comes last, because the waiting text is older than the dropped texts.
        let left_out = std::mem::take(&mut now.left_out);
        now.writing = true;
        drop(now);
        if left_out > 0 {
            text.extend_from_slice(
                format!("({left_out} lines are missing here: nobody read this output)\n").as_bytes(),
            );
        }
        let written = output.write_all(&text).and_then(|()| output.flush());
        let mut now = lock(shared);
        now.writing = false;
        now.error = written.err();
        let ended = now.error.is_some();
        changed.notify_all();
        if ended {
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_reader_gets_every_text_in_order() {
        let (output, mut reader) = UnixStream::pair().unwrap();
        let writer = Writer::start(output).unwrap();
        for number in 0..1000 {
            assert!(writer.offer(format_args!("{number}\n")));
        }
        assert!(writer.wait(Duration::from_secs(10)).unwrap());
        drop(writer);
        let mut text = String::new();
        reader.read_to_string(&mut text).unwrap();
        assert_eq!(
            text.lines().map(str::parse).collect::<Result<Vec<u32>, _>>().unwrap(),
            (0..1000).collect::<Vec<_>>()
        );
    }

    #[test]
    fn without_a_reader_nothing_waits_and_a_late_reader_learns_what_is_missing() {
        let (output, reader) = UnixStream::pair().unwrap();
        let writer = Writer::start(output).unwrap();
        let line = "x".repeat(999);
        let offered = (0..5000).filter(|_| writer.offer(format_args!("{line}\n"))).count();
        assert!((1000..5000).contains(&offered), "{offered}");
        assert!(!writer.wait(Duration::from_millis(10)).unwrap());
        let mut lines = io::BufRead::lines(io::BufReader::new(reader));
        let missing = lines.find(|line| !line.as_ref().unwrap().starts_with('x')).unwrap().unwrap();
        assert_eq!(missing, format!("({} lines are missing here: nobody read this output)", 5000 - offered));
        assert!(writer.offer(format_args!("more\n")));
        assert_eq!(lines.next().unwrap().unwrap(), "more");
    }

    #[test]
    fn a_reader_that_has_gone_is_an_error_once_and_costs_nothing() {
        let (output, reader) = UnixStream::pair().unwrap();
        drop(reader);
        let writer = Writer::start(output).unwrap();
        assert!(writer.offer(format_args!("lost\n")));
        assert_eq!(writer.wait(Duration::from_secs(10)).unwrap_err().kind(), io::ErrorKind::BrokenPipe);
        assert!((0..5000).all(|_| writer.offer(format_args!("{}\n", "x".repeat(999)))));
    }
}
