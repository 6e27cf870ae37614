// SPDX-License-Identifier: Apache-2.0
//! Errors when connecting to a server.

use std::path::PathBuf;

use rustix::io::Errno;

/// Maximum length of a socket path in bytes. This is the size of Linux's `sun_path` without the terminating NUL.
pub const SOCKET_PATH_MAX: usize = 107;

/// An error of [`Peer::connect`](crate::Peer::connect).
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The path is longer than Linux allows, or contains a NUL byte.
    #[error("{} cannot name a socket: it must have at most {SOCKET_PATH_MAX} bytes; choose a shorter path", path.display())]
    Path {
        /// The path as given.
        path: PathBuf,
    },
    /// No server listens at the path.
    #[error("no ivshmem server at {} ({errno}); start one with `amp server --socket PATH`", path.display())]
    NoServer {
        /// The path as given.
        path: PathBuf,
        /// The system's error. It is not a `source`, because error reporters would then print it a second time.
        errno: Errno,
    },
    /// The server does not accept connections, and its backlog is full.
    #[error("the server at {} does not accept connections; check that it runs and is not stopped", path.display())]
    Busy {
        /// The path as given.
        path: PathBuf,
    },
    /// The server did not send a message in time.
    #[error("the server did not send {what} in time; check that it is an ivshmem server and runs")]
    Timeout {
        /// The message that was expected.
        what: &'static str,
    },
    /// The server closed the connection.
    #[error("the server closed the connection before it sent {what}; look at what it printed")]
    Closed {
        /// The message that was expected.
        what: &'static str,
    },
    /// The server speaks a different version of the protocol.
    #[error("the server speaks version {number} of the ivshmem protocol; this peer speaks 0 (QEMU's ivshmem 1)")]
    Version {
        /// The version that the server sent.
        number: i64,
    },
    /// The server broke the protocol.
    #[error("the server sent {number} where {what} was due; check that it is an ivshmem server")]
    Protocol {
        /// The message that was expected.
        what: &'static str,
        /// The number that the server sent instead.
        number: i64,
    },
    /// The server sent a descriptor for this peer's doorbell that is not an eventfd.
    #[error(
        "the server sent a descriptor that is not an eventfd as this peer's doorbell; check that it is an ivshmem server"
    )]
    NotEventfd,
    /// The system cannot create another context for asynchronous operations, which are used to ring doorbells.
    #[error(
        "the system has no room for another process that rings doorbells ({errno}); raise the sysctl fs.aio-max-nr"
    )]
    NoContext {
        /// The system's error. It is not a `source`, for the same reason as in [`NoServer`](Self::NoServer).
        errno: Errno,
    },
    /// The server's memory message had no descriptor, or this process could not receive the descriptor.
    #[error("the server's memory did not arrive; if this process has many files open, raise its limit with ulimit -n")]
    NoMemory,
    /// The size of the memory is out of range.
    #[error("the server's memory has {size} bytes; it must have from 4096 bytes to 2 GiB")]
    Size {
        /// The size of the memory in bytes.
        size: u64,
    },
    /// A system call failed.
    #[error("cannot {what}: {errno}")]
    System {
        /// The action that failed.
        what: &'static str,
        /// The system's error. It is not a `source`, for the same reason as in [`NoServer`](Self::NoServer).
        errno: Errno,
    },
}
