// SPDX-License-Identifier: Apache-2.0
//! A recorder of trace events. It does the work that a capture needs on the message path: it stores each event in a
//! ring.

use core::sync::atomic::{AtomicU32, Ordering};

use amp_ivshmem::inspect::{Trace, TraceEvent};

/// Number of events in the ring, a power of two.
const EVENTS: usize = 64;

/// A ring of events of four words each. Only one thread writes.
#[derive(Debug)]
pub struct Recorder {
    count: AtomicU32,
    events: [[AtomicU32; 4]; EVENTS],
}

pub static RECORDER: Recorder =
    Recorder { count: AtomicU32::new(0), events: [const { [const { AtomicU32::new(0) }; 4] }; EVENTS] };

impl Trace for Recorder {
    fn record(&self, event: &TraceEvent) {
        let words = match *event {
            TraceEvent::Sent { source, destination, length, buffer } => {
                [1 << 16 | u32::from(length), source.0, destination.0, buffer.into()]
            }
            TraceEvent::Received { source, destination, length, buffer } => {
                [2 << 16 | u32::from(length), source.0, destination.0, buffer.into()]
            }
            TraceEvent::Released { buffer } => [3 << 16, buffer.into(), 0, 0],
            TraceEvent::Doorbell { peer, vector } => [4 << 16, peer.into(), vector.into(), 0],
            _ => [5 << 16, 0, 0, 0],
        };
        let count = self.count.load(Ordering::Relaxed);
        for (to, word) in self.events[count as usize % EVENTS].iter().zip(words) {
            to.store(word, Ordering::Relaxed);
        }
        self.count.store(count.wrapping_add(1), Ordering::Relaxed);
    }
}
