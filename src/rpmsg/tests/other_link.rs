// SPDX-License-Identifier: Apache-2.0
//! Tests that a link rejects each token of another link with a separate error and without any effect.

use super::*;

/// Creates two links in separate memories. Their settings and traffic are identical, so their tokens differ only in the
/// link.
#[test]
fn another_link_s_tokens_are_refused_by_name() {
    let (heaps, bells) = ([Heap::new(MEMORY), Heap::new(MEMORY)], Bells::new());
    let now = Instant::from_micros(1);
    let mut links = heaps.each_ref().map(|heap| {
        let (mut host, mut remote) = (Side::new(heap, &bells, 0, HOST), Side::new(heap, &bells, 1, REMOTE));
        settle(&mut [&mut host, &mut remote], &bells, now);
        remote.send(b"held").unwrap();
        remote.send(b"next").unwrap();
        let held = in_place::message(&mut host, now);
        (host, remote, held)
    });
    let [(first, first_peer, of_first), (second, second_peer, of_second)] = &mut links;
    let (at_first, at_second) = (first.talk, second.talk);
    assert_eq!(at_first.address(), at_second.address());
    assert_ne!(at_first, at_second);

    // The message is neither read nor released, so the second link's own message stays valid.
    let other = || Message { ..message_like(of_first) };
    let bus = second.link.bus();
    assert_eq!(bus.read(&other(), 0, &mut [0; 4]), Err(ReadError::OtherLink));
    assert_eq!(bus.payload_range(&other()), Err(ReadError::OtherLink));
    bus.release(other());
    while second_peer.send(b"more").is_ok() {}
    let mut bytes = [0; 4];
    second.link.bus().read(of_second, 0, &mut bytes).unwrap();
    assert_eq!(&bytes, b"held");

    // Use the first link's endpoint on the second link.
    let bus = second.link.bus();
    assert_eq!(bus.peer_of(at_first), None);
    assert_eq!(bus.send(at_first, b"lost"), Err(SendError::OtherLink));
    assert_eq!(bus.send_to(at_first, Address(1024), b"lost"), Err(SendError::OtherLink));
    bus.close(at_first);
    assert!(bus.peer_of(at_second).is_some(), "its own is still open");
    let own = bus.alloc_tx_buffer().unwrap();
    let (error, own) = bus.send_nocopy(at_first, own, 4).unwrap_err();
    assert_eq!(error, SendError::OtherLink);
    bus.cancel(own);

    // Use the first link's transmit buffer on the second link.
    let buffer = first.link.bus().alloc_tx_buffer().unwrap();
    let own = second.link.bus().alloc_tx_buffer().unwrap();
    let bus = second.link.bus();
    assert_eq!(bus.write(&buffer, 0, b"lost"), Err(SendError::OtherLink));
    assert_eq!(bus.buffer_range(&buffer), Err(SendError::OtherLink));
    let (error, buffer) = bus.send_nocopy(at_second, buffer, 4).unwrap_err();
    assert_eq!(error, SendError::OtherLink);
    let text = "the endpoint or buffer belongs to another link: use it with that link";
    assert_eq!(std::format!("{error}"), text);
    bus.cancel(buffer);
    bus.write(&own, 0, b"own").unwrap();
    bus.send_nocopy(at_second, own, 3).unwrap();
    settle(&mut [second_peer], &bells, now);
    assert_eq!(second_peer.received, [b"own"], "nothing else has come");
    assert!(first_peer.received.is_empty());
}

/// Returns a copy of the message. Only a test can create such a copy.
fn message_like(message: &Message) -> Message {
    let &Message { endpoint, source, length, buffer, session } = message;
    Message { endpoint, source, length, buffer, session }
}

/// Tokens from an earlier session of the same link are rejected with a separate error.
#[test]
fn a_former_session_s_tokens_are_stale() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let now = Instant::from_micros(1);
    let (mut a, mut b) = (Side::new(&heap, &bells, 0, HOST), Side::new(&heap, &bells, 1, REMOTE));
    settle(&mut [&mut a, &mut b], &bells, now);
    b.send(b"old").unwrap();
    let (message, buffer) = (in_place::message(&mut a, now), a.link.bus().alloc_tx_buffer().unwrap());
    drop(b);
    let mut b = Side::new(&heap, &bells, 1, REMOTE);
    settle(&mut [&mut a, &mut b], &bells, now);
    assert_eq!(a.link.bus().read(&message, 0, &mut [0]), Err(ReadError::Stale));
    assert_eq!(a.link.bus().write(&buffer, 0, &[0]), Err(SendError::Stale));
    assert_eq!(a.send(b"endpoints outlive sessions"), Ok(()));
}
