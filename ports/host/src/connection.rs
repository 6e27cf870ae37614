// SPDX-License-Identifier: Apache-2.0
//! The connection to the server. Each message is an 8-byte number. Some messages also carry a descriptor.

use std::io::IoSliceMut;
use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use amp_ivshmem::platform::Instant;
use rustix::event::{PollFd, PollFlags, poll};
use rustix::io::Errno;
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, ReturnFlags, SocketAddrUnix, SocketFlags,
    SocketType, connect, recvmsg, socket_with,
};

use crate::clock::{now, timespec};
use crate::error::{ConnectError, SOCKET_PATH_MAX};

/// Pause before the next attempt if the server's backlog is full. It is not possible to poll for space in the backlog.
const PAUSE: Duration = Duration::from_millis(5);

/// A message from the server.
#[derive(Debug)]
pub struct Message {
    /// A peer's id, or −1 for the memory. The first message has the protocol version instead.
    pub number: i64,
    /// The memory, or an eventfd.
    pub fd: Option<OwnedFd>,
    /// True if the message had a descriptor, but this process could not receive it.
    pub fd_lost: bool,
}

/// The error for a connection that was closed by the server or has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lost;

/// A connection to the server. Reading from it never blocks.
#[derive(Debug)]
pub struct Connection {
    socket: Arc<OwnedFd>,
    /// The bytes of an incomplete message.
    partial: [u8; 8],
    have: usize,
    fd: Option<OwnedFd>,
    fd_lost: bool,
}

impl Connection {
    /// Connects to the server. If the server's backlog is full, retries until `deadline`.
    pub fn open(path: &Path, deadline: Instant) -> Result<Self, ConnectError> {
        let address = SocketAddrUnix::new(path)
            .ok()
            // Keeps the last byte of `sun_path` free for the terminating NUL, which other programs need.
            .filter(|_| path.as_os_str().len() <= SOCKET_PATH_MAX)
            .ok_or_else(|| ConnectError::Path { path: path.to_owned() })?;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let socket = socket_with(AddressFamily::UNIX, SocketType::STREAM, flags, None)
            .map_err(|errno| ConnectError::System { what: "make a socket", errno })?;
        loop {
            match connect(&socket, &address) {
                Ok(()) => break,
                Err(Errno::AGAIN) => match deadline.micros_since(now()) {
                    0 => return Err(ConnectError::Busy { path: path.to_owned() }),
                    left => thread::sleep(PAUSE.min(Duration::from_micros(left))),
                },
                Err(Errno::INTR) => {}
                Err(errno) => return Err(ConnectError::NoServer { path: path.to_owned(), errno }),
            }
        }
        Ok(Self::over(socket))
    }

    /// Creates a connection from a connected socket.
    pub fn over(socket: OwnedFd) -> Self {
        Self { socket: Arc::new(socket), partial: [0; 8], have: 0, fd: None, fd_lost: false }
    }

    /// Returns the descriptor to poll for reading.
    pub fn socket(&self) -> &Arc<OwnedFd> {
        &self.socket
    }

    /// Returns the next message, or `None` if it has not fully arrived.
    pub fn next(&mut self) -> Result<Option<Message>, Lost> {
        while let Some(missing) = self.partial.get_mut(self.have..).filter(|missing| !missing.is_empty()) {
            let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
            let mut ancillary = RecvAncillaryBuffer::new(&mut space);
            let mut rest = [IoSliceMut::new(missing)];
            let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
            let got = match recvmsg(&self.socket, &mut rest, &mut ancillary, flags) {
                Ok(got) if got.bytes > 0 => got,
                Err(Errno::AGAIN) => return Ok(None),
                Err(Errno::INTR) => continue,
                Ok(_) | Err(_) => return Err(Lost),
            };
            for message in ancillary.drain() {
                if let RecvAncillaryMessage::ScmRights(fds) = message {
                    self.fd = fds.last().or(self.fd.take());
                }
            }
            self.fd_lost |= got.flags.contains(ReturnFlags::CTRUNC);
            self.have = self.have.saturating_add(got.bytes);
        }
        self.have = 0;
        let number = i64::from_le_bytes(self.partial);
        Ok(Some(Message { number, fd: self.fd.take(), fd_lost: std::mem::take(&mut self.fd_lost) }))
    }

    /// Waits for the next message. `what` describes the expected message in errors.
    pub fn expect(&mut self, what: &'static str, deadline: Instant) -> Result<Message, ConnectError> {
        loop {
            if let Some(message) = self.next().map_err(|Lost| ConnectError::Closed { what })? {
                return Ok(message);
            }
            let left = deadline.micros_since(now());
            if left == 0 {
                return Err(ConnectError::Timeout { what });
            }
            let mut fds = [PollFd::new(&self.socket, PollFlags::IN)];
            match poll(&mut fds, Some(&timespec(left))) {
                Ok(_) | Err(Errno::INTR) => {}
                Err(errno) => return Err(ConnectError::System { what: "wait for the server", errno }),
            }
        }
    }
}
