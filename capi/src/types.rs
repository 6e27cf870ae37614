// SPDX-License-Identifier: Apache-2.0
//! The types of the C ABI.

use core::ffi::{c_char, c_void};
use core::fmt;

use amp_ivshmem::rpmsg::SendError;

/// Number of 8-byte words in `struct amp_ipc` for the link itself.
pub const LINK_WORDS: usize = 84;
/// Number of 8-byte words per endpoint.
pub const ENDPOINT_WORDS: usize = 8;
/// Number of 8-byte words per buffer of one side.
pub const BUFFER_WORDS: usize = 6;

/// The result of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Status {
    /// Success.
    Ok = 0,
    /// The instance is not open.
    NotOpen = 1,
    /// The instance is already open.
    AlreadyOpen = 2,
    /// The setup does not match the memory, the device or this build, or the memory already
    /// contains something else. The reason is logged.
    Unusable = 3,
    /// The instance has the maximum number of endpoints.
    NoRoom = 4,
    /// The name is empty, too long, or already in use.
    BadName = 5,
    /// The endpoint does not exist.
    NoEndpoint = 6,
    /// The peer holds all buffers.
    NoBuffer = 7,
    /// There is no peer, or the peer has not opened this endpoint yet.
    NotBound = 8,
    /// The message does not fit in a buffer.
    TooLong = 9,
    /// No buffer of the link starts at this address.
    UnknownBuffer = 10,
    /// The buffer at this address has been returned, or is already held.
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
    /// A message of `length` bytes for `endpoint` is at `data`, in the setup's receive buffer or
    /// in shared memory. The message is valid until the callback returns or, if it is held,
    /// until it is released.
    Message = 0,
    /// A message of `length` bytes for `endpoint` did not fit in the setup's receive buffer and
    /// is lost.
    MessageTooLong = 1,
    /// `endpoint` can send.
    Bound = 2,
    /// `endpoint` can no longer send.
    Unbound = 3,
    /// The link is up. `length` is the peer id.
    Up = 4,
    /// The link is down. The reason is logged.
    Down = 5,
    /// The link cannot come up for now. The reason is logged.
    Incompatible = 6,
    /// The link is down or cannot come up, because another peer has this side's role on the
    /// link. `length` is the id of that peer. Nothing is logged.
    RoleConflict = 7,
}

/// An event of an instance.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Event {
    /// The kind of event.
    pub kind: EventKind,
    /// The endpoint's number.
    pub endpoint: u32,
    /// The meaning of this field depends on `kind`.
    pub length: u32,
    /// A message's payload. If it is in shared memory, the peer can change it at any time.
    pub data: *const c_void,
}

/// The functions that a port provides. Each one receives the setup's context. Only `event` may
/// call functions of the instance.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Callbacks {
    /// Rings doorbell `vector` of `peer`. Returns 0, or a nonzero value if the device does not
    /// have this vector.
    pub ring: unsafe extern "C" fn(context: *mut c_void, peer: u32, vector: u16) -> i32,
    /// Returns the time in microseconds. The time must never go backwards.
    pub now: unsafe extern "C" fn(context: *mut c_void) -> u64,
    /// Logs a line. `text` is a string constant.
    pub log: unsafe extern "C" fn(context: *mut c_void, level: LogLevel, text: *const c_char),
    /// Handles an event. `amp_ipc_poll` does not use the instance during this call. The callback
    /// may therefore release the instance's lock, and may call any function except
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
    /// The port's callbacks.
    pub callbacks: *const Callbacks,
    /// First argument of each callback.
    pub context: *mut c_void,
    /// Address of the shared memory.
    pub memory: *mut c_void,
    /// Size of the shared memory in bytes.
    pub size: usize,
    /// Private buffer to which each message is copied. If NULL, messages stay in shared memory.
    pub rx_buffer: *mut u8,
    /// Size of the receive buffer in bytes.
    pub rx_capacity: usize,
    /// This side's peer id, as assigned by the server.
    pub id: u32,
    /// Heartbeat interval in milliseconds.
    pub heartbeat: u32,
    /// Time in milliseconds without a sign of life after which the peer counts as dead. 0 for no
    /// limit.
    pub peer_timeout: u32,
    /// Host only: offset of the link's area in bytes.
    pub area_offset: u32,
    /// Host only: size of the link's area in bytes. 0 for all pages after the directory.
    pub area_size: u32,
    /// Size of each transmit buffer in bytes, including the header.
    pub buffer_size: u32,
    /// Number of transmit buffers.
    pub buffer_count: u16,
    /// Link number in the memory's directory.
    pub link: u8,
    /// True for the host, false for the remote.
    pub host: bool,
}
