// SPDX-License-Identifier: Apache-2.0
//! Errors that keep a server from starting, or that stop it.

use std::fmt;
use std::io;
use std::path::PathBuf;

use rustix::io::Errno;

use crate::options::{SIZE_MAX, SIZE_MIN, SOCKET_PATH_MAX, VECTORS_MAX};

/// The reason why a [`Server`](crate::Server) did not start, or stopped early. Each message is a single line that also
/// says how to fix the problem.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The number of vectors is out of range.
    #[error("{vectors} vectors are not possible: QEMU's devices have 1 to {VECTORS_MAX}")]
    Vectors {
        /// The requested number of vectors.
        vectors: u16,
    },
    /// The size of the memory is out of range.
    #[error(
        "a memory of {size} bytes: it must be a power of two, at least {SIZE_MIN} and at most {SIZE_MAX} (2 GiB), \
         which is where the peers' drivers stop"
    )]
    Size {
        /// The requested size in bytes.
        size: u64,
    },
    /// The socket path is longer than Linux allows.
    #[error(
        "socket path of {} bytes: Linux allows {SOCKET_PATH_MAX}; choose a shorter one than {}",
        path.as_os_str().len(),
        path.display()
    )]
    SocketPath {
        /// The path.
        path: PathBuf,
    },
    /// The socket path exists, but is not a socket.
    #[error("{} exists and is not a socket; choose another path, or remove it", path.display())]
    NotSocket {
        /// The path.
        path: PathBuf,
    },
    /// The socket exists and belongs to another user.
    #[error("{} is another user's socket; choose another path", path.display())]
    OthersSocket {
        /// The path.
        path: PathBuf,
    },
    /// A server is already listening on the socket.
    #[error("a server already listens on {}; stop it, or choose another path", path.display())]
    InUse {
        /// The socket path.
        path: PathBuf,
    },
    /// Another process holds the lock on the socket's directory.
    #[error("another process keeps the directory {} locked; choose another directory for the socket", path.display())]
    Locked {
        /// The directory.
        path: PathBuf,
    },
    /// The memory file is not a regular file.
    #[error("{} is not a regular file and cannot be the memory; name another", path.display())]
    NotFile {
        /// The path.
        path: PathBuf,
    },
    /// The memory file exists, but has a different size.
    #[error("{} has {found} bytes and not {wanted}; give that size, or remove the file", path.display())]
    FileSize {
        /// The path.
        path: PathBuf,
        /// Size of the file in bytes.
        found: u64,
        /// Requested size in bytes.
        wanted: u64,
    },
    /// A system call failed.
    #[error("{what}: {error}")]
    System {
        /// A description of the failed action, with advice on how to fix the problem where possible.
        what: String,
        /// The system's error. It is not a `source`, because error reporters would then print it a second time.
        error: io::Error,
    },
    /// The server's thread panicked.
    #[error("the server's thread panicked; this is a defect of the server, please report it")]
    Panicked,
}

/// Adds an explanation to a system error.
pub(crate) trait Explain<T> {
    /// Converts the error, if any, to one with a message that begins with `what`.
    fn explain(self, what: impl fmt::Display) -> Result<T, ServerError>;
}

impl<T, E: Into<io::Error>> Explain<T> for Result<T, E> {
    fn explain(self, what: impl fmt::Display) -> Result<T, ServerError> {
        self.map_err(|error| {
            let (mut what, error) = (what.to_string(), error.into());
            if let Some(remedy) = remedy(&error) {
                // Removes the advice in `what`, because it is for a different cause.
                if let Some((action, other)) = what.rsplit_once("; ")
                    && !other.contains('/')
                {
                    what = action.to_owned();
                }
                what = format!("{what}; {remedy}");
            }
            ServerError::System { what, error }
        })
    }
}

/// Returns advice on how to fix the problem, if the error number alone identifies the cause.
fn remedy(error: &io::Error) -> Option<&'static str> {
    match Errno::from_io_error(error)? {
        Errno::MFILE => Some("raise the limit of open files with ulimit -n"),
        Errno::NFILE => Some("the whole system has too many open files: end other programs"),
        Errno::FBIG => Some("raise the limit of a file's size with ulimit -f"),
        Errno::NOMEM => Some("the system is out of memory: end other programs"),
        _ => None,
    }
}
