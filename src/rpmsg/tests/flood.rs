// SPDX-License-Identifier: Apache-2.0
//! Tests a peer that acts while this side polls, as a peer on another processor does. Here, the peer acts whenever its
//! doorbell rings.

use std::boxed::Box;
use std::cell::Cell;

use super::*;

type Act = Rc<RefCell<Option<Box<dyn FnMut()>>>>;

/// A doorbell that runs the peer.
#[derive(Clone, Default)]
struct Bell(Act);

impl Doorbell for Bell {
    fn ring(&self, _: PeerId, _: Vector) -> Result<(), VectorOutOfRange> {
        // If the peer is already running, it simply continues.
        if let Ok(mut act) = self.0.try_borrow_mut()
            && let Some(act) = act.as_mut()
        {
            act();
        }
        Ok(())
    }
}

impl core::fmt::Debug for Bell {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("Bell")
    }
}

#[test]
fn a_flood_for_nobody_costs_no_buffer() {
    let heap: &'static Heap = Box::leak(Box::new(Heap::new(MEMORY)));
    let now = Instant::from_micros(1);
    let (to_host, to_remote) = (Bell::default(), Bell::default());
    let new = |bell: &Bell, id, role| {
        let settings = Settings { buffer_count: 4, ..Settings::new(role) };
        Link::<_, _, 4, 16>::new(heap.region(), bell.clone(), PeerId(id), settings).unwrap()
    };
    let mut host = new(&to_remote, 0, Role::Host);
    let remote = Rc::new(RefCell::new(new(&to_host, 1, Role::Remote)));
    host.bus().open("talk").unwrap();
    let at_remote = remote.borrow_mut().bus().open("talk").unwrap();
    for _ in 0..10 {
        while host.poll(now).is_some() || remote.borrow_mut().poll(now).is_some() {}
    }
    // The messages go to an endpoint that does not exist, such as one that the host has closed. Each returned buffer is
    // used immediately for the next message.
    let sent = Rc::new(Cell::new(0));
    let (flooding, count) = (Rc::clone(&remote), Rc::clone(&sent));
    let flood = move || {
        let Ok(mut remote) = flooding.try_borrow_mut() else { return };
        while count.get() < 200 && remote.bus().send_to(at_remote, Address(999), b"x").is_ok() {
            count.set(count.get() + 1);
        }
    };
    flood();
    *to_remote.0.borrow_mut() = Some(Box::new(flood));
    for _ in 0..100 {
        assert_eq!(host.poll(now), None);
    }
    assert_eq!((sent.get(), host.bus().counters().unknown), (200, 200), "each is discarded, however many in one poll");
    *to_remote.0.borrow_mut() = None;
    for _ in 0..4 {
        assert_eq!(remote.borrow_mut().bus().send(at_remote, b"heard"), Ok(()), "each buffer came back");
    }
}
