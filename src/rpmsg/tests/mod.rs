// SPDX-License-Identifier: Apache-2.0
//! Tests two sides of a link on one memory, in virtual time. The sides start, die and return in any order, and a peer
//! may write anywhere.

mod flood;
mod in_place;
mod other_link;
mod random;
mod trouble;

use std::cell::RefCell;
use std::rc::Rc;
use std::string::String;
use std::vec;
use std::vec::Vec;

use core::time::Duration;

use crate::mem::fake::Heap;
use crate::mem::{Bytes, Region};
use crate::platform::{Doorbell, Instant, PeerId, Vector, VectorOutOfRange};
use crate::rpmsg::*;
use crate::session::AreaError;

const MEMORY: u32 = 128 * 1024;

/// A doorbell that sets a flag of the rung peer.
#[derive(Clone, Default)]
struct Bells(Rc<RefCell<Vec<bool>>>);

impl Bells {
    fn new() -> Self {
        Self(Rc::new(RefCell::new(vec![false; 4])))
    }

    fn heard(&self, id: PeerId) -> bool {
        std::mem::take(&mut self.0.borrow_mut()[usize::from(id.0)])
    }
}

impl Doorbell for Bells {
    fn ring(&self, peer: PeerId, vector: Vector) -> Result<(), VectorOutOfRange> {
        if vector != Vector(0) {
            return Err(VectorOutOfRange { vector, vectors: 1 });
        }
        if let Some(bell) = self.0.borrow_mut().get_mut(usize::from(peer.0)) {
            *bell = true;
        }
        Ok(())
    }
}

type TestLink<'m> = Link<Region<'m>, Bells, 4, 16>;

/// One side: its link, and the events that it has reported.
struct Side<'m> {
    id: PeerId,
    link: TestLink<'m>,
    talk: Endpoint,
    log: Vec<String>,
    /// The payloads of the received messages.
    received: Vec<Vec<u8>>,
    echo: bool,
    wake: Instant,
}

impl<'m> Side<'m> {
    fn new(heap: &'m Heap, bells: &Bells, id: u16, settings: Settings) -> Self {
        let id = PeerId(id);
        bells.heard(id);
        let mut link = Link::new(heap.region(), bells.clone(), id, settings).unwrap();
        let talk = link.bus().open("talk").unwrap();
        Self { id, link, talk, log: Vec::new(), received: Vec::new(), echo: false, wake: Instant::default() }
    }

    /// Runs as a port would: only if the doorbell has rung or the deadline has expired. Returns false if neither is the
    /// case.
    fn run(&mut self, bells: &Bells, now: Instant) -> bool {
        if !bells.heard(self.id) && now < self.wake {
            return false;
        }
        while let Some(event) = self.link.poll(now) {
            match event {
                Event::Message(message) => {
                    let mut bytes = vec![0; message.length.into()];
                    self.link.bus().read(&message, 0, &mut bytes).unwrap();
                    let endpoint = message.endpoint;
                    self.link.bus().release(message);
                    if self.echo {
                        self.link.bus().send(endpoint, &bytes).unwrap();
                    }
                    self.received.push(bytes);
                }
                other => self.log.push(std::format!("{other:?}")),
            }
        }
        self.wake = self.link.deadline();
        true
    }

    fn send(&mut self, bytes: &[u8]) -> Result<(), SendError> {
        self.link.bus().send(self.talk, bytes)
    }

    fn is_bound(&mut self) -> bool {
        self.link.bus().peer_of(self.talk).is_some()
    }
}

/// Runs both sides until neither has anything to do. No time passes.
fn settle(sides: &mut [&mut Side<'_>], bells: &Bells, now: Instant) {
    for _ in 0..1000 {
        let mut ran = false;
        for side in sides.iter_mut() {
            ran |= side.run(bells, now);
        }
        if !ran {
            return;
        }
    }
    panic!("the two sides never sleep");
}

const HOST: Settings = Settings::new(Role::Host);
const REMOTE: Settings = Settings::new(Role::Remote);

#[test]
fn comes_up_in_either_order_by_doorbells_alone() {
    for host_first in [true, false] {
        let (heap, bells) = (Heap::new(MEMORY), Bells::new());
        let now = Instant::from_micros(1);
        let first = if host_first { HOST } else { REMOTE };
        let second = if host_first { REMOTE } else { HOST };
        let mut a = Side::new(&heap, &bells, 0, first);
        settle(&mut [&mut a], &bells, now);
        let mut b = Side::new(&heap, &bells, 1, second);
        settle(&mut [&mut a, &mut b], &bells, now);
        assert!(a.is_bound() && b.is_bound(), "host first: {host_first}; {:?}; {:?}", a.log, b.log);
        assert_eq!(a.log[0], "Up { peer: PeerId(1) }");
        assert_eq!(b.log[0], "Up { peer: PeerId(0) }");
        b.echo = true;
        a.send(b"hello").unwrap();
        settle(&mut [&mut a, &mut b], &bells, now);
        assert_eq!((a.received, b.received.len()), (vec![b"hello".to_vec()], 1));
    }
}

#[test]
fn lost_doorbells_only_delay() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let mut a = Side::new(&heap, &bells, 0, HOST);
    let mut b = Side::new(&heap, &bells, 1, REMOTE);
    for millis in 0..2000 {
        bells.0.borrow_mut().fill(false);
        a.run(&bells, Instant::from_micros(millis * 1000));
        bells.0.borrow_mut().fill(false);
        b.run(&bells, Instant::from_micros(millis * 1000));
    }
    assert!(a.is_bound() && b.is_bound(), "{:?} {:?}", a.log, b.log);
}

