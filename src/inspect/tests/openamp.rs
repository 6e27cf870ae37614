// SPDX-License-Identifier: Apache-2.0
//! Tests views of memories in C OpenAMP's layout.

use super::*;
use crate::openamp::{self, Host, Layout, Remote};
use crate::wire::openamp::status;
use crate::wire::vring::descriptor;

const MEMORY: u32 = 128 * 1024;
/// The address of the memory on the host.
const BASE: u64 = 0x1_afa0_0000;

fn layout() -> Layout {
    Layout::dual_qemu_ivshmem(MEMORY).unwrap()
}

fn settings(address: Option<u64>) -> openamp::Settings {
    openamp::Settings { address, ..openamp::Settings::new(layout()) }
}

#[test]
fn both_directions_are_seen_and_the_address_is_found_out() {
    let heap = Heap::new(MEMORY);
    let memory = heap.region();
    let view = OpenAmp::new(&memory, layout(), None);
    assert_eq!(view.status(), Ok(status::RESET));
    assert!(view.queue(Role::Host).unwrap().is_none());
    let mut host: Host<_, _, 2, 16> = Host::new(heap.region(), NoDoorbell, PeerId(0), settings(Some(BASE))).unwrap();
    let mut remote: Remote<_, _, 2, 16> = Remote::new(heap.region(), NoDoorbell, PeerId(1), settings(None)).unwrap();
    assert_eq!((view.status(), view.address()), (Ok(status::DRIVER_OK), Ok(BASE)));
    let (at_host, at_remote) = (host.bus().open("talk").unwrap(), remote.bus().open("talk").unwrap());
    let now = Instant::from_micros(1);
    for _ in 0..8 {
        // The empty messages are greetings.
        if let Some(Event::Message(message)) = host.poll(now) {
            host.bus().release(message);
        }
        if let Some(Event::Message(message)) = remote.poll(now) {
            remote.bus().release(message);
        }
    }
    let queues = || [Role::Host, Role::Remote].map(|role| view.queue(role).unwrap().unwrap());
    let [to_host, to_remote] = queues();
    assert_eq!((to_host.carrier(), to_remote.carrier()), (Carrier::Used, Carrier::Available));
    assert_eq!(queues().map(|queue| queue.indices().unwrap().in_flight()), [0, 0]);
    host.bus().send(at_host, b"to the remote").unwrap();
    remote.bus().send(at_remote, b"to the host").unwrap();
    remote.bus().send(at_remote, b"again").unwrap();
    assert_eq!(payloads(&to_remote), [b"to the remote".to_vec()]);
    assert_eq!(payloads(&to_host), [b"to the host".to_vec(), b"again".to_vec()]);
    let (inward, outward) = (to_host.indices().unwrap(), to_remote.indices().unwrap());
    assert_eq!((inward.in_flight(), inward.free(), inward.with_device()), (2, 14, 14));
    assert_eq!((outward.in_flight(), outward.free()), (1, 15));
    assert!(inward.receiver_waits() && outward.receiver_waits(), "flags ask for each notification");
    assert!(!outward.sender_waits(), "the host has buffers");
    let message = to_host.in_flight().unwrap().next().unwrap().unwrap();
    assert_eq!((message.header.source, message.header.destination), (at_remote.address(), at_host.address()));
    assert!(view.findings(3, |role, finding| panic!("to {role:?}: {finding}")));
    assert!(!view.findings(2, |role, finding| panic!("to {role:?}: {finding}")));
    let before = saved(&heap);
    while let Some(event) = host.poll(now) {
        if let Event::Message(message) = event {
            host.bus().release(message);
        }
    }
    assert_eq!(to_host.in_flight().unwrap().count(), 0);
    let dump = SavedMemory(&before);
    assert_eq!(payloads(&OpenAmp::new(&dump, layout(), Some(BASE)).queue(Role::Host).unwrap().unwrap()).len(), 2);
    drop(host);
    assert!(view.queue(Role::Host).unwrap().is_none());
}

#[test]
fn each_wrong_field_is_named() {
    let heap = Heap::new(MEMORY);
    let memory = heap.region();
    let mut host: Host<_, _, 2, 16> = Host::new(heap.region(), NoDoorbell, PeerId(0), settings(None)).unwrap();
    let endpoint =
        host.bus().open_with(&crate::rpmsg::Config { peer: Some(Address(7)), ..Default::default() }).unwrap();
    host.bus().send(endpoint, b"x").unwrap();
    let found = |layout, address| {
        let mut fields = Vec::new();
        assert!(
            OpenAmp::new(&memory, layout, address).findings(100, |role, finding| fields.push((role, finding.field)))
        );
        fields
    };
    assert_eq!(found(layout(), None), []);
    // An address from a different machine.
    assert_eq!(found(layout(), Some(BASE)), [(Role::Remote, Field::DescriptorAddress)]);
    let count = found(Layout { count: 12, ..layout() }, None);
    assert_eq!(count, [(Role::Host, Field::QueueCount), (Role::Remote, Field::QueueCount)]);
    let outside = found(Layout { to_remote: MEMORY - 64, ..layout() }, None);
    assert_eq!(outside, [(Role::Remote, Field::DescriptorTable)]);
    let nowhere = found(Layout { status: MEMORY, ..layout() }, None);
    assert_eq!(nowhere, [(Role::Host, Field::Status), (Role::Remote, Field::Status)]);
    poke(&heap, layout().vring(layout().to_remote).descriptors + descriptor::LENGTH, 8);
    assert_eq!(found(layout(), None), [(Role::Remote, Field::BufferSize)], "no room for a header");
    poke(&heap, layout().status, 3);
    assert_eq!(found(layout(), None), [(Role::Host, Field::Status), (Role::Remote, Field::Status)]);
}
