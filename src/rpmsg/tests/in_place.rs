// SPDX-License-Identifier: Apache-2.0
//! Tests buffers that are filled and read in place, through the ranges that the bus returns. A port that gives
//! applications raw pointers works in this way.

use super::*;

/// Returns this side's next message without releasing it.
pub(super) fn message(side: &mut Side<'_>, now: Instant) -> Message {
    loop {
        match side.link.poll(now) {
            Some(Event::Message(message)) => return message,
            Some(_) => (),
            None => panic!("no message"),
        }
    }
}

#[test]
fn what_is_written_at_a_reserved_place_is_read_at_the_message_s() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let now = Instant::from_micros(1);
    let memory = Bytes::new(&heap.region(), 0, MEMORY).unwrap();
    let (mut a, mut b) = (Side::new(&heap, &bells, 0, HOST), Side::new(&heap, &bells, 1, REMOTE));
    settle(&mut [&mut a, &mut b], &bells, now);
    for _ in 0..2 {
        let (from, to) = (&mut a, &mut b);
        let talk = from.talk;
        let bus = from.link.bus();
        let (first, second) = (bus.alloc_tx_buffer().unwrap(), bus.alloc_tx_buffer().unwrap());
        let room = bus.buffer_range(&first).unwrap();
        assert_eq!(room.len(), 496);
        assert!(bus.buffer_range(&second).unwrap().start.abs_diff(room.start) >= 512, "no two overlap");
        memory.write(room.start, b"in place").unwrap();
        bus.send_nocopy(talk, first, 8).unwrap();
        bus.cancel(second);

        let message = message(to, now);
        let place = to.link.bus().payload_range(&message).unwrap();
        assert_eq!(place, room.start..room.start + 8);
        let mut bytes = [0; 8];
        memory.read(place.start, &mut bytes).unwrap();
        assert_eq!(&bytes, b"in place");
        to.link.bus().release(message);
        std::mem::swap(&mut a, &mut b);
    }
}

#[test]
fn a_place_on_a_link_that_went_down_is_nobody_s() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let now = Instant::from_micros(1);
    let (mut a, mut b) = (Side::new(&heap, &bells, 0, HOST), Side::new(&heap, &bells, 1, REMOTE));
    settle(&mut [&mut a, &mut b], &bells, now);
    b.send(b"old").unwrap();
    let message = message(&mut a, now);
    let reserved = a.link.bus().alloc_tx_buffer().unwrap();
    drop(b);
    settle(&mut [&mut a], &bells, now);
    assert_eq!(a.link.bus().payload_range(&message), Err(ReadError::Stale));
    assert_eq!(a.link.bus().buffer_range(&reserved), Err(SendError::Down));
    let mut b = Side::new(&heap, &bells, 1, REMOTE);
    settle(&mut [&mut a, &mut b], &bells, now);
    assert!(a.is_bound());
    assert_eq!(a.link.bus().payload_range(&message), Err(ReadError::Stale));
    assert_eq!(a.link.bus().buffer_range(&reserved), Err(SendError::Stale));
    a.link.bus().release(message);
    a.link.bus().cancel(reserved);
}

#[test]
fn a_message_is_received_into_a_slice_and_answered_in_one_call() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let now = Instant::from_micros(1);
    let (mut a, mut b) = (Side::new(&heap, &bells, 0, HOST), Side::new(&heap, &bells, 1, REMOTE));
    settle(&mut [&mut a, &mut b], &bells, now);
    // There are more rounds than buffers, so each buffer must be returned.
    for round in 0..40u8 {
        a.send(&[round; 7]).unwrap();
        let question = message(&mut b, now);
        b.link.bus().reply(question, &[round; 3]).unwrap();
        let (answer, mut bytes) = (message(&mut a, now), [0xff; 5]);
        assert_eq!(a.link.bus().recv(answer, &mut bytes), Ok(3));
        assert_eq!(bytes, [round, round, round, 0xff, 0xff]);
    }
    // If the slice is too short, it gets the beginning of the payload. If the answer does not fit, the message stays
    // unreleased.
    a.send(b"beginning").unwrap();
    let long = message(&mut b, now);
    let (error, long) = b.link.bus().reply(long, &[0; 600]).unwrap_err();
    assert_eq!(error, SendError::TooLong { max: 496 });
    let mut bytes = [0; 5];
    assert_eq!(b.link.bus().recv(long, &mut bytes), Ok(9));
    assert_eq!(&bytes, b"begin");
}
