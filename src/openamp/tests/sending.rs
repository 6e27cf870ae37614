// SPDX-License-Identifier: Apache-2.0
//! Tests which buffers the host uses for sending, and that a failed send changes nothing.

use core::cell::Cell;

use super::*;
use crate::mem::fake::{Hook, Hooked};

/// Offsets of the flags, the entries and the used index of the ring to the remote.
const FLAGS: u32 = MEMORY - 0x400 + 0x100;
const ENTRIES: u32 = FLAGS + 4;
const USED_INDEX: u32 = FLAGS + 0x28 + 2;

/// Returns the first `count` descriptors that were made available to the remote.
fn offered(heap: &Heap, count: u32) -> Vec<u16> {
    (0..count).map(|entry| word(heap, ENTRIES + 2 * entry)).collect()
}

/// Sends `count` messages. A buffer must be free for each.
fn send<P: Profile>(bus: &mut Bus<P, Bells>, from: Endpoint, count: u8) {
    (0..count).for_each(|number| bus.send(from, &[number]).unwrap());
}

/// Like `rpmsg_virtio_get_tx_buffer`, each send takes one returned buffer. Buffers are reused in the order of their
/// return.
#[test]
fn buffers_are_recycled_in_the_order_of_c() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let (mut host, mut remote) = (host(&heap, &bells), remote(&heap, &bells));
    let endpoint = opened(host.bus());
    for _ in 0..2 {
        send(host.bus(), endpoint, 4);
        drain!(remote);
    }
    assert_eq!(offered(&heap, 8), [0, 1, 2, 3, 0, 1, 2, 3]);
}

#[test]
fn they_are_after_waiting_for_them() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let (mut host, mut remote) = (host(&heap, &bells), remote(&heap, &bells));
    let endpoint = opened(host.bus());
    for _ in 0..2 {
        send(host.bus(), endpoint, 16);
        assert_eq!(host.bus().send(endpoint, &[]), Err(SendError::NoBuffer));
        drain!(remote);
    }
    assert_eq!(offered(&heap, 16), (0..16).collect::<Vec<_>>());
}

#[test]
fn what_is_too_long_writes_nothing_and_takes_nothing() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let (mut host, mut remote) = (host(&heap, &bells), remote(&heap, &bells));
    let endpoint = opened(host.bus());
    let all = || {
        let mut bytes = vec![0; MEMORY as usize];
        Bytes::new(&heap.region(), 0, MEMORY).unwrap().read(0, &mut bytes).unwrap();
        bytes
    };
    let before = all();
    assert_eq!(host.bus().send(endpoint, &[0; 600]), Err(SendError::TooLong { max: 496 }));
    assert!(before == all());
    send(host.bus(), endpoint, 4);
    drain!(remote);
    assert_eq!(host.bus().send(endpoint, &[0; 600]), Err(SendError::TooLong { max: 496 }));
    send(host.bus(), endpoint, 4);
    assert_eq!(offered(&heap, 8), [0, 1, 2, 3, 0, 1, 2, 3]);
}

/// Overwrites a word in the memory when `left` accesses have been made.
#[derive(Debug)]
struct Breaker<'m> {
    heap: &'m Heap,
    left: Cell<i64>,
    at: u32,
    to: u16,
}

impl Hook for Breaker<'_> {
    fn before(&self) -> bool {
        if self.left.get() == 0 {
            set_word(self.heap, self.at, self.to);
        }
        self.left.set(self.left.get() - 1);
        true
    }
}

/// A send that returns `NoBuffer` must have requested a doorbell, even if the remote overwrites its index with any
/// value at any time.
#[test]
fn there_is_no_buffer_only_where_one_was_asked_for() {
    for (to, after) in [999_u16, 0, 1, 2].into_iter().flat_map(|to| (0..40).map(move |after| (to, after))) {
        let (heap, bells) = (Heap::new(MEMORY), Bells::default());
        let breaker = Breaker { heap: &heap, left: Cell::new(-1), at: USED_INDEX, to };
        let settings = Settings { address: Some(BASE), ..settings(1) };
        let mut host: Host<_, Bells, 4, 16> =
            Host::new(Hooked::new(heap.region(), &breaker), bells.clone(), PeerId(0), settings).unwrap();
        let mut remote = remote(&heap, &bells);
        let endpoint = opened(host.bus());
        send(host.bus(), endpoint, 16);
        assert_eq!(host.bus().send(endpoint, &[]), Err(SendError::NoBuffer));
        drain!(remote);
        set_word(&heap, USED_INDEX, 1);
        breaker.left.set(after);
        let sent = host.bus().send(endpoint, b"x");
        assert!(sent != Err(SendError::NoBuffer) || word(&heap, FLAGS) == 0, "to {to}, after {after}");
    }
}