#[test]
fn a_full_ring_is_an_error_and_freed_buffers_ring() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let now = Instant::from_micros(1);
    let (mut a, mut b) = (Side::new(&heap, &bells, 0, HOST), Side::new(&heap, &bells, 1, REMOTE));
    settle(&mut [&mut a, &mut b], &bells, now);
    let mut sent = 0;
    let error = loop {
        match a.send(&[sent; 496]) {
            Ok(()) => sent += 1,
            Err(error) => break error,
        }
    };
    assert_eq!((sent, error), (16, SendError::NoBuffer));
    bells.heard(a.id);
    b.run(&bells, now);
    assert!(bells.heard(a.id), "freed buffers wake the sender");
    assert_eq!(a.send(b""), Ok(()));
    settle(&mut [&mut a, &mut b], &bells, now);
    let expected: Vec<_> = (0..16).map(|i| vec![i; 496]).chain([vec![]]).collect();
    assert_eq!(b.received, expected);
    assert_eq!(a.send(&[0; 497]), Err(SendError::TooLong { max: 496 }));
}

#[test]
fn leaving_and_coming_back() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let now = Instant::from_micros(1);
    let mut a = Side::new(&heap, &bells, 0, HOST);
    for round in 1..5u16 {
        let mut b = Side::new(&heap, &bells, round % 3 + 1, REMOTE);
        settle(&mut [&mut a, &mut b], &bells, now);
        assert!(b.is_bound(), "round {round}: {:?} {:?}", a.log, b.log);
        b.send(&[round as u8]).unwrap();
        settle(&mut [&mut a, &mut b], &bells, now);
        a.send(&[round as u8]).unwrap();
        if round % 2 == 0 {
            // The side dies without notice and leaves a message unread. The next incarnation's start reveals this.
            std::mem::forget(b.link);
        }
    }
    settle(&mut [&mut a], &bells, now);
    assert_eq!(a.received, (1..5).map(|round| vec![round]).collect::<Vec<_>>(), "each exactly once");
    let downs: Vec<_> = a.log.iter().filter(|line| line.starts_with("Down")).collect();
    assert_eq!(downs, ["Down(PeerLeft)", "Down(PeerRestarted)", "Down(PeerLeft)"]);
}

#[test]
fn silence_is_noticed_within_its_limit() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let settings = Settings { peer_timeout: Some(Duration::from_millis(300)), ..HOST };
    let (mut a, mut b) = (Side::new(&heap, &bells, 0, settings), Side::new(&heap, &bells, 1, REMOTE));
    settle(&mut [&mut a, &mut b], &bells, Instant::from_micros(1));
    for millis in 1..1000 {
        settle(&mut [&mut a, &mut b], &bells, Instant::from_micros(millis * 1000));
    }
    assert_eq!(a.log.len(), 2, "alive: {:?}", a.log);
    let mut silent = 1000;
    while a.log.len() == 2 {
        a.run(&bells, Instant::from_micros(silent * 1000));
        silent += 1;
    }
    assert!((1270..=1430).contains(&silent), "{silent} ms; {:?}", a.log);
    assert_eq!(a.log[2], "Down(PeerTimeout)");
    // The side was only paused, so the two sides reconnect.
    for millis in silent..silent + 500 {
        settle(&mut [&mut a, &mut b], &bells, Instant::from_micros(millis * 1000));
    }
    assert!(a.is_bound() && b.is_bound(), "{:?} {:?}", a.log, b.log);
}

#[test]
fn a_host_may_move_its_link() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let now = Instant::from_micros(1);
    let mut remote = Side::new(&heap, &bells, 1, REMOTE);
    for (round, area) in [(4096, 64 * 1024), (8192, 64 * 1024), (64 * 1024, 32 * 1024)].into_iter().enumerate() {
        let mut host = Side::new(&heap, &bells, 0, Settings { area: Some(area), ..HOST });
        settle(&mut [&mut host, &mut remote], &bells, now);
        assert!(host.is_bound() && remote.is_bound(), "round {round}: {:?} {:?}", host.log, remote.log);
        std::mem::forget(host.link);
    }
}

