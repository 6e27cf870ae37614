// SPDX-License-Identifier: Apache-2.0
//! Tests damage to the memory, a second side in the same role, and other faults from which a link recovers
//! automatically.

use super::*;

/// Offsets of the data sections of the host and the remote, with 16 buffers each.
const DATA: [u32; 2] = [0x3000, 0x1_1000];
/// Offset of the used ring's index in a side's data. It follows the ring's flags.
const USED_INDEX: u32 = 2;
/// Offset of the available ring's index in a side's data. It follows the used ring for 16 buffers, 16 descriptors and
/// the ring's flags.
const AVAILABLE_INDEX: u32 = 144 + 256 + 2;

/// Overwrites a word in the memory, as any peer can.
fn damage(heap: &Heap, offset: u32, value: u32) {
    Bytes::new(&heap.region(), 0, MEMORY).unwrap().write(offset, &value.to_le_bytes()).unwrap();
}

/// Runs both sides for `millis` milliseconds, starting at `from`.
fn run(sides: &mut [&mut Side<'_>], bells: &Bells, from: u64, millis: u64) {
    for at in from..from + millis {
        settle(sides, bells, Instant::from_micros(at * 1000));
    }
}

#[test]
fn an_endpoint_opened_anew_under_its_name_is_bound() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let (mut a, mut b) = (Side::new(&heap, &bells, 0, HOST), Side::new(&heap, &bells, 1, REMOTE));
    run(&mut [&mut a, &mut b], &bells, 1, 10);
    let (first, there) = (a.link.bus().open("x").unwrap(), b.link.bus().open("x").unwrap());
    (a.wake, b.wake) = (Instant::default(), Instant::default());
    run(&mut [&mut a, &mut b], &bells, 20, 10);
    // Free a slot before the first endpoint's slot. The second endpoint takes the freed slot, so a search finds it
    // before the first endpoint.
    a.link.bus().close(a.talk);
    a.wake = Instant::default();
    run(&mut [&mut a, &mut b], &bells, 40, 10);
    a.link.bus().close(first);
    let second = a.link.bus().open("x").unwrap();
    a.wake = Instant::default();
    run(&mut [&mut a, &mut b], &bells, 60, 10);
    assert_eq!(b.link.bus().peer_of(there), Some(second.address()), "{:?}", b.log);
}

#[test]
fn a_block_that_says_nonsense_is_no_sign_of_life() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let settings = Settings { peer_timeout: Some(Duration::from_millis(300)), ..HOST };
    let (mut a, mut b) = (Side::new(&heap, &bells, 0, settings), Side::new(&heap, &bells, 1, REMOTE));
    run(&mut [&mut a, &mut b], &bells, 1, 10);
    damage(&heap, 0x2008, 99);
    std::mem::forget(b.link);
    run(&mut [&mut a], &bells, 11, 500);
    assert_eq!(a.log[2], "Down(PeerTimeout)");
}

/// Damages every word of the directory, the entry and both blocks, either while both sides run or while one is away.
/// Each side repairs its own words, and the sides reconnect.
#[test]
fn damage_is_mended_by_whom_it_hurts() {
    let directory = [0, 4, 8, 0x40, 0x44, 0x48, 0x4c, 0x50, 0x54];
    let blocks = [0, 4, 8, 12, 20, 24, 28, 0x40, 0x44].map(|field| [0x1000 + field, 0x2000 + field]).concat();
    for (offset, value) in
        directory.iter().chain(&blocks).flat_map(|&at| [0, 1, 3, 99, 0x4000, u32::MAX].map(|to| (at, to)))
    {
        for away in [false, true] {
            let (heap, bells) = (Heap::new(MEMORY), Bells::new());
            let (mut a, mut b) = (Side::new(&heap, &bells, 0, HOST), Side::new(&heap, &bells, 1, REMOTE));
            run(&mut [&mut a, &mut b], &bells, 1, 10);
            if away {
                std::mem::forget(b.link);
                damage(&heap, offset, value);
                run(&mut [&mut a], &bells, 20, 150);
                b = Side::new(&heap, &bells, 1, REMOTE);
            } else {
                damage(&heap, offset, value);
            }
            run(&mut [&mut a, &mut b], &bells, 1000, 2500);
            b.echo = true;
            a.received.clear();
            let sent = a.send(b"still there?");
            run(&mut [&mut a, &mut b], &bells, 4000, 10);
            let context = std::format!("{offset:#x} := {value:#x}, away: {away}; {sent:?}; {:?}; {:?}", a.log, b.log);
            assert_eq!(a.received, [b"still there?"], "{context}");
        }
    }
}

