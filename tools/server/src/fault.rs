// SPDX-License-Identifier: Apache-2.0
//! Injects faults to test the server's clients. Faults are off by default.
//!
//! Normally, doorbells do not pass through the server, because each peer writes directly to the other peer's eventfd.
//! With faults, the other peers get eventfds that belong to the server instead. A relay thread forwards or drops the
//! doorbells that arrive on these eventfds.

use std::io::{self, IoSliceMut};
use std::os::fd::OwnedFd;
use std::rc::Rc;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec, eventfd, poll};
use rustix::io::{ReadWriteFlags, preadv2};

use crate::ServerError;
use crate::error::Explain;
use crate::faults::Faults;
use crate::random::Random;

/// Maximum time that the relay waits before it checks for delayed doorbells.
const TICK: Timespec = Timespec { tv_sec: 0, tv_nsec: 2_000_000 };

/// An eventfd that the other peers ring in place of the owner's eventfd.
struct Bell {
    owner: u16,
    /// The server's eventfd, which the other peers ring.
    ours: OwnedFd,
    /// The owner's eventfd.
    theirs: Arc<OwnedFd>,
}

type Bells = Arc<Mutex<Vec<Arc<Bell>>>>;

/// Injects faults. Dropping it stops the relay thread.
pub struct FaultInjector {
    faults: Faults,
    random: Random,
    bells: Bells,
    /// Clients that wait for their greeting, and the times at which they get it.
    waiting: Vec<(Instant, OwnedFd)>,
    next_drop: Instant,
}

impl FaultInjector {
    /// Starts the relay thread.
    pub fn new(faults: Faults) -> Result<Self, ServerError> {
        let bells = Bells::default();
        let weak = Arc::downgrade(&bells);
        std::thread::Builder::new()
            .name("ivshmem-relay".to_owned())
            .spawn(move || {
                let mut relay = Relay { faults, random: faults.relays(), late: Vec::new() };
                // Runs until the `FaultInjector` has been dropped.
                while let Some(bells) = weak.upgrade() {
                    let bells: Vec<_> = bells.lock().unwrap_or_else(PoisonError::into_inner).clone();
                    relay.turn(&bells);
                }
            })
            .explain("cannot start the relay's thread")?;
        let mut injector =
            Self { faults, random: Random::new(faults.seed), bells, waiting: Vec::new(), next_drop: Instant::now() };
        injector.plan_drop();
        Ok(injector)
    }

    fn plan_drop(&mut self) {
        let half = self.faults.drop / 2;
        self.next_drop = after(self.random.millis(half, half.saturating_mul(3).saturating_add(1)));
    }

    /// Returns true if there are faults to inject at a certain time, even if no client sends anything.
    pub fn is_timed(&self) -> bool {
        self.faults.drop > 0 || !self.waiting.is_empty()
    }

    /// Creates the eventfds that the other peers ring in place of the eventfds of peer `owner`.
    pub fn relay(&self, owner: u16, eventfds: &[Rc<OwnedFd>]) -> io::Result<Vec<Rc<OwnedFd>>> {
        let mut bells = self.bells.lock().unwrap_or_else(PoisonError::into_inner);
        eventfds
            .iter()
            .map(|theirs| {
                let ours = eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?;
                let handed_out = Rc::new(ours.try_clone()?);
                bells.push(Arc::new(Bell { owner, ours, theirs: Arc::new(theirs.try_clone()?) }));
                Ok(handed_out)
            })
            .collect()
    }

    /// Removes the doorbells of peer `owner`, which has left.
    pub fn remove_peer(&self, owner: u16) {
        self.bells.lock().unwrap_or_else(PoisonError::into_inner).retain(|bell| bell.owner != owner);
    }

    /// Returns `connection` if its client is to be greeted now. Otherwise, [`due`](Self::due) returns it later.
    pub fn defer(&mut self, connection: OwnedFd) -> Option<OwnedFd> {
        if self.faults.join == 0 {
            return Some(connection);
        }
        let at = after(self.random.millis(0, self.faults.join.saturating_add(1)));
        self.waiting.push((at, connection));
        None
    }

    /// Returns the clients that are to be greeted now, because their delay has expired.
    pub fn due(&mut self) -> Vec<OwnedFd> {
        let now = Instant::now();
        self.waiting.extract_if(.., |(at, _)| *at <= now).map(|(_, connection)| connection).collect()
    }

    /// Returns the id of the peer to stall, if any.
    pub fn stalled(&self) -> Option<u16> {
        self.faults.stall
    }

    /// Returns the peer to disconnect now, if any.
    pub fn victim(&mut self, ids: &[u16]) -> Option<u16> {
        if self.faults.drop == 0 || ids.is_empty() || Instant::now() < self.next_drop {
            return None;
        }
        self.plan_drop();
        ids.get(self.random.below(ids.len() as u64) as usize).copied()
    }
}

struct Relay {
    faults: Faults,
    random: Random,
    late: Vec<(Instant, Arc<OwnedFd>)>,
}

