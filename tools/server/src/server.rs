// SPDX-License-Identifier: Apache-2.0
//! A listening server, and a server that runs on a separate thread.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::thread::JoinHandle;

use rustix::event::{EventfdFlags, eventfd};

use crate::error::{Explain, ServerError};
use crate::event::Event;
use crate::faults::Faults;
use crate::memory;
use crate::options::{Options, SIZE_MAX, SIZE_MIN, VECTORS_MAX};
use crate::socket::Listener;

/// A descriptor that stops a server's loop when it becomes readable.
pub struct Stop {
    /// The descriptor, which nothing else may read.
    pub fd: Arc<OwnedFd>,
    /// Name of the source of the stop request, for messages.
    pub name: &'static str,
}

/// A listening server. Clients can connect as soon as it exists, but get answers only while it serves.
pub struct Server {
    pub(crate) listener: Listener,
    pub(crate) memory: OwnedFd,
    pub(crate) vectors: u16,
    pub(crate) faults: Option<Faults>,
}

impl Server {
    /// Creates the memory and the socket.
    ///
    /// # Errors
    /// Returns an error if an option is out of range, a server is already listening on the socket, or a system call
    /// fails. On an error, the socket is removed.
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

    /// Serves on a new thread until the returned [`Running`] is dropped. Does not report events.
    ///
    /// # Errors
    /// Returns the same errors as [`bind`](Self::bind), and an error if no thread can be created.
    pub fn start(options: &Options) -> Result<Running, ServerError> {
        Self::start_reporting(options, |_| ())
    }

    /// Does the same as [`start`](Self::start), but calls `report` with each event, on the server's thread.
    ///
    /// # Errors
    /// Returns the same errors as [`start`](Self::start).
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

/// A server that runs on a separate thread. Dropping it stops the server and removes the socket, but the peers keep the
/// memory.
pub struct Running {
    stop: Arc<OwnedFd>,
    thread: Option<JoinHandle<Result<(), ServerError>>>,
    memory: OwnedFd,
}

impl Running {
    /// Returns a descriptor for the memory, so that the caller can map it.
    ///
    /// # Errors
    /// Returns an error if no descriptor is left.
    pub fn memory(&self) -> Result<OwnedFd, ServerError> {
        self.memory.try_clone().explain("no descriptor left for the memory")
    }

    /// Stops the server, and returns its result.
    ///
    /// # Errors
    /// Returns the server's error if it had already failed when `stop` was called.
    pub fn stop(mut self) -> Result<(), ServerError> {
        self.end()
    }

    fn end(&mut self) -> Result<(), ServerError> {
        let Some(thread) = self.thread.take() else { return Ok(()) };
        // The write cannot fail, because the counter is far from its maximum.
        let _ = rustix::io::write(&self.stop, &1_u64.to_ne_bytes());
        thread.join().unwrap_or(Err(ServerError::Panicked))
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.end();
    }
}