/// Damages an index, as a second side in the same role does before it has noticed this side. The receiver then sees no
/// new messages, and the sender has no free buffer, so it would never write its index again.
#[test]
fn an_index_that_was_set_back_is_mended() {
    for (role, data) in [(Role::Host, DATA[0]), (Role::Remote, DATA[1])] {
        for to in [0, 1] {
            let (heap, bells) = (Heap::new(MEMORY), Bells::new());
            let (mut a, mut b) = (Side::new(&heap, &bells, 0, HOST), Side::new(&heap, &bells, 1, REMOTE));
            run(&mut [&mut a, &mut b], &bells, 1, 10);
            let (from, into) = if role == Role::Host { (&mut a, &mut b) } else { (&mut b, &mut a) };
            while from.send(b"under way").is_ok() {}
            let memory = Bytes::new(&heap.region(), data + AVAILABLE_INDEX, 2).unwrap();
            let mut now = [0; 2];
            memory.read(0, &mut now).unwrap();
            assert_eq!(u16::from_le_bytes(now) - 16, 2, "two announcements before the messages");
            memory.write(0, &(2_u16 + to).to_le_bytes()).unwrap();
            run(&mut [from, into], &bells, 20, 400);
            assert!(from.log.contains(&"Down(StateCorrupted)".into()), "{:?}; {:?}", from.log, into.log);
            into.received.clear();
            assert_eq!(from.send(b"again"), Ok(()), "{:?}; {:?}", from.log, into.log);
            run(&mut [from, into], &bells, 500, 10);
            assert_eq!(into.received, [b"again"]);
        }
    }
}

/// Damages an index before the side has sent its first message: in READY, or in RUN. The peer is already in RUN, so it
/// takes entries that were never sent. The first announcement would hide the damage and be lost.
#[test]
fn an_index_that_was_written_before_the_first_message_is_mended() {
    let cases = [USED_INDEX, AVAILABLE_INDEX].into_iter().flat_map(|index| {
        [(false, false), (false, true), (true, false), (true, true)].map(|(first, up)| (index, first, up))
    });
    for (index, host_first, up) in cases {
        let (heap, bells) = (Heap::new(MEMORY), Bells::new());
        let now = Instant::from_micros(1);
        let (mut host, mut remote) = (Side::new(&heap, &bells, 0, HOST), Side::new(&heap, &bells, 1, REMOTE));
        let (first, last) = if host_first { (&mut host, &mut remote) } else { (&mut remote, &mut host) };
        while first.log.is_empty() && last.log.is_empty() {
            last.run(&bells, now);
            if last.log.is_empty() {
                first.run(&bells, now);
            }
        }
        let (runs, ready) = if first.log.is_empty() { (last, first) } else { (first, last) };
        assert_eq!(ready.log, [""; 0], "{:?}", runs.log);
        if up {
            assert!(matches!(ready.link.poll(now), Some(Event::Up { .. })));
        }
        let data = DATA[usize::from(ready.id.0)];
        Bytes::new(&heap.region(), data + index, 2).unwrap().write(0, &2_u16.to_le_bytes()).unwrap();
        runs.wake = Instant::default();
        runs.run(&bells, now);
        settle(&mut [ready, runs], &bells, now);
        if up {
            // The damage is detected at the side's next heartbeat.
            run(&mut [ready, runs], &bells, 1, 250);
        }
        assert!(ready.is_bound() && runs.is_bound(), "{index}, {up}: {:?}; {:?}", ready.log, runs.log);
        for _ in 0..20 {
            ready.send(b"there").unwrap();
            runs.send(b"here").unwrap();
            settle(&mut [ready, runs], &bells, Instant::from_micros(250_000));
        }
        assert_eq!((ready.received.len(), runs.received.len()), (20, 20));
    }
}

#[test]
fn what_is_in_the_way_costs_no_sleep() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let (mut a, mut b) = (Side::new(&heap, &bells, 0, HOST), Side::new(&heap, &bells, 1, REMOTE));
    a.run(&bells, Instant::from_micros(1));
    b.run(&bells, Instant::from_micros(2));
    b.run(&bells, Instant::from_micros(3000));
    damage(&heap, 0, 7);
    let mut wakes = 0;
    for now in (3000..1_000_000).map(Instant::from_micros) {
        if now >= b.link.deadline() {
            wakes += 1;
            b.wake = Instant::default();
            b.run(&bells, now);
        }
    }
    assert!(wakes < 50, "{wakes} in a second");
}

