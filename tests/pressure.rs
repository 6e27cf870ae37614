// SPDX-License-Identifier: Apache-2.0
//! Tests back-pressure, fairness, and the independence of links, in one process and in virtual time. Traffic must
//! continue even if one side is slow, floods its link, or has died.

use std::cell::RefCell;
use std::collections::VecDeque;

use amp_ivshmem::mem::Region;
use amp_ivshmem::mem::fake::Heap;
use amp_ivshmem::platform::fake::CountingDoorbell;
use amp_ivshmem::platform::{Doorbell, Instant, PeerId, Vector};
use amp_ivshmem::rpmsg::{Address, Endpoint, Event, Link, Role, SendError, Settings};

const AREA: u32 = 64 * 1024;

type Bells = CountingDoorbell<4>;

type TestLink<'m> = Link<Region<'m>, Bells, 2, 16>;

struct Side<'m> {
    id: PeerId,
    link: TestLink<'m>,
    /// The endpoints `first` and `second`.
    ends: [Endpoint; 2],
    /// Endpoints that have not answered yet, because no buffer was free.
    pending: VecDeque<Endpoint>,
    handled: u32,
    log: RefCell<Vec<String>>,
}

impl<'m> Side<'m> {
    /// Creates a side of link `number`. Several links share one memory region.
    fn new(heap: &'m Heap, bells: &Bells, id: u16, role: Role, number: u8) -> Self {
        let area = Some((4096 + u32::from(number) * AREA, AREA));
        let settings = Settings { link: number, area, ..Settings::new(role) };
        let mut link = TestLink::new(heap.region(), bells.clone(), PeerId(id), settings).unwrap();
        let ends = ["first", "second"].map(|name| link.bus().open(name).unwrap());
        Self { id: PeerId(id), link, ends, pending: VecDeque::new(), handled: 0, log: RefCell::default() }
    }

    fn rung(&self, bells: &Bells) -> bool {
        bells.take(self.id) > 0
    }

    /// Answers each message from its handler, after releasing the message's buffer. If each side kept the other side's
    /// last buffer while it waited for a free buffer, both sides would wait forever. This is true for any transport.
    fn answer_all(&mut self) {
        loop {
            while let Some(endpoint) = self.pending.pop_front() {
                match self.link.bus().send(endpoint, &self.handled.to_le_bytes()) {
                    Ok(()) => self.handled += 1,
                    Err(SendError::NoBuffer) => {
                        self.pending.push_front(endpoint);
                        break;
                    }
                    Err(error) => panic!("{error}"),
                }
            }
            match self.link.poll(Instant::from_micros(1)) {
                Some(Event::Message(message)) => {
                    self.pending.push_back(message.endpoint);
                    self.link.bus().release(message);
                }
                Some(other) => self.log.borrow_mut().push(format!("{other:?}")),
                None => return,
            }
        }
    }

    fn is_bound(&mut self) -> bool {
        let ends = self.ends;
        ends.iter().all(|&end| self.link.bus().peer_of(end).is_some())
    }
}

