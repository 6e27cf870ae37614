// SPDX-License-Identifier: Apache-2.0
//! Sends and receives messages of the ivshmem server protocol through real sockets. Each message has 8 bytes, and some
//! messages carry a descriptor.

use std::io::{IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{
    RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    recvmsg, sendmsg,
};

/// The result of a non-blocking read.
#[derive(Debug)]
pub enum Read {
    /// The number and the descriptor of a message.
    Message(i64, Option<OwnedFd>),
    /// There is no message yet.
    Nothing,
    /// The other side has closed the socket.
    Closed,
}

/// Reads one message. The sender must send whole messages only.
pub fn read(socket: impl AsFd) -> Read {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = RecvAncillaryBuffer::new(&mut space);
    let mut bytes = [0; 8];
    let flags = RecvFlags::DONTWAIT | RecvFlags::CMSG_CLOEXEC;
    match recvmsg(socket, &mut [IoSliceMut::new(&mut bytes)], &mut ancillary, flags) {
        Ok(got) if got.bytes == 8 => {
            let mut fds = ancillary.drain().filter_map(|message| match message {
                RecvAncillaryMessage::ScmRights(fds) => Some(fds),
                _ => None,
            });
            let fds: Vec<_> = fds.by_ref().flatten().collect();
            assert!(fds.len() <= 1, "{} descriptors with one message", fds.len());
            Read::Message(i64::from_le_bytes(bytes), fds.into_iter().next())
        }
        Ok(got) if got.bytes > 0 => panic!("{} bytes of a message", got.bytes),
        Err(Errno::AGAIN | Errno::INTR) => Read::Nothing,
        Ok(_) | Err(_) => Read::Closed,
    }
}

/// Sends as much of `bytes` and `fds` as the socket accepts without blocking.
pub fn send(socket: impl AsFd, bytes: &[u8], fds: &[BorrowedFd<'_>]) {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut ancillary = SendAncillaryBuffer::new(&mut space);
    if !fds.is_empty() {
        ancillary.push(SendAncillaryMessage::ScmRights(fds));
    }
    let _ = sendmsg(socket, &[IoSlice::new(bytes)], &mut ancillary, SendFlags::NOSIGNAL | SendFlags::DONTWAIT);
}
