// SPDX-License-Identifier: Apache-2.0
//! Tests the greeting, an empty message that tells a C endpoint which peer it is bound to. The greeting is the first
//! message between the two endpoints. It is omitted if another message was sent first.

use super::*;
use crate::rpmsg::TxBuffer;

type Sides<'m> = (TestHost<'m>, TestRemote<'m>);

/// Returns a host, a remote, and the remote's endpoint. Both sides have opened an endpoint with the same name, but the
/// remote has not polled since the host's announcement. The remote has `left` free buffers.
fn met<'m>(heap: &'m Heap, left: u8) -> (Sides<'m>, Endpoint, Vec<TxBuffer>) {
    let bells = Bells::default();
    let (mut host, mut remote) = (host(heap, &bells), remote(heap, &bells));
    let endpoint = remote.bus().open("x").unwrap();
    // The remote's endpoint has been announced, but the host has no endpoint of that name yet.
    drain!(remote);
    drain!(host);
    let reserved = (0..16 - left).map(|_| remote.bus().alloc_tx_buffer().unwrap()).collect();
    host.bus().open("x").unwrap();
    drain!(host);
    ((host, remote), endpoint, reserved)
}

/// Polls the remote until its endpoint is bound.
fn until_bound(remote: &mut TestRemote<'_>) {
    while let Some(event) = remote.poll(Instant::default()) {
        if matches!(event, Event::Bound { .. }) {
            return;
        }
    }
    panic!("not bound");
}

/// Returns the messages that the host's endpoint has received.
fn got(host: &mut TestHost<'_>) -> Vec<String> {
    drain!(*host).into_iter().filter(|line| line.contains(" got ")).collect()
}

#[test]
fn it_precedes_what_is_sent_as_soon_as_the_endpoint_is_bound() {
    let heap = Heap::new(MEMORY);
    let ((mut host, mut remote), endpoint, _) = met(&heap, 16);
    until_bound(&mut remote);
    remote.bus().send(endpoint, b"first").unwrap();
    assert_eq!(got(&mut host), ["0x400 got ", "0x400 got first"]);
}

/// Three endpoints are bound while no buffer is free, so no greetings can be sent. As soon as buffers are free, the
/// application sends from two of the endpoints. Only the third endpoint then needs a greeting.
#[test]
fn a_message_that_went_first_has_said_it() {
    let heap = Heap::new(MEMORY);
    let ((mut host, mut remote), x, reserved) = met(&heap, 0);
    let others = ["y", "z"].map(|name| {
        host.bus().open(name).unwrap();
        remote.bus().open(name).unwrap()
    });
    drain!(host);
    until_bound(&mut remote);
    drain!(remote);
    assert_eq!(remote.bus().send(x, b"too early"), Err(SendError::NoBuffer));
    reserved.into_iter().for_each(|reserved| remote.bus().cancel(reserved));
    let [y, _] = others;
    for endpoint in [x, y, y] {
        remote.bus().send(endpoint, b"message").unwrap();
    }
    drain!(remote);
    let expected = ["0x400 got message", "0x401 got message", "0x401 got message", "0x402 got "];
    assert_eq!(got(&mut host), expected);
}

#[test]
fn so_has_one_that_is_filled_in_place() {
    let heap = Heap::new(MEMORY);
    let ((mut host, mut remote), endpoint, mut reserved) = met(&heap, 0);
    until_bound(&mut remote);
    let bus = remote.bus();
    let early = reserved.remove(0);
    bus.write(&early, 0, b"first").unwrap();
    bus.send_nocopy(endpoint, early, 5).unwrap();
    reserved.into_iter().for_each(|reserved| bus.cancel(reserved));
    drain!(remote);
    assert_eq!(got(&mut host), ["0x400 got first"]);
}

#[test]
fn one_to_somebody_else_has_not() {
    let heap = Heap::new(MEMORY);
    let ((mut host, mut remote), endpoint, reserved) = met(&heap, 0);
    until_bound(&mut remote);
    let bus = remote.bus();
    reserved.into_iter().for_each(|reserved| bus.cancel(reserved));
    bus.send_to(endpoint, Address(7), b"to nobody").unwrap();
    drain!(remote);
    assert_eq!(got(&mut host), ["0x400 got "]);
}
