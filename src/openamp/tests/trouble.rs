// SPDX-License-Identifier: Apache-2.0
//! Tests mistakes made by a peer, a third party or a user, and the point at which each is reported.

use super::*;

/// Returns two sides. Each has an endpoint that is configured with the other endpoint's address, so no announcements
/// are sent.
fn pair<'m>(heap: &'m Heap, bells: &Bells) -> (TestHost<'m>, TestRemote<'m>) {
    let (mut host, mut remote) = (host(heap, bells), remote(heap, bells));
    host.bus().open_with(&endpoint(5, 6)).unwrap();
    remote.bus().open_with(&endpoint(6, 5)).unwrap();
    (host, remote)
}

#[test]
fn up_is_told_before_what_a_send_has_found() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let mut host = host(&heap, &bells);
    let layout = settings(0).layout;
    // The used index is left over from a remote that still runs with an earlier host.
    set_word(&heap, layout.vring(layout.to_remote).used + 2, 37);
    let at_host = opened(host.bus());
    assert_eq!(host.bus().send(at_host, b"early"), Err(SendError::Down));
    let log = drain!(host);
    assert_eq!(log.first().map(String::as_str), Some("Up { peer: PeerId(1) }"), "{log:?}");
    assert!(log[1].contains("Down(Fault(Queue(IndexJump { old: 0, new: 37"), "{log:?}");
}

#[test]
fn a_remote_asks_whatever_stands_in_the_ring() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let layout = settings(0).layout;
    let flags = layout.vring(layout.to_remote).used;
    let mut host = host(&heap, &bells);
    set_word(&heap, flags, 1);
    let mut remote = remote(&heap, &bells);
    drain!(remote);
    bells.0.take();
    let at_host = opened(host.bus());
    host.bus().send(at_host, b"ring").unwrap();
    assert_eq!(bells.0.take(), [0, 1]);
    drain!(remote);
    // The request is repeated after a third party has overwritten it.
    set_word(&heap, flags, 1);
    let _ = remote.poll(Instant::from_micros(1_000_000));
    assert_eq!(word(&heap, flags), 0);
}

#[test]
fn a_host_asks_again() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let layout = settings(0).layout;
    let flags = layout.vring(layout.to_host).available;
    let mut host = host(&heap, &bells);
    assert_eq!(word(&heap, flags), 0);
    drain!(host);
    set_word(&heap, flags, 1);
    let _ = host.poll(Instant::from_micros(1_000_000));
    assert_eq!(word(&heap, flags), 0);
}

#[test]
fn what_is_too_long_takes_nothing() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let layout = settings(0).layout;
    let flags = layout.vring(layout.to_remote).available;
    let (mut host, mut remote) = pair(&heap, &bells);
    drain!(remote);
    let at_host = opened(host.bus());
    while host.bus().send(at_host, b"all").is_ok() {}
    assert_eq!(word(&heap, flags), 0, "asked for a doorbell");
    opened(remote.bus());
    drain!(remote);
    assert_eq!(host.bus().send(at_host, &[0; 600]), Err(SendError::TooLong { max: 496 }));
    assert_eq!(word(&heap, flags), 0, "who waits is still rung");
    host.bus().send(at_host, b"one").unwrap();
    assert_eq!(word(&heap, flags), 1);
}

#[test]
fn a_fault_is_told_after_a_message_that_was_too_long() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let layout = settings(0).layout;
    let (_host, mut remote) = pair(&heap, &bells);
    drain!(remote);
    // Make the descriptor part of a chain.
    set_word(&heap, layout.vring(layout.to_host).descriptors + 12, 3);
    let at_remote = opened(remote.bus());
    assert_eq!(remote.bus().send(at_remote, &[0; 600]), Err(SendError::TooLong { max: 496 }));
    assert_eq!(remote.bus().send(at_remote, b"short"), Err(SendError::Down));
    assert!(drain!(remote)[0].contains("Down(Fault(Queue(NotSingle { id: 0, flags: 3 })))"));
}

#[test]
fn another_links_buffer_is_not_taken_for_ours() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let (mut host, mut remote) = pair(&heap, &bells);
    let other_heap = Heap::new(MEMORY);
    let (_other_host, mut other) = pair(&other_heap, &bells);
    drain!(remote);
    drain!(other);
    let foreign = other.bus().alloc_tx_buffer().unwrap();
    let second = other.bus().alloc_tx_buffer().unwrap();
    let at_remote = opened(remote.bus());
    opened(host.bus());
    remote.bus().send(at_remote, b"first").unwrap();
    remote.bus().cancel(foreign);
    assert!(matches!(remote.bus().send_nocopy(at_remote, second, 1), Err((SendError::OtherLink, _))));
    remote.bus().send(at_remote, b"second").unwrap();
    let log = drain!(host);
    assert_eq!(log[log.len() - 2..], ["0x7 got first", "0x7 got second"], "{log:?}");
}
