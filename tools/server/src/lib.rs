//! The ivshmem server: hands shared memory and doorbells to every peer that connects to its socket.
//!
//! It speaks version 0 of QEMU's protocol (QEMU's manual, "Inter-VM Shared Memory device"; `docs/specs/ivshmem-spec`,
//! "Client-server protocol"). It knows nothing of what lies in the memory.
#![cfg_attr(
    not(test),
    deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used, clippy::panic)
)]

mod client;
mod error;
mod fault;
mod ids;
pub mod memory;
#[cfg(test)]
mod peer_tests;
pub mod random;
mod serve;
mod socket;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io::Write;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, eventfd};
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};

use error::Explain;
pub use error::ServerError;
pub use fault::Faults;
pub use serve::{Serving, Stop};
use socket::Listener;

/// The most vectors that a peer can have: QEMU's own server and its `ivshmem-flat` stop there, and the latter reads
/// beyond its table for more.
pub const VECTORS_MAX: u16 = 64;

/// The smallest memory in bytes: a page, for peers map whole pages.
pub const SIZE_MIN: u64 = 4096;

/// The largest memory in bytes: 2 GiB. The peers' offsets have 32 bits, and a flat device has to fit below 4 GiB beside
/// its machine.
pub const SIZE_MAX: u64 = 1 << 31;

/// What to serve, and where.
#[derive(Clone, Debug)]
pub struct Options {
    /// Where the socket will be; at most 107 bytes, as Linux has it.
    pub socket: PathBuf,
    /// The size of the memory in bytes: a power of two from [`SIZE_MIN`] to [`SIZE_MAX`], because a PCI BAR is one.
    pub size: u64,
    /// The number of vectors (eventfds) of each peer, from 1 to [`VECTORS_MAX`].
    pub vectors: u16,
    /// The file that is the memory: made where it does not exist, used as it is where it has the right size, and kept
    /// at the end. Without one, the memory is anonymous, and sealed so that no peer can change its size.
    pub memory: Option<PathBuf>,
    /// What to do wrong, to see what clients make of it. By default nothing.
    pub faults: Option<Faults>,
}

impl Options {
    /// 4 MiB of anonymous memory and one vector at `socket`.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into(), size: 4 << 20, vectors: 1, memory: None, faults: None }
    }
}

/// What a server tells while it serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// A peer connected and has this id.
    Joined(u16),
    /// The peer of this id is gone.
    Left(u16, Reason),
    /// A client connected and could not become a peer.
    Refused(String),
}

/// Why a peer is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It closed its connection, or died.
    Closed,
    /// It sent something, which the protocol does not have.
    SentData,
    /// It did not read, and too many messages waited for it.
    DidNotRead,
    /// It was drawn to be dropped, as the faults want it.
    Fault,
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Joined(id) => write!(f, "peer {id} joined"),
            Self::Left(id, Reason::Closed) => write!(f, "peer {id} left"),
            Self::Left(id, Reason::SentData) => {
                write!(f, "peer {id} dropped: it sent data, which no ivshmem client does")
            }
            Self::Left(id, Reason::DidNotRead) => {
                write!(f, "peer {id} dropped: it did not read, and {} messages waited for it", client::QUEUE_MAX)
            }
            Self::Left(id, Reason::Fault) => write!(f, "peer {id} dropped: a fault that was asked for"),
            Self::Refused(why) => write!(f, "client refused: {why}"),
        }
    }
}

/// A server that listens: from when this exists, clients can connect, though they are answered only while it serves.
pub struct Server {
    listener: Listener,
    memory: OwnedFd,
    vectors: u16,
    faults: Option<Faults>,
}

