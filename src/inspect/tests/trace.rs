// SPDX-License-Identifier: Apache-2.0
//! Trace events of a native link, and of the `openamp` profile.

use std::sync::Mutex;

use super::*;
use crate::inspect::TraceEvent::{Bound, Closed, Doorbell, Down, Link, Opened, Received, Released, Sent, State, Up};

/// A recorder for one test. It is never freed.
#[derive(Debug, Default)]
struct Recorder(Mutex<Vec<TraceEvent>>);

impl Trace for Recorder {
    fn record(&self, event: &TraceEvent) {
        self.0.lock().unwrap().push(*event);
    }
}

impl Recorder {
    fn new() -> &'static Self {
        Box::leak(Box::default())
    }

    fn take(&self) -> Vec<TraceEvent> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[test]
fn each_step_of_a_link_is_recorded_in_its_order() {
    let heap = Heap::new(MEMORY);
    let recorder = Recorder::new();
    let (mut host, _) = side(&heap, 3, Role::Host);
    let mut remote: Side<'_> = RpmsgLink::unopened();
    remote.set_trace(recorder);
    let settings = Settings { buffer_count: BUFFERS, buffer_size: 64, ..Settings::new(Role::Remote) };
    remote.open(heap.region(), NoDoorbell, PeerId(4), &settings).unwrap();
    assert_eq!(recorder.take(), [Link { link: 0, role: Role::Remote, id: 4 }]);
    let endpoint = remote.bus().open("talk").unwrap();
    let (own, state) = (endpoint.address(), |state, peer_epoch| State { state, epoch: 1, peer_epoch });
    assert_eq!(recorder.take(), [Opened { endpoint: own }]);
    assert!(settle(&mut [&mut host, &mut remote]).is_empty());
    let peer = remote.bus().peer_of(endpoint).unwrap();
    let bell = Doorbell { peer: 3, vector: 0 };
    let steps = recorder.take();
    let life: Vec<_> = steps.iter().filter(|step| !matches!(step, Sent { .. } | Received { .. })).collect();
    use crate::wire::session::State as Is;
    let start = [state(Is::Init, 0), bell, state(Is::Init, 1), bell, state(Is::Ready, 1), bell, Up { peer: 3 }];
    let end = [state(Is::Run, 1), bell];
    assert_eq!(life[..9], start.iter().chain(&end).collect::<Vec<_>>(), "{steps:?}");
    assert!(steps.contains(&Bound { endpoint: own, peer }), "{steps:?}");
    let (ns, length) = (Address::NAME_SERVICE, 40);
    let told = |step: &&TraceEvent| matches!(step, Sent { destination, length: 40, .. } if *destination == ns);
    assert!(steps.iter().filter(told).count() > 0, "{steps:?}");
    let heard = |step: &TraceEvent| matches!(step, Received { destination, length: l, .. } if (*destination, *l) == (ns, length));
    assert!(steps.iter().any(heard), "{steps:?}");

    remote.bus().send(endpoint, b"ping").unwrap();
    let [Sent { source, destination, length: 4, buffer }, Doorbell { peer: 3, .. }] = recorder.take()[..] else {
        panic!("a message and its doorbell");
    };
    assert_eq!((source, destination), (own, peer));
    let memory = heap.region();
    let link = Directory::new(&memory).link(0).unwrap();
    let queue = link.queue(Role::Remote, 0).unwrap().unwrap();
    assert_eq!(queue.in_flight().unwrap().next().unwrap().unwrap().descriptor, buffer, "the descriptor of the ring");
    let message = settle(&mut [&mut host]).remove(0);
    host.bus().reply(message, b"pong!").unwrap();
    let message = settle(&mut [&mut remote]).remove(0);
    let [Received { source, destination, length: 5, buffer }] = recorder.take()[..] else { panic!("a message") };
    assert_eq!((source, destination), (peer, own));
    remote.bus().release(message);
    assert_eq!(recorder.take(), [Released { buffer }]);
    remote.bus().close(endpoint);
    assert_eq!(recorder.take(), [Closed { endpoint: own }]);
    remote.close();
    let left = recorder.take();
    assert_eq!(left[..2], [Down, state(Is::Reset, 1)], "{left:?}");
}

#[test]
fn a_buffer_that_is_filled_in_place_is_recorded_when_it_is_sent() {
    let heap = Heap::new(MEMORY);
    let recorder = Recorder::new();
    let ((mut host, endpoint), (mut remote, _)) = (side(&heap, 0, Role::Host), side(&heap, 1, Role::Remote));
    settle(&mut [&mut host, &mut remote]);
    host.set_trace(recorder);
    let cancelled = host.bus().alloc_tx_buffer().unwrap();
    host.bus().cancel(cancelled);
    let buffer = host.bus().alloc_tx_buffer().unwrap();
    assert_eq!(recorder.take(), []);
    host.bus().send_nocopy(endpoint, buffer, 7).unwrap();
    assert!(matches!(recorder.take()[..], [Sent { length: 7, .. }, Doorbell { .. }]));
    // The peer breaks the ring, so the link goes down.
    let memory = heap.region();
    let offer = Directory::new(&memory).link(0).unwrap().offer(Role::Remote, 0).unwrap().unwrap();
    poke(&heap, offer.available, 0x7000_0000);
    settle(&mut [&mut host]);
    let steps = recorder.take();
    assert_eq!(steps[0], Down, "{steps:?}");
    assert!(matches!(steps[1], State { epoch: 2, .. }), "{steps:?}");
}

#[test]
fn the_openamp_profile_is_recorded_by_its_bus() {
    use crate::openamp::{self, Host, Layout, Remote};
    let heap = Heap::new(128 * 1024);
    let settings = openamp::Settings::new(Layout::dual_qemu_ivshmem(128 * 1024).unwrap());
    let recorder = Recorder::new();
    let mut remote: Remote<_, _, 2, 16> = Remote::new(heap.region(), NoDoorbell, PeerId(1), settings).unwrap();
    remote.bus().set_trace(recorder);
    let mut host: Host<_, _, 2, 16> = Host::new(heap.region(), NoDoorbell, PeerId(0), settings).unwrap();
    let config = crate::rpmsg::Config { peer: Some(Address(7)), ..Default::default() };
    let endpoint = remote.bus().open_with(&config).unwrap();
    while remote.poll(Instant::from_micros(1)).is_some() {}
    assert_eq!(recorder.take()[..2], [Opened { endpoint: endpoint.address() }, Up { peer: 0 }]);
    remote.bus().send(endpoint, b"x").unwrap();
    assert!(matches!(recorder.take()[..], [Sent { length: 1, .. }, Doorbell { peer: 0, vector: 0 }]));
    host.bus().open("talk").unwrap();
    drop(host);
    while remote.poll(Instant::from_micros(1_000_000)).is_some() {}
    assert!(recorder.take().contains(&Down));
}
