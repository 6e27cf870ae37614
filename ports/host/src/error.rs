//! Why a process is not a peer.

use std::path::PathBuf;

use rustix::io::Errno;

use crate::SOCKET_PATH_MAX;

/// Why [`Peer::connect`](crate::Peer::connect) failed.
#[derive(Debug, thiserror::Error)]
pub enum ConnectError {
    /// The path is longer than Linux allows, or holds a zero byte.
    #[error("{} cannot name a socket: it must have at most {SOCKET_PATH_MAX} bytes; choose a shorter path", path.display())]
    Path {
        /// The path given.
        path: PathBuf,
    },
    /// Nobody listens there.
    #[error("no ivshmem server at {} ({errno}); start one with `amp server --socket PATH`", path.display())]
    NoServer {
        /// The path given.
        path: PathBuf,
        /// What the system said. Not a `source`: the message holds it already, and reporters print both.
        errno: Errno,
    },
    /// Somebody listens there, and has accepted none of the many that wait.
    #[error("the server at {} does not accept connections; check that it runs and is not stopped", path.display())]
    Busy {
        /// The path given.
        path: PathBuf,
    },
    /// The server did not say what it should in time.
    #[error("the server did not send {what} in time; check that it is an ivshmem server and runs")]
    Timeout {
        /// What was awaited.
        what: &'static str,
    },
    /// The server closed the connection.
    #[error("the server closed the connection before it sent {what}; look at what it printed")]
    Closed {
        /// What was awaited.
        what: &'static str,
    },
    /// The server speaks another version.
    #[error("the server speaks version {number} of the ivshmem protocol; this peer speaks 0 (QEMU's ivshmem 1)")]
    Version {
        /// What it sent as its version.
        number: i64,
    },
    /// The server sent something else than the protocol says.
    #[error("the server sent {number} where {what} was due; check that it is an ivshmem server")]
    Protocol {
        /// What was due.
        what: &'static str,
        /// What came.
        number: i64,
    },
    /// The server's memory message came without a descriptor, or this process has no room for one.
    #[error("the server's memory did not arrive; if this process has many files open, raise its limit with ulimit -n")]
    NoMemory,
    /// The memory has a size that cannot be addressed.
    #[error("the server's memory has {size} bytes; it must have from 4096 bytes to 2 GiB")]
    Size {
        /// Its size.
        size: u64,
    },
    /// The system refused.
    #[error("cannot {what}: {errno}")]
    System {
        /// What was attempted.
        what: &'static str,
        /// What the system said. Not a `source`, as above.
        errno: Errno,
    },
}
