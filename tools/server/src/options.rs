// SPDX-License-Identifier: Apache-2.0
//! The options of a server, and their limits.

use std::path::PathBuf;

use crate::faults::Faults;

/// The maximum length of a socket's path in bytes (Linux, unix(7)).
pub const SOCKET_PATH_MAX: usize = 107;

/// The maximum number of vectors that a peer can have. QEMU's own server and its `ivshmem-flat` have this limit, and
/// `ivshmem-flat` reads beyond its table for more.
pub const VECTORS_MAX: u16 = 64;

/// The smallest memory in bytes: a page, because peers map whole pages.
pub const SIZE_MIN: u64 = 4096;

/// The largest memory in bytes: 2 GiB. The peers' offsets have 32 bits, and a flat device has to fit below 4 GiB
/// together with its machine.
pub const SIZE_MAX: u64 = 1 << 31;

/// The memory to serve, and the socket on which it is served.
#[derive(Clone, Debug)]
pub struct Options {
    /// The path of the socket; at most [`SOCKET_PATH_MAX`] bytes.
    pub socket: PathBuf,
    /// The size of the memory in bytes: a power of two from [`SIZE_MIN`] to [`SIZE_MAX`], because a PCI BAR must be one.
    pub size: u64,
    /// The number of vectors (eventfds) of each peer, from 1 to [`VECTORS_MAX`].
    pub vectors: u16,
    /// The file that holds the memory. It is created if it does not exist, used as it is if it has the right size, and
    /// kept at the end. Without a file, the memory is anonymous, and sealed so that no peer can change its size.
    pub memory: Option<PathBuf>,
    /// Faults to inject, for tests of clients. None by default.
    pub faults: Option<Faults>,
}

impl Options {
    /// Returns options for 4 MiB of anonymous memory and one vector at `socket`.
    pub fn new(socket: impl Into<PathBuf>) -> Self {
        Self { socket: socket.into(), size: 4 << 20, vectors: 1, memory: None, faults: None }
    }
}