/// Runs all sides for `turns` turns. The time does not advance, so only a doorbell wakes a side.
fn run(sides: &mut [&mut Side<'_>], bells: &Bells, turns: u32) {
    for side in sides.iter_mut() {
        side.answer_all();
    }
    for _ in 0..turns {
        for side in sides.iter_mut() {
            if side.rung(bells) {
                side.answer_all();
            }
        }
    }
}

/// Both sides fill all their buffers. From then on, they send only from their handlers, one answer per message. The
/// exchange must continue without timeouts, even though neither side ever has a spare buffer.
#[test]
fn two_sides_that_send_only_from_handlers_never_block_each_other() {
    let (heap, bells) = (Heap::new(256 * 1024), Bells::default());
    let (mut a, mut b) = (Side::new(&heap, &bells, 0, Role::Host, 0), Side::new(&heap, &bells, 1, Role::Remote, 0));
    run(&mut [&mut a, &mut b], &bells, 20);
    assert!(a.is_bound() && b.is_bound());
    for side in [&mut a, &mut b] {
        let ends = side.ends;
        let mut sent = 0;
        while side.link.bus().send(ends[sent % 2], b"go").is_ok() {
            sent += 1;
        }
        assert_eq!(sent, 16, "all buffers");
    }
    bells.ring(PeerId(0), Vector(0)).unwrap();
    bells.ring(PeerId(1), Vector(0)).unwrap();
    let mut before = (0, 0);
    for round in 0..100 {
        run(&mut [&mut a, &mut b], &bells, 10);
        let now = (a.handled, b.handled);
        assert!(now.0 > before.0 && now.1 > before.1, "stuck in round {round}: {before:?}, {now:?}");
        before = now;
    }
    assert!(a.pending.len() <= 32 && b.pending.len() <= 32, "no more is owed than was sent");
}

/// The application behind one endpoint holds half of the buffers. The other endpoint must still receive all messages.
#[test]
fn a_slow_endpoint_does_not_stop_a_fast_one() {
    let (heap, bells) = (Heap::new(256 * 1024), Bells::default());
    let (mut a, mut b) = (Side::new(&heap, &bells, 0, Role::Host, 0), Side::new(&heap, &bells, 1, Role::Remote, 0));
    run(&mut [&mut a, &mut b], &bells, 20);
    let [slow, fast] = a.ends;
    let (mut held, mut received) = (Vec::new(), 0);
    for number in 0..1000u32 {
        if number < 8 {
            a.link.bus().send(slow, b"slow").unwrap();
        }
        a.link.bus().send(fast, &number.to_le_bytes()).unwrap();
        while let Some(event) = b.link.poll(Instant::from_micros(1)) {
            match event {
                Event::Message(message) if message.endpoint == b.ends[0] => held.push(message),
                Event::Message(message) => {
                    received += 1;
                    b.link.bus().release(message);
                }
                other => panic!("{other:?}"),
            }
        }
    }
    assert_eq!((held.len(), received), (8, 1000));
}

/// A peer floods one link with messages to an address without an endpoint. Each poll may handle at most two full rings
/// of these messages, so that the machine's other link also gets its turn.
#[test]
fn a_flooded_link_does_not_starve_another() {
    let (heap, bells) = (Heap::new(256 * 1024), Bells::default());
    let mut flooded = Side::new(&heap, &bells, 0, Role::Host, 0);
    let mut flooder = Side::new(&heap, &bells, 1, Role::Remote, 0);
    let mut other = Side::new(&heap, &bells, 0, Role::Host, 1);
    let mut friend = Side::new(&heap, &bells, 2, Role::Remote, 1);
    // The machine polls its two links in turn, because they share one doorbell.
    for _ in 0..20 {
        for side in [&mut flooded, &mut flooder, &mut other, &mut friend] {
            side.answer_all();
        }
    }
    let [end, _] = friend.ends;
    for round in 0..200u32 {
        // Fill the ring before each poll.
        while flooder.link.bus().send_to(flooder.ends[0], Address(77), &[0; 8]).is_ok() {}
        let event = flooded.link.poll(Instant::from_micros(1));
        assert!(event.is_none(), "{event:?}");
        friend.link.bus().send(end, &round.to_le_bytes()).unwrap();
        match other.link.poll(Instant::from_micros(1)) {
            Some(Event::Message(message)) => other.link.bus().release(message),
            event => panic!("round {round}: {event:?}"),
        }
        let _ = friend.link.poll(Instant::from_micros(1));
        let _ = flooder.link.poll(Instant::from_micros(1));
    }
    assert!(flooded.link.bus().counters().unknown > 1000);
}

/// Two links share one memory region. If a remote dies and restarts on one link, the other link must not be affected.
#[test]
fn a_peer_that_dies_disturbs_no_other_link() {
    let (heap, bells) = (Heap::new(256 * 1024), Bells::default());
    let mut hosts = [Side::new(&heap, &bells, 0, Role::Host, 0), Side::new(&heap, &bells, 3, Role::Host, 1)];
    let mut stays = Side::new(&heap, &bells, 2, Role::Remote, 1);
    for round in 0..5 {
        let mut mortal = Side::new(&heap, &bells, 1, Role::Remote, 0);
        let [first, second] = &mut hosts;
        run(&mut [first, second, &mut mortal, &mut stays], &bells, 20);
        assert!(hosts[0].is_bound() && hosts[1].is_bound() && mortal.is_bound(), "round {round}");
        let [end, _] = stays.ends;
        stays.link.bus().send(end, b"still here").unwrap();
        std::mem::forget(mortal.link);
    }
    let quiet = |side: &Side<'_>| !side.log.borrow().iter().any(|line| line.starts_with("Down"));
    assert!(quiet(&hosts[1]) && quiet(&stays), "{:?} {:?}", hosts[1].log, stays.log);
    assert!(!quiet(&hosts[0]), "the other link went down each time");
}
