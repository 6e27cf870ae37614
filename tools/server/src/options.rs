// SPDX-License-Identifier: Apache-2.0
//! The options of a server, and their limits.

use std::path::PathBuf;

use crate::faults::Faults;

/// Maximum length of a socket path in bytes (Linux, unix(7)).
pub const SOCKET_PATH_MAX: usize = 107;

/// Maximum number of vectors per peer. QEMU's own server and its `ivshmem-flat` have the same limit. With more vectors,
/// `ivshmem-flat` would read beyond the end of its table.
pub const VECTORS_MAX: u16 = 64;

/// Minimum size of the memory in bytes: one page, because peers map whole pages.
pub const SIZE_MIN: u64 = 4096;

/// Maximum size of the memory in bytes: 2 GiB. The peers' offsets have 32 bits, and a flat device's memory must fit
/// below 4 GiB together with the rest of the machine.
pub const SIZE_MAX: u64 = 1 << 31;

/// The memory to serve, and the socket on which it is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// Path of the socket, at most [`SOCKET_PATH_MAX`] bytes.
    pub socket: PathBuf,
    /// Size of the memory in bytes, from [`SIZE_MIN`] to [`SIZE_MAX`]. It must be a power of two, as for any PCI BAR.
    pub size: u64,
    /// Number of vectors (eventfds) per peer, from 1 to [`VECTORS_MAX`].
    pub vectors: u16,
    /// File that holds the memory. It is created if it does not exist, must otherwise have the right size, and is kept
    /// when the server stops. Without a file, the memory is anonymous, and sealed so that no peer can resize it.
    pub memory: Option<PathBuf>,
    /// Faults to inject, for testing clients. Default: none.
    pub faults: Option<Faults>,
}

impl Options {
    /// Returns the default options: 4 MiB of anonymous memory and one vector per peer.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into(), size: 4 << 20, vectors: 1, memory: None, faults: None }
    }
}
