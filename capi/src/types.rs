// SPDX-License-Identifier: Apache-2.0
//! The types of the C ABI.

use core::ffi::{c_char, c_void};
use core::fmt;

use amp_ivshmem::rpmsg::SendError;

/// The 8-byte words of a `struct amp_ipc` for the link itself.
pub const LINK_WORDS: usize = 84;
/// The 8-byte words for each endpoint.
pub const ENDPOINT_WORDS: usize = 8;
/// The 8-byte words for each buffer of one side.
pub const BUFFER_WORDS: usize = 6;

/// The result of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// The instance is not open.
    NotOpen = 1,
    /// The instance is open already.
    AlreadyOpen = 2,
    /// The setup does not fit the memory, the device or this build, or the memory holds
    /// something else. The log has a line.
    Unusable = 3,
    /// All endpoints of the instance are registered.
    NoRoom = 4,
    /// The name is empty, too long, or in use.
    BadName = 5,
    /// There is no such endpoint.
    NoEndpoint = 6,
    /// All buffers are with the peer.
    NoBuffer = 7,
    /// There is no peer, or it has no such endpoint yet.
    NotBound = 8,
    /// The message does not fit a buffer.
    TooLong = 9,
    /// No buffer of the link begins at this address.
    UnknownBuffer = 10,
    /// The buffer at this address has been given back, or is already held.
    StaleBuffer = 11,
}

impl From<SendError> for Status {
    fn from(error: SendError) -> Self {
        match error {
            SendError::NoBuffer => Self::NoBuffer,
            SendError::TooLong { .. } => Self::TooLong,
            SendError::NoEndpoint => Self::NoEndpoint,
            _ => Self::NotBound,
        }
    }
}

/// The level of a log line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum LogLevel {
    /// An error that needs attention.
    Error = 0,
    /// A change in the link's state.
    Info = 1,
}

/// The kind of an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum EventKind {
    /// A message of `length` bytes for `endpoint` is at `data`: in the setup's buffer, or in
    /// shared memory. It is valid until the callback returns, or longer if it is held.
    Message = 0,
    /// A message of `length` bytes for `endpoint` did not fit the setup's buffer and is lost.
    MessageTooLong = 1,
    /// `endpoint` can send.
    Bound = 2,
    /// `endpoint` can no longer send.
    Unbound = 3,
    /// The link is up. `length` is the peer id.
    Up = 4,
    /// The link is down. The log has the reason.
    Down = 5,
    /// The peer's setup cannot be used. The log has the reason.
    Incompatible = 6,
}

/// An event of an instance.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Event {
    /// The kind.
    pub kind: EventKind,
    /// The endpoint's number.
    pub endpoint: u32,
    /// See the kind.
    pub length: u32,
    /// A message's bytes. They may lie in the shared memory, where the peer can write them at
    /// any time.
    pub data: *const c_void,
}

/// The functions that a port supplies. Each receives the setup's context. Only `event` may call
/// functions for the instance.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Callbacks {
    /// Rings the doorbell `vector` at `peer`. Returns 0, or another number if the device has no
    /// such vector.
    pub ring: unsafe extern "C" fn(context: *mut c_void, peer: u32, vector: u16) -> i32,
    /// Returns the time in microseconds. It never runs backwards.
    pub now: unsafe extern "C" fn(context: *mut c_void) -> u64,
    /// Logs a line. The text is a constant.
    pub log: unsafe extern "C" fn(context: *mut c_void, level: LogLevel, text: *const c_char),
    /// Handles an event. `amp_ipc_poll` calls it while it uses nothing of the instance: the
    /// callback may release the instance's lock, and may call every function except
    /// `amp_ipc_poll`.
    pub event: unsafe extern "C" fn(context: *mut c_void, event: *const Event),
}

impl fmt::Debug for Callbacks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Callbacks")
    }
}

/// The settings of an instance.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Setup {
    /// The port's functions.
    pub callbacks: *const Callbacks,
    /// The first argument of each callback.
    pub context: *mut c_void,
    /// The address of the shared memory.
    pub memory: *mut c_void,
    /// The size of the shared memory in bytes.
    pub size: usize,
    /// Private memory to which each message is copied. If it is NULL, messages stay in shared
    /// memory.
    pub rx_buffer: *mut u8,
    /// The size of the receive buffer in bytes.
    pub rx_capacity: usize,
    /// This side's peer id on the server.
    pub id: u32,
    /// The heartbeat in milliseconds.
    pub heartbeat: u32,
    /// Milliseconds of silence after which the peer counts as dead; 0 for never.
    pub peer_timeout: u32,
    /// Host only: the offset of the link's area in the memory.
    pub area_offset: u32,
    /// Host only: size of the area in bytes; 0 for the whole memory.
    pub area_size: u32,
    /// Size of each buffer in bytes, including the header.
    pub buffer_size: u32,
    /// Number of transmit buffers.
    pub buffer_count: u16,
    /// The number of the link in the memory.
    pub link: u8,
    /// True for the host, false for the remote.
    pub host: bool,
}
