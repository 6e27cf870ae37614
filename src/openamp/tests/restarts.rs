// SPDX-License-Identifier: Apache-2.0
//! Tests a side that restarts alone: the other side notices and reports the cause, and no old message is delivered.

use super::*;

#[test]
fn a_remote_that_restarts_alone_is_told_and_delivers_nothing_old() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let mut first_host = host(&heap, &bells);
    let mut first = remote(&heap, &bells);
    first.bus().open("talk").unwrap();
    drain!(first);
    drain!(first_host);
    std::mem::forget(first);
    let mut second = remote(&heap, &bells);
    assert_eq!(drain!(second), ["Incompatible(Service(InUse))"]);
    // The host restarts, and both sides are fresh again. A first remote that still ran would notice by its used index.
    std::mem::forget(first_host);
    let _host = host(&heap, &bells);
    assert_eq!(drain!(second), ["Up { peer: PeerId(0) }"]);
}

#[test]
fn a_host_that_restarts_is_noticed() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let mut first = host(&heap, &bells);
    let mut remote = remote(&heap, &bells);
    remote.bus().open("talk").unwrap();
    drain!(remote);
    drain!(first);
    std::mem::forget(first);
    let mut second = host(&heap, &bells);
    let later = Instant::from_micros(1_000_000);
    assert_eq!(remote.poll(later), Some(Event::Down(DownReason::PeerRestarted)));
    assert_eq!(remote.poll(later), Some(Event::Up { peer: PeerId(0) }));
    while remote.poll(later).is_some() {}
    assert!(drain!(second).iter().any(|line| line.contains("Announced")));
    drop(second);
    assert_eq!(remote.poll(later + core::time::Duration::from_secs(1)), Some(Event::Down(DownReason::PeerLeft)));
}

/// When C's remote restarts alone, it counts from 0 again but continues at the used index that it finds in the memory.
/// So it takes old messages once more, and fills buffers that are not its own. Each case is reported by name, and no
/// message comes twice.
#[test]
fn a_c_remote_that_restarts_alone_is_named() {
    let (to_host, to_remote) = (MEMORY - 0x800, MEMORY - 0x400);
    let (used_index, used_ring) = (0x128 + 2, 0x128 + 4);
    let run = |trouble: &dyn Fn(&Bytes<Region<'_>>)| {
        let (heap, bells) = (Heap::new(MEMORY), Bells::default());
        let (mut host, mut remote) = (host(&heap, &bells), remote(&heap, &bells));
        let (at_host, at_remote) = (host.bus().open("talk").unwrap(), remote.bus().open("talk").unwrap());
        for _ in 0..3 {
            drain!(remote);
            drain!(host);
        }
        for number in 0..3 {
            host.bus().send(at_host, &[number]).unwrap();
            remote.bus().send(at_remote, &[number]).unwrap();
            drain!(remote);
            drain!(host);
        }
        remote.bus().send(at_remote, b"held").unwrap();
        let held = host.poll(Instant::default());
        assert!(matches!(held, Some(Event::Message(_))));
        std::mem::forget(remote);
        trouble(&Bytes::new(&heap.region(), 0, MEMORY).unwrap());
        let mut log = drain!(host);
        // To find out which buffers came back, the host asks for buffers, and takes one for each that it knows of.
        for _ in 0..8 {
            if log.is_empty() {
                let _ = host.bus().send(at_host, b"next");
                log = drain!(host);
            }
        }
        let mut status = [0];
        Bytes::new(&heap.region(), 0, 1).unwrap().read(0, &mut status).unwrap();
        (log, status)
    };
    // Everything that was sent so far is used once more: 2 announcements or greetings, and 3 messages.
    let replayed = run(&|memory| {
        let mut index = [0; 2];
        memory.read(to_remote + used_index, &mut index).unwrap();
        memory.write(to_remote + used_index, &(2 * u16::from_le_bytes(index)).to_le_bytes()).unwrap();
    });
    assert!(replayed.0[0].contains("Down(Fault(Queue(") && replayed.1 == [0x80], "{replayed:?}");

    // A buffer is filled once more while the host still holds it.
    let twice = run(&|memory| {
        let (mut index, mut entry) = ([0; 2], [0; 8]);
        memory.read(to_host + used_index, &mut index).unwrap();
        let index = u16::from_le_bytes(index);
        memory.read(to_host + used_ring + u32::from((index - 1) % 16) * 8, &mut entry).unwrap();
        memory.write(to_host + used_ring + u32::from(index % 16) * 8, &entry).unwrap();
        memory.write(to_host + used_index, &(index + 1).to_le_bytes()).unwrap();
    });
    assert!(twice.0[0].contains("NotHeld"), "{twice:?}");

    // The index advances by more than the number of buffers.
    let jump = run(&|memory| memory.write(to_host + used_index, &100_u16.to_le_bytes()).unwrap());
    assert!(jump.0[0].contains("IndexJump"), "{jump:?}");
}
