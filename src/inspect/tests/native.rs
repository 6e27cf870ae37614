// SPDX-License-Identifier: Apache-2.0
//! Tests views of native links that come up, exchange messages, are killed, and leave.

use super::*;

/// Returns the first link in the directory.
fn link(memory: &dyn ReadMemory) -> Link<'_> {
    Directory::new(memory).links().next().unwrap()
}

#[test]
fn an_empty_memory_has_no_links_and_a_waiting_remote_is_seen() {
    let heap = Heap::new(MEMORY);
    let memory = heap.region();
    let directory = Directory::new(&memory);
    assert_eq!((directory.check(), directory.links().count()), (Ok(false), 0));
    let (mut remote, _) = side(&heap, 7, Role::Remote);
    settle(&mut [&mut remote]);
    let link = link(&memory);
    let entry = link.entry().unwrap();
    assert_eq!((entry.exists, entry.waiting.id(), entry.waiting.kind()), (false, Some(7), Kind::RPMSG));
    assert_eq!((link.area(), link.block(Role::Host)), (Ok(None), Ok(None)));
    assert!(link.queue(Role::Host, 0).unwrap().is_none() && link.offer(Role::Remote, 0).unwrap().is_none());
    assert!(Directory::new(&memory).link(126).is_none());
}

#[test]
fn a_link_is_seen_from_its_start_to_its_end() {
    let heap = Heap::new(MEMORY);
    let memory = heap.region();
    let (mut host, at_host) = side(&heap, 3, Role::Host);
    assert_eq!(Directory::new(&memory).check(), Ok(true));
    let link = link(&memory);
    let area = link.area().unwrap().unwrap();
    assert_eq!((link.number(), area.span()), (0, Span { offset: PAGE, size: 15 * PAGE }));
    let (alone, absent) = (link.block(Role::Host).unwrap().unwrap(), link.block(Role::Remote).unwrap().unwrap());
    assert_eq!((alone.state(), alone.id(), alone.epoch, alone.settled), (Ok(State::Init), Ok(3), 1, true));
    assert_eq!((alone.speaks, alone.is_present()), (Speaks::new(Kind::RPMSG, 1), true));
    assert_eq!((absent.epoch, absent.is_present(), alone.runs_with(&absent)), (0, false, false));
    assert!(link.queue(Role::Host, 0).unwrap().is_none(), "no side is ready");
    let offer = link.offer(Role::Host, 0).unwrap().unwrap();
    assert_eq!((offer.count, offer.buffer_size), (BUFFERS.into(), 64));

    let (mut remote, at_remote) = side(&heap, 4, Role::Remote);
    assert!(settle(&mut [&mut host, &mut remote]).is_empty());
    let (of_host, of_remote) = (link.block(Role::Host).unwrap().unwrap(), link.block(Role::Remote).unwrap().unwrap());
    assert!(of_host.runs_with(&of_remote) && of_remote.runs_with(&of_host));
    let to_remote = link.queue(Role::Host, 0).unwrap().unwrap();
    let quiet = to_remote.indices().unwrap();
    assert_eq!((quiet.in_flight(), quiet.free(), to_remote.size()), (0, BUFFERS, BUFFERS));
    assert!(quiet.receiver_waits() && !quiet.sender_waits(), "{quiet:?}");
    assert!(link.queue(Role::Host, 1).unwrap().is_none(), "rpmsg has one queue");

    for text in [&b"one"[..], b"two", b""] {
        host.bus().send(at_host, text).unwrap();
    }
    assert_eq!(payloads(&to_remote), [b"one".to_vec(), b"two".to_vec(), vec![]]);
    let message = to_remote.in_flight().unwrap().next().unwrap().unwrap();
    let header = Header { source: at_host.address(), destination: at_remote.address(), length: 3 };
    assert_eq!((message.header, message.size, message.position), (header, 64, quiet.available));
    let mut two = [0; 2];
    assert_eq!((message.read(&mut two), two), (2, *b"on"), "no more than there is room for");
    assert!(!to_remote.indices().unwrap().receiver_waits(), "it was rung and has not looked");
    assert_eq!(to_remote.in_flight().unwrap().len(), 3);

    // A message is in flight until the application releases it.
    let mut held = settle(&mut [&mut remote]);
    assert_eq!(to_remote.indices().unwrap().in_flight(), 3);
    remote.bus().release(held.remove(0));
    assert_eq!(payloads(&to_remote), [b"two".to_vec(), vec![]]);
    for message in held {
        remote.bus().release(message);
    }
    assert_eq!(to_remote.in_flight().unwrap().count(), 0);
}

#[test]
fn a_full_ring_says_who_waits() {
    let heap = Heap::new(MEMORY);
    let memory = heap.region();
    let ((mut host, at_host), (mut remote, _)) = (side(&heap, 0, Role::Host), side(&heap, 1, Role::Remote));
    settle(&mut [&mut host, &mut remote]);
    while host.bus().send(at_host, b"x").is_ok() {}
    let queue = link(&memory).queue(Role::Host, 0).unwrap().unwrap();
    let full = queue.indices().unwrap();
    assert_eq!((full.in_flight(), full.free(), full.with_device(), full.with_driver()), (BUFFERS, 0, BUFFERS, 0));
    assert!(full.sender_waits() && full.driver_waits() && !full.device_waits(), "{full:?}");
    assert!(Directory::new(&memory).findings(8, |link, finding| panic!("{link:?}: {finding}")));
    assert!(!Directory::new(&memory).findings(7, |link, finding| panic!("{link:?}: {finding}")));
}

#[test]
fn the_dead_leave_their_messages_and_those_who_leave_say_so() {
    let heap = Heap::new(MEMORY);
    let memory = heap.region();
    let ((mut host, at_host), (mut remote, _)) = (side(&heap, 0, Role::Host), side(&heap, 1, Role::Remote));
    settle(&mut [&mut host, &mut remote]);
    host.bus().send(at_host, b"last words").unwrap();
    let before = saved(&heap);
    std::mem::forget(host);
    let queue = link(&memory).queue(Role::Host, 0).unwrap().unwrap();
    assert_eq!(payloads(&queue), [b"last words".to_vec()]);
    // A dump of the memory gives the same results, and the reader did not write anything.
    let dump = SavedMemory(&before);
    assert_eq!(payloads(&link(&dump).queue(Role::Host, 0).unwrap().unwrap()), [b"last words".to_vec()]);
    assert_eq!(saved(&heap), before, "a reader never writes");
    drop(remote);
    let block = link(&memory).block(Role::Remote).unwrap().unwrap();
    assert_eq!((block.state(), block.is_present()), (Ok(State::Reset), false));
    assert!(link(&memory).queue(Role::Host, 0).unwrap().is_none());
}

#[test]
fn a_name_is_announced_by_a_message_in_flight() {
    let heap = Heap::new(MEMORY);
    let memory = heap.region();
    let ((mut host, _), (mut remote, _)) = (side(&heap, 0, Role::Host), side(&heap, 1, Role::Remote));
    settle(&mut [&mut host, &mut remote]);
    host.bus().open("late").unwrap();
    settle(&mut [&mut host]);
    let queue = link(&memory).queue(Role::Host, 0).unwrap().unwrap();
    let message = queue.in_flight().unwrap().next().unwrap().unwrap();
    let mut bytes = [0; NameService::SIZE as usize];
    assert!(message.is_name_service() && message.header.destination == Address::NAME_SERVICE);
    assert_eq!((message.read(&mut bytes), &bytes[..5]), (40, &b"late\0"[..]));
}
