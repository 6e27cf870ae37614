// SPDX-License-Identifier: Apache-2.0
//! Tests a side that restarts alone. The other side detects this and reports the cause, and no old message is
//! delivered.

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
    // After the host restarts, both sides start from empty rings. If the first remote were still running, it would
    // detect the restart from its used index.
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

/// A C remote that restarts alone reads the ring from index 0 again, but continues to write at the used index in the
/// memory. It therefore takes old messages again, and fills buffers that do not belong to it. Each case is reported
/// with a separate error, and no message is delivered twice.
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
        // The host checks for returned buffers only when it sends. It allocates one buffer per send, so send several
        // times.
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
    // The remote returns all buffers again: 2 for announcements or greetings, and 3 for messages.
    let replayed = run(&|memory| {
        let mut index = [0; 2];
        memory.read(to_remote + used_index, &mut index).unwrap();
        memory.write(to_remote + used_index, &(2 * u16::from_le_bytes(index)).to_le_bytes()).unwrap();
    });
    assert!(replayed.0[0].contains("Down(Fault(Queue(") && replayed.1 == [0x80], "{replayed:?}");

    // The remote fills a buffer again while the host still holds it.
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