impl Relay {
    /// Waits for doorbells, and forwards the doorbells that are due.
    fn turn(&mut self, bells: &[Arc<Bell>]) {
        let mut fds: Vec<PollFd<'_>> = bells.iter().map(|bell| PollFd::new(&bell.ours, PollFlags::IN)).collect();
        let _ = poll(&mut fds, Some(&TICK));
        let rung = bells.iter().zip(&fds).filter(|(_, polled)| !polled.revents().is_empty());
        let rung: Vec<_> = rung.map(|(bell, _)| bell).collect();
        for bell in rung {
            // All rings so far count as one, as for any reader of an eventfd.
            clear(&bell.ours);
            if one_in(&mut self.random, self.faults.lose) {
                continue;
            }
            let copies = if one_in(&mut self.random, self.faults.double) { 2 } else { 1 };
            for copy in 0..copies {
                let delay = self.random.millis(0, self.faults.late.saturating_add(1));
                self.late.push((after(delay.saturating_add(Duration::from_millis(copy))), Arc::clone(&bell.theirs)));
            }
        }
        let now = Instant::now();
        for (_, bell) in self.late.extract_if(.., |(at, _)| *at <= now) {
            // If the counter is full, the owner still has a doorbell to read. A write would then block if the owner has
            // cleared O_NONBLOCK.
            if has_room(&bell) {
                let _ = rustix::io::write(&*bell, &1_u64.to_ne_bytes());
            }
        }
    }
}

/// Clears an eventfd without blocking, even if a peer has cleared O_NONBLOCK and has already read the eventfd.
fn clear(eventfd: &OwnedFd) {
    let nowhere = u64::MAX;
    let _ = preadv2(eventfd, &mut [IoSliceMut::new(&mut [0; 8])], nowhere, ReadWriteFlags::NOWAIT);
}

/// Returns true if a write to an eventfd would not block.
fn has_room(eventfd: &OwnedFd) -> bool {
    let mut polled = [PollFd::new(eventfd, PollFlags::OUT)];
    poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready == 1)
}

/// Returns the time `delay` from now, or the current time if the clock cannot represent it.
fn after(delay: Duration) -> Instant {
    let now = Instant::now();
    now.checked_add(delay).unwrap_or(now)
}

fn one_in(random: &mut Random, number: u64) -> bool {
    number > 0 && random.below(number) == 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_read_and_said() {
        let faults: Faults = "lose=4,late=20,stall=1".parse().unwrap();
        assert_eq!(faults, Faults { lose: 4, late: 20, stall: Some(1), seed: 1, ..Faults::default() });
        assert_eq!(faults.to_string().parse::<Faults>(), Ok(faults));
        for wrong in ["", "lose", "lose=x", "loose=4", "stall=70000"] {
            assert!(wrong.parse::<Faults>().unwrap_err().contains("no fault"), "{wrong}");
        }
    }

    #[test]
    fn the_longest_delays_do_not_overflow() {
        let longest = u64::MAX;
        let faults = format!("late={longest},join={longest},drop={longest}").parse().unwrap();
        let mut injector = FaultInjector::new(faults).unwrap();
        assert!(injector.defer(eventfd(0, EventfdFlags::CLOEXEC).unwrap()).is_none());
        assert_eq!(injector.victim(&[0]), None);
        assert_eq!(relayed(Faults { late: 0, ..faults }, 1), 1);
    }

    /// Rings a bell `rings` times, one after the other. Returns the number of rings that the relay forwards.
    fn relayed(faults: Faults, rings: u64) -> u64 {
        let new = || eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK).unwrap();
        let bell = Arc::new(Bell { owner: 0, ours: new(), theirs: Arc::new(new()) });
        let mut relay = Relay { faults, random: Random::new(3), late: Vec::new() };
        for _ in 0..rings {
            rustix::io::write(&bell.ours, &1_u64.to_ne_bytes()).unwrap();
            relay.turn(std::slice::from_ref(&bell));
        }
        while !relay.late.is_empty() {
            relay.turn(std::slice::from_ref(&bell));
        }
        let mut count = [0; 8];
        let _ = rustix::io::read(&*bell.theirs, &mut count);
        u64::from_ne_bytes(count)
    }

    #[test]
    fn an_eventfd_that_blocks_does_not_stop_the_relay() {
        // Both descriptors are blocking, as if a peer had cleared O_NONBLOCK.
        let new = || eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        let bell = Arc::new(Bell { owner: 0, ours: new(), theirs: Arc::new(new()) });
        rustix::io::write(&*bell.theirs, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        rustix::io::write(&bell.ours, &1_u64.to_ne_bytes()).unwrap();
        let (sender, ended) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let mut relay = Relay { faults: Faults::default(), random: Random::new(3), late: Vec::new() };
            relay.turn(std::slice::from_ref(&bell));
            clear(&bell.ours);
            sender.send(())
        });
        ended.recv_timeout(Duration::from_secs(5)).expect("the relay stands still");
    }

    #[test]
    fn doorbells_are_passed_on_lost_and_doubled_as_asked() {
        assert_eq!(relayed(Faults::default(), 200), 200);
        let some = relayed(Faults { lose: 2, ..Faults::default() }, 200);
        assert!((60..140).contains(&some), "{some}");
        let more = relayed(Faults { double: 2, ..Faults::default() }, 50);
        assert!((60..95).contains(&more), "{more}");
        assert_eq!(relayed(Faults { lose: 1, ..Faults::default() }, 20), 0);
    }
}
