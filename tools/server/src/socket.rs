// SPDX-License-Identifier: Apache-2.0
//! The listening socket. It is private to its user, never replaces a live socket, and is removed when the server stops.

use std::fs;
use std::os::fd::OwnedFd;
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use rustix::fs::{FlockOperation, Mode, OFlags, fchmod, flock};
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, bind, connect, listen, socket_with};

use crate::error::{Explain, ServerError};
use crate::options::SOCKET_PATH_MAX;

/// Maximum number of clients that wait to be accepted. The system's limit (`net.core.somaxconn`) may be lower.
const BACKLOG: i32 = 1024;

/// A listening socket, and the file that it has created.
pub struct Listener {
    socket: OwnedFd,
    path: PathBuf,
    /// Device and inode of the created file. Only this file is removed on drop.
    made: (u64, u64),
}

impl Listener {
    /// Listens at `path`. Replaces a stale socket, which is one that no process has open.
    pub fn bind(path: &Path) -> Result<Self, ServerError> {
        let name = path.display();
        if path.as_os_str().len() > SOCKET_PATH_MAX {
            return Err(ServerError::SocketPath { path: path.to_owned() });
        }
        let address = SocketAddrUnix::new(path).explain(format_args!("{name} cannot name a socket"))?;
        // Absolute, so that the file can be removed even if the current folder changes.
        let path = std::path::absolute(path).explain(format_args!("{name} cannot name a socket"))?;
        // Servers take turns here. Otherwise, a server could take another server's new socket for stale and remove it.
        let _turn = turn(&path)?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None).explain("no socket")?;
        // On Linux, binding gives the file the mode that the socket has at this time. Other users can therefore never
        // connect, and there is no need to change the umask.
        fchmod(&socket, Mode::RUSR | Mode::WUSR).explain("cannot make the socket private")?;
        let mut bound = bind(&socket, &address);
        if bound == Err(Errno::ADDRINUSE) {
            remove_stale(&path, &address)?;
            bound = bind(&socket, &address);
        }
        bound.explain(format_args!("cannot make the socket {name}; choose a directory that is yours"))?;
        let found = fs::symlink_metadata(&path).explain(format_args!("cannot look at {name}"))?;
        let listener = Self { socket, path, made: (found.dev(), found.ino()) };
        listen(&listener.socket, BACKLOG).explain(format_args!("cannot listen on {name}"))?;
        Ok(listener)
    }

    /// Returns the socket from which to accept clients. It is non-blocking.
    pub fn socket(&self) -> &OwnedFd {
        &self.socket
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _turn = turn(&self.path);
        if fs::symlink_metadata(&self.path).is_ok_and(|found| (found.dev(), found.ino()) == self.made) {
            let _ = fs::remove_file(&self.path);
        }
    }
}

/// Locks the directory of `path` until the result is dropped. Servers hold this lock while they create or replace a
/// socket. The lock is on the directory itself, so it does not leave a file behind.
fn turn(path: &Path) -> Result<OwnedFd, ServerError> {
    let directory = path.parent().unwrap_or(Path::new("/"));
    let name = directory.display();
    let lock = rustix::fs::open(directory, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
        .explain(format_args!("cannot open the socket's directory {name}; make it, or choose another"))?;
    // Servers hold the lock for microseconds. An unrelated process may hold it for longer, so the wait is limited.
    for _ in 0..100 {
        match flock(&lock, FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => return Ok(lock),
            Err(Errno::WOULDBLOCK) => std::thread::sleep(Duration::from_millis(10)),
            Err(error) => return Err(error).explain(format_args!("cannot lock the directory {name}")),
        }
    }
    Err(ServerError::Locked { path: directory.to_owned() })
}

/// Removes the file at `path` if it is a socket that no process has open.
fn remove_stale(path: &Path, address: &SocketAddrUnix) -> Result<(), ServerError> {
    let name = path.display();
    let found = fs::symlink_metadata(path).explain(format_args!("cannot look at {name}"))?;
    if !found.file_type().is_socket() {
        return Err(ServerError::NotSocket { path: path.to_owned() });
    }
    // Connecting a socket of a different type shows whether the socket is alive, without disturbing its listener.
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let probe = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None).explain("no socket")?;
    match connect(&probe, address) {
        Err(Errno::CONNREFUSED) => fs::remove_file(path).explain(format_args!("cannot remove the stale socket {name}")),
        Err(Errno::ACCESS) => Err(ServerError::OthersSocket { path: path.to_owned() }),
        _ => Err(ServerError::InUse { path: path.to_owned() }),
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStrExt;

    use super::*;

    #[test]
    fn a_path_of_107_bytes_is_the_longest() {
        let directory = tempfile::tempdir().expect("a directory");
        let room = SOCKET_PATH_MAX - directory.path().as_os_str().as_bytes().len() - 1;
        drop(Listener::bind(&directory.path().join("s".repeat(room))).expect("107 bytes"));
        let error = Listener::bind(&directory.path().join("s".repeat(room + 1))).err().expect("108 bytes");
        assert!(error.to_string().contains("of 108 bytes: Linux allows 107"), "{error}");
    }
}
