// SPDX-License-Identifier: Apache-2.0
//! The doorbell that calls the port's callbacks, and the types of the links that use this doorbell.

use core::ffi::{CStr, c_void};

use amp_ivshmem::mem::Region;
use amp_ivshmem::platform::{Doorbell, Instant, PeerId, Vector, VectorOutOfRange};
use amp_ivshmem::rpmsg::{Bus, Link, Native};

use crate::sizes::{BUFFERS, ENDPOINTS};
use crate::types::{Callbacks, Event, LogLevel};

/// The port's callbacks and their context.
#[derive(Clone, Copy, Debug)]
pub struct Port {
    callbacks: &'static Callbacks,
    context: *mut c_void,
}

impl Port {
    pub const fn new(callbacks: &'static Callbacks, context: *mut c_void) -> Self {
        Self { callbacks, context }
    }

    /// Returns the current time.
    pub fn now(&self) -> Instant {
        // SAFETY: guaranteed by `amp_ipc_open`'s contract.
        Instant::from_micros(unsafe { (self.callbacks.now)(self.context) })
    }

    pub fn log(&self, level: LogLevel, text: &'static CStr) {
        // SAFETY: guaranteed by `amp_ipc_open`'s contract.
        unsafe { (self.callbacks.log)(self.context, level, text.as_ptr()) }
    }

    /// Passes an event to the port. Nothing in the instance may be borrowed during the call.
    pub fn event(&self, event: &Event) {
        // SAFETY: guaranteed by `amp_ipc_open`'s contract.
        unsafe { (self.callbacks.event)(self.context, event) }
    }
}

impl Doorbell for Port {
    fn ring(&self, peer: PeerId, vector: Vector) -> Result<(), VectorOutOfRange> {
        // SAFETY: guaranteed by `amp_ipc_open`'s contract.
        match unsafe { (self.callbacks.ring)(self.context, peer.0.into(), vector.0) } {
            0 => Ok(()),
            // All 16-bit peer ids are valid, so the driver can reject only the vector.
            _ => Err(VectorOutOfRange { vector, vectors: vector.0 }),
        }
    }
}

/// The bus of a link of the C ABI.
pub type CBus = Bus<Native<Region<'static>, ENDPOINTS, BUFFERS>, Port>;
/// A link of the C ABI.
pub type CLink = Link<Region<'static>, Port, ENDPOINTS, BUFFERS>;
