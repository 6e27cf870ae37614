// SPDX-License-Identifier: Apache-2.0
//! Trace events: the steps of a link, for a recorder that the program supplies. Links record events only with the
//! feature `trace`.
//!
//! Each layer of a link passes its steps to the link's [`Tracer`]. Without the feature, the tracer takes no memory and
//! no code. An event contains the numbers that identify a message in the shared memory. Nothing is formatted or
//! allocated.

use core::fmt::Debug;

use crate::wire::area::Role;
use crate::wire::rpmsg::Address;
use crate::wire::session::State;

/// A step of one link, recorded when the link takes the step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum TraceEvent {
    /// A message is about to be sent to the peer. The buffer has already been filled, so a recorder can read the
    /// payload there.
    Sent {
        /// The sending endpoint.
        source: Address,
        /// The receiving endpoint.
        destination: Address,
        /// The payload's length in bytes.
        length: u16,
        /// The number of the buffer's descriptor.
        buffer: u16,
    },
    /// A message has arrived. Its destination may not exist on this side. The buffer contains the payload until the
    /// message is released.
    Received {
        /// The sending endpoint.
        source: Address,
        /// The receiving endpoint.
        destination: Address,
        /// The payload's length in bytes.
        length: u16,
        /// The number of the buffer's descriptor.
        buffer: u16,
    },
    /// The buffer of a received message is about to go back to the peer.
    Released {
        /// The number of the buffer's descriptor.
        buffer: u16,
    },
    /// The peer's doorbell is about to ring.
    Doorbell {
        /// The peer's id.
        peer: u16,
        /// The vector.
        vector: u16,
    },
    /// An endpoint was opened on this side.
    Opened {
        /// The endpoint's address.
        endpoint: Address,
    },
    /// An endpoint was closed on this side.
    Closed {
        /// The endpoint's address.
        endpoint: Address,
    },
    /// An endpoint has been bound, and the application is being told.
    Bound {
        /// The endpoint's address.
        endpoint: Address,
        /// The address of the peer's endpoint.
        peer: Address,
    },
    /// An endpoint has been unbound, and the application is being told.
    Unbound {
        /// The endpoint's address.
        endpoint: Address,
    },
    /// The peer is ready, and messages can be sent.
    Up {
        /// The peer's id.
        peer: u16,
    },
    /// The peer is gone, and messages can no longer be sent.
    Down,
    /// The link has been opened in a memory. Only a native link has a number and records this event.
    Link {
        /// The link's number in the memory's directory.
        link: u8,
        /// This side's role.
        role: Role,
        /// This side's id on the server.
        id: u16,
    },
    /// This side is about to write a state to its block. Only a native link has states.
    State {
        /// The state.
        state: State,
        /// This side's epoch.
        epoch: u32,
        /// The peer's epoch that this side has confirmed, or 0.
        peer_epoch: u32,
    },
}

/// A recorder of trace events.
///
/// A link calls its recorder on the message path, in the thread that uses the link, before the peer can see the step.
/// An answer is therefore never recorded before the request. A recorder must not block. A recorder that needs
/// timestamps reads the clock itself. To tell several links apart, a program sets a separate recorder for each link.
pub trait Trace: Debug + Sync {
    /// Records an event.
    fn record(&self, event: &TraceEvent);
}

/// A link's connection to its recorder, if it has one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tracer {
    #[cfg(feature = "trace")]
    recorder: Option<&'static dyn Trace>,
}

impl Tracer {
    /// The tracer without a recorder.
    pub const NONE: Self = Self {
        #[cfg(feature = "trace")]
        recorder: None,
    };

    /// Creates a tracer with this recorder.
    #[cfg(feature = "trace")]
    pub const fn new(recorder: &'static dyn Trace) -> Self {
        Self { recorder: Some(recorder) }
    }

    /// Records an event. The event is built only if there is a recorder.
    #[inline(always)]
    pub fn record(self, event: impl FnOnce() -> TraceEvent) {
        #[cfg(feature = "trace")]
        if let Some(recorder) = self.recorder {
            recorder.record(&event());
        }
        #[cfg(not(feature = "trace"))]
        let _ = event;
    }
}
