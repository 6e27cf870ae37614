// SPDX-License-Identifier: Apache-2.0
//! Tests each kind of fault separately, with real sockets. The tests for lost and doubled doorbells are in `fault.rs`,
//! next to the relay.

use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;
use rustix::net::{RecvFlags, recv};

use super::{LIMIT, Rig, expect, next};
use crate::{Event, Faults, Reason};

fn faults(text: &str) -> Faults {
    text.parse().expect("faults")
}

fn rig(text: &str) -> Rig {
    Rig::with_faults(1, Some(faults(text)))
}

/// Connects clients 0 to `count` − 1, and reads all announcements, so that each client knows all others.
fn acquainted(rig: &Rig, count: i64) -> Vec<UnixStream> {
    let mut clients = Vec::new();
    for id in 0..count {
        let (client, _) = rig.greeted(id);
        (0..=id).for_each(|known| expect(&client, known, true));
        clients.iter().for_each(|earlier| expect(earlier, id, true));
        clients.push(client);
    }
    clients
}

/// Returns the number of bytes that can be read without blocking, or 0 if the server has closed the connection.
fn readable(client: &UnixStream) -> Result<usize, Errno> {
    recv(client, &mut [0_u8; 8], RecvFlags::DONTWAIT).map(|(_, bytes)| bytes)
}

/// Waits until `fd` is readable.
fn wait(fd: &impl AsFd) {
    let limit = Timespec { tv_sec: LIMIT.as_secs() as i64, tv_nsec: 0 };
    assert_eq!(poll(&mut [PollFd::new(fd, PollFlags::IN)], Some(&limit)), Ok(1), "nothing came in time");
}

/// Checks that a peer is dropped, but not before half of the interval has passed. Three peers can connect in this time.
#[test]
fn one_is_dropped_and_the_others_hear_of_it() {
    let begun = Instant::now();
    let rig = rig("drop=1500");
    let clients = acquainted(&rig, 3);
    (0..3).for_each(|id| assert_eq!(rig.event(), Event::Joined(id)));
    let Event::Left(victim, Reason::Fault) = rig.event() else { panic!("nobody was dropped") };
    assert!(begun.elapsed().as_millis() >= 750, "too early");
    for (id, client) in clients.iter().enumerate() {
        if id == usize::from(victim) {
            wait(client);
            assert_eq!(readable(client), Ok(0), "still connected");
        } else {
            expect(client, victim.into(), false);
        }
    }
}

#[test]
fn one_that_is_stalled_has_its_greeting_and_hears_no_more() {
    let rig = rig("stall=0");
    let stalled = acquainted(&rig, 1).remove(0);
    let (second, _) = rig.greeted(1);
    (0..2).for_each(|id| expect(&second, id, true));
    let (third, _) = rig.greeted(2);
    (0..3).for_each(|id| expect(&third, id, true));
    expect(&second, 2, true);
    drop(second);
    // The server notifies clients in the order of joining, so it would have notified the stalled client first.
    expect(&third, 1, false);
    assert_eq!(readable(&stalled), Err(Errno::AGAIN), "heard something, or was dropped");
}

/// Connects eight clients at once, so that the longest wait does not depend on how busy the machine is.
#[test]
fn greetings_are_late_and_come() {
    let rig = rig("join=400");
    let begun = Instant::now();
    let clients: Vec<_> = (0..8).map(|_| rig.connect()).collect();
    let mut ids = Vec::new();
    for client in &clients {
        expect(client, 0, false);
        ids.push(next(client).0);
        expect(client, -1, true);
    }
    assert!(begun.elapsed().as_millis() >= 200, "all were greeted within {:?}", begun.elapsed());
    ids.sort_unstable();
    assert_eq!(ids, (0..8).collect::<Vec<_>>());
}

/// Sends one ring at a time with a random delay. Each ring must arrive exactly once, and not before its delay.
#[test]
fn late_doorbells_all_come_and_none_before_its_time() {
    let faults = faults("late=60");
    let rig = Rig::with_faults(1, Some(faults));
    let (first, _) = rig.greeted(0);
    let own = next(&first).1.expect("eventfd");
    let (second, _) = rig.greeted(1);
    let peer = next(&second).1.expect("eventfd");
    let rung = |own: &OwnedFd| {
        let mut count = [0; 8];
        rustix::io::read(own, &mut count).map(|_| u64::from_ne_bytes(count))
    };
    let (mut random, mut longest) = (faults.relays(), 0);
    for number in 0..20 {
        let delay = random.millis(0, faults.late + 1);
        let begun = Instant::now();
        rustix::io::write(&peer, &1_u64.to_ne_bytes()).expect("rings");
        wait(&own);
        let after = begun.elapsed();
        assert!(after >= delay, "ring {number} after {after:?} and not {delay:?}");
        assert_eq!(rung(&own), Ok(1), "ring {number}");
        longest = longest.max(delay.as_millis());
    }
    assert!(longest > 30, "none was late");
    assert_eq!(rung(&own), Err(Errno::AGAIN), "one came twice");
}