#[test]
fn of_two_in_one_role_the_first_stands_back() {
    for (first, second) in [(REMOTE, REMOTE), (HOST, HOST)] {
        let (heap, bells) = (Heap::new(MEMORY), Bells::new());
        let mut other = Side::new(&heap, &bells, 0, if first.role == Role::Host { REMOTE } else { HOST });
        let mut early = Side::new(&heap, &bells, 1, first);
        run(&mut [&mut other, &mut early], &bells, 1, 10);
        let mut late = Side::new(&heap, &bells, 2, second);
        run(&mut [&mut other, &mut early, &mut late], &bells, 20, 3000);
        assert!(
            other.is_bound() && late.is_bound() && !early.is_bound(),
            "{:?} {:?} {:?}",
            other.log,
            early.log,
            late.log
        );
        assert!(early.log.contains(&"Down(RoleConflict { peer: PeerId(2) })".into()), "{:?}", early.log);
        assert!(other.log.len() < 12, "no quarrel: {:?}", other.log);
        drop(late.link);
        run(&mut [&mut other, &mut early], &bells, 4000, 3000);
        assert!(other.is_bound() && early.is_bound(), "the first again: {:?} {:?}", other.log, early.log);
    }
}

#[test]
fn a_message_to_no_address_is_for_nobody() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let now = Instant::from_micros(1);
    let (mut a, mut b) = (Side::new(&heap, &bells, 0, HOST), Side::new(&heap, &bells, 1, REMOTE));
    settle(&mut [&mut a, &mut b], &bells, now);
    let reserved = b.link.bus().alloc_tx_buffer().unwrap();
    let destination = b.link.bus().buffer_range(&reserved).unwrap().start - 12;
    let talk = b.talk;
    b.link.bus().send_nocopy(talk, reserved, 1).unwrap();
    damage(&heap, destination, u32::MAX);
    assert_eq!(a.link.poll(now), None);
    assert_eq!(a.link.bus().counters().unknown, 1);
}

/// A message that cannot be answered is delivered, but does not bind the endpoint.
#[test]
fn a_message_from_no_address_binds_nothing() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let now = Instant::from_micros(1);
    let (mut a, mut b) = (Side::new(&heap, &bells, 0, HOST), Side::new(&heap, &bells, 1, REMOTE));
    let nameless = a.link.bus().open_with(&Config::default()).unwrap();
    let to_it = Config { peer: Some(nameless.address()), ..Config::default() };
    let from = b.link.bus().open_with(&to_it).unwrap();
    settle(&mut [&mut a, &mut b], &bells, now);
    for (source, peer) in [(u32::MAX, None), (53, None), (7, Some(Address(7))), (u32::MAX, Some(Address(7)))] {
        let reserved = b.link.bus().alloc_tx_buffer().unwrap();
        let header = b.link.bus().buffer_range(&reserved).unwrap().start - 16;
        b.link.bus().send_nocopy(from, reserved, 1).unwrap();
        damage(&heap, header, source);
        let Some(Event::Message(message)) = a.link.poll(now) else { panic!("{source}") };
        assert_eq!((message.source, a.link.bus().peer_of(nameless)), (Address(source), peer));
        a.link.bus().release(message);
        // Only a new binding is reported.
        let told = (source == 7).then_some(Event::Bound { endpoint: nameless, peer: Address(7) });
        assert_eq!(a.link.poll(now), told);
    }
}

/// The remote is bound to the later of two hosts. The earlier host detects this at its next poll, and receives no
/// message.
#[test]
fn who_has_been_replaced_gets_no_message_of_the_successor_s() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let now = Instant::from_micros(1);
    let (mut early, mut remote) = (Side::new(&heap, &bells, 0, HOST), Side::new(&heap, &bells, 1, REMOTE));
    settle(&mut [&mut early, &mut remote], &bells, now);
    let mut late = Side::new(&heap, &bells, 2, HOST);
    settle(&mut [&mut late, &mut remote], &bells, now);
    assert!(late.is_bound() && remote.is_bound());
    assert_eq!(early.link.poll(now), Some(Event::Down(DownReason::PeerRestarted)));
    remote.send(b"for the late one").unwrap();
    assert!(!matches!(early.link.poll(now), Some(Event::Message(_))));
}