impl Server {
    /// Makes the memory and the socket.
    ///
    /// # Errors
    /// Options out of range, a live server at the socket, or what the system refuses; nothing is left lying about.
    pub fn bind(options: &Options) -> Result<Self, ServerError> {
        if !(1..=VECTORS_MAX).contains(&options.vectors) {
            return Err(ServerError::Vectors { vectors: options.vectors });
        }
        if !options.size.is_power_of_two() || !(SIZE_MIN..=SIZE_MAX).contains(&options.size) {
            return Err(ServerError::Size { size: options.size });
        }
        let listener = Listener::bind(&options.socket)?;
        let memory = match &options.memory {
            None => memory::anonymous(options.size)?,
            Some(path) => memory::file(path, options.size)?,
        };
        Ok(Self { listener, memory, vectors: options.vectors, faults: options.faults })
    }

    /// Serves on a thread of its own, in silence, until the result is dropped.
    ///
    /// # Errors
    /// As [`bind`](Self::bind), and where there can be no thread.
    pub fn start(options: &Options) -> Result<Running, ServerError> {
        Self::start_reporting(options, |_| ())
    }

    /// As [`start`](Self::start), and calls `report` on that thread with each event.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub fn start_reporting(
        options: &Options,
        report: impl FnMut(Event) + Send + 'static,
    ) -> Result<Running, ServerError> {
        let server = Self::bind(options)?;
        let memory = server.memory.try_clone().explain("no descriptor left for the memory")?;
        let stop = Arc::new(eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).explain("no eventfd")?);
        let stops = vec![Stop { fd: Arc::clone(&stop), name: "its owner" }];
        let thread = std::thread::Builder::new()
            .name("ivshmem-server".to_owned())
            .spawn(move || server.serve(&stops, report).map(|_| ()))
            .explain("cannot start the server's thread")?;
        Ok(Running { stop, thread: Some(thread), memory })
    }
}

/// A server on a thread. Dropping it stops the server and removes its socket; the peers keep the memory.
pub struct Running {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<Result<(), ServerError>>>,
    memory: OwnedFd,
}

impl Running {
    /// The memory, to look at.
    ///
    /// # Errors
    /// No descriptor is left.
    pub fn memory(&self) -> Result<OwnedFd, ServerError> {
        self.memory.try_clone().explain("no descriptor left for the memory")
    }

    /// Stops the server, and says how it fared.
    ///
    /// # Errors
    /// What ended it before it was told to.
    pub fn stop(mut self) -> Result<(), ServerError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), ServerError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        // Cannot fail: the counter is far from its maximum.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        thread.join().unwrap_or(Err(ServerError::Panicked))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.end();
    }
}

/// Serves until SIGINT, SIGTERM or SIGHUP, and prints a line for each event.
///
/// # Errors
/// As [`Server::bind`], and where polling fails.
pub fn run(options: &Options) -> Result<(), ServerError> {
    let mut stops = Vec::new();
    for (signal, name) in [(SIGINT, "SIGINT"), (SIGTERM, "SIGTERM"), (SIGHUP, "SIGHUP")] {
        let (ours, handlers) = UnixStream::pair().explain("no socket pair for signals")?;
        signal_hook::low_level::pipe::register(signal, handlers).explain(format_args!("cannot handle {name}"))?;
        stops.push(Stop { fd: Arc::new(ours.into()), name });
    }
    let server = Server::bind(options)?;
    let (plural, kind) =
        (if options.vectors == 1 { "" } else { "s" }, options.memory.as_ref().map_or("anonymous", |_| "file"));
    say(&format!(
        "listening on {}: {} bytes ({kind}), {} vector{plural}",
        options.socket.display(),
        options.size,
        options.vectors
    ));
    if let Some(faults) = options.faults {
        say(&format!("faults: {faults}"));
    }
    let stopped_by = server.serve(&stops, |event| say(&event.to_string()))?;
    say(&format!("stopped by {stopped_by}; removed {}", options.socket.display()));
    Ok(())
}

/// Prints a line. A reader that is gone is no reason to stop serving, so its absence is no error.
fn say(line: &str) {
    let mut out = std::io::stdout().lock();
    let _ = writeln!(out, "{line}").and_then(|()| out.flush());
}
