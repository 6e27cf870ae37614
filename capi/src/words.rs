// SPDX-License-Identifier: Apache-2.0
//! Converts the reasons reported by the core into log lines. The lines are constant, because
//! formatting code would take more flash than the link itself.

use core::ffi::CStr;

use amp_ivshmem::rpmsg::{DownReason, SetupError};
use amp_ivshmem::session::{AreaError, PeerError};

use crate::types::LogLevel;

/// Returns the log line for a link that went down.
pub const fn of_down(reason: DownReason) -> (LogLevel, &'static CStr) {
    match reason {
        DownReason::PeerLeft => (LogLevel::Info, c"the peer has left"),
        DownReason::PeerRestarted => (LogLevel::Info, c"the peer has restarted"),
        DownReason::PeerTimeout => (LogLevel::Info, c"the peer was silent for longer than allowed"),
        DownReason::Fault(_) => (LogLevel::Error, c"the peer broke the protocol; the link is down until it restarts"),
        // A role conflict is reported as a separate event, which contains the peer's id.
        DownReason::StateCorrupted | DownReason::RoleConflict { .. } => {
            (LogLevel::Error, c"another peer overwrote this side's part of the memory; this side restarts")
        }
    }
}

/// Returns the log line for a link that cannot come up.
pub const fn of_incompatible(error: SetupError) -> &'static CStr {
    match error {
        SetupError::Area(AreaError::Version { .. }) | SetupError::Peer(PeerError::Speaks { .. }) => {
            c"the peer speaks another wire version or carries another service: use the same version on both sides"
        }
        SetupError::Area(_) => c"the host's area cannot be used: give both sides the same memory size and link",
        _ => {
            c"what the peer has set up cannot be used: give both sides the same buffers, or raise the most buffers of this side"
        }
    }
}