#[test]
fn what_cannot_be_is_named() {
    let heap = Heap::new(MEMORY);
    let new = |heap: &Heap, settings| TestLink::new(heap.region(), Bells::new(), PeerId(0), settings).map(|_| ()).err();
    let too_small = AreaError::TooSmall { needed: 8640, available: 4096 };
    assert_eq!(new(&Heap::new(20 * 1024), HOST), Some(too_small.into()));
    assert_eq!(new(&Heap::new(4096), HOST), Some(AreaError::Place { offset: 4096, size: 0, memory: 4096 }.into()));
    assert!(matches!(new(&heap, Settings { buffer_count: 12, ..HOST }), Some(SetupError::Service(RingError::Sizes))));
    assert!(matches!(new(&heap, Settings { buffer_count: 32, ..HOST }), Some(SetupError::Service(RingError::Sizes))));
    assert!(matches!(new(&heap, Settings { buffer_size: 16, ..HOST }), Some(SetupError::Service(RingError::Sizes))));
    assert_eq!(new(&heap, Settings { link: 126, ..HOST }), Some(AreaError::Link.into()));
    assert_eq!(new(&heap, Settings { area: Some((4096, 64 * 1024)), ..HOST }), None);
    let second = Settings { link: 1, area: Some((32 * 1024, 64 * 1024)), ..HOST };
    assert_eq!(new(&heap, second), Some(AreaError::Overlap { other: 0 }.into()));
    assert_eq!(new(&heap, Settings { area: Some((68 * 1024, 60 * 1024)), ..second }), None);

    // A rejected host leaves the memory unchanged, so it does not disturb others.
    let fresh = Heap::new(MEMORY);
    assert!(new(&fresh, Settings { buffer_count: 12, ..HOST }).is_some());
    assert_eq!(new(&fresh, Settings { area: Some((4096, 64 * 1024)), link: 1, ..HOST }), None);
    assert_eq!(new(&fresh, Settings { vector: Vector(1), ..HOST }), Some(AreaError::Doorbell.into()));

    let foreign = Heap::new(MEMORY);
    Bytes::new(&foreign.region(), 0, 4).unwrap().write(0, &[4, 0, 0, 0]).unwrap();
    assert_eq!(new(&foreign, HOST), Some(AreaError::Foreign { found: 4 }.into()));
    let bells = Bells::new();
    let mut remote = Side::new(&foreign, &bells, 1, REMOTE);
    settle(&mut [&mut remote], &bells, Instant::from_micros(1));
    assert_eq!(remote.log, ["Incompatible(Area(Foreign { found: 4 }))"], "said once");
}

#[test]
fn endpoints_come_and_go_while_traffic_flows() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::new());
    let now = Instant::from_micros(1);
    let (mut a, mut b) = (Side::new(&heap, &bells, 0, HOST), Side::new(&heap, &bells, 1, REMOTE));
    settle(&mut [&mut a, &mut b], &bells, now);
    let mut addresses = Vec::new();
    for round in 0..50u8 {
        let at_a = a.link.bus().open("extra").unwrap();
        assert!(!addresses.contains(&at_a.address()), "an address handed out again");
        addresses.push(at_a.address());
        a.wake = Instant::default();
        settle(&mut [&mut a, &mut b], &bells, now);
        let name = Name::new("extra").unwrap();
        let announced = Event::Announced { name, address: at_a.address() };
        assert_eq!(b.log.last(), Some(&std::format!("{announced:?}")));
        // The endpoint opened late on this side is bound to the endpoint opened early on the other side.
        let at_b = b.link.bus().open("extra").unwrap();
        b.wake = Instant::default();
        settle(&mut [&mut a, &mut b], &bells, now);
        assert_eq!(b.link.bus().peer_of(at_b), Some(at_a.address()));
        assert_eq!(a.link.bus().peer_of(at_a), Some(at_b.address()));
        b.link.bus().send(at_b, &[round]).unwrap();
        a.link.bus().close(at_a);
        a.wake = Instant::default();
        settle(&mut [&mut a, &mut b], &bells, now);
        assert_eq!(b.link.bus().send(at_b, &[round]), Err(SendError::NotBound));
        assert_eq!(b.link.bus().send_to(at_b, Address::ANY, &[]), Err(SendError::NoDestination));
        b.link.bus().close(at_b);
        b.wake = Instant::default();
        settle(&mut [&mut a, &mut b], &bells, now);
    }
    assert_eq!(a.received, Vec::<Vec<u8>>::new(), "messages for a closed endpoint are for nobody");
    assert_eq!(a.link.bus().counters().unknown, 50);
}
