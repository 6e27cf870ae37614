// SPDX-License-Identifier: Apache-2.0
//! Runs the two sides of a link in two threads, so that their accesses to the memory really race.
//!
//! Under Miri (`cargo miri test --test threads`), a missing or weak ordering causes a data race on the payload, which
//! Miri reports. On real hardware, a missing barrier loses a wake-up, and both sides then sleep forever.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant as Clock};

use amp_ivshmem::mem::SharedMemory;
use amp_ivshmem::mem::fake::{Heap, Unfenced};
use amp_ivshmem::platform::{Doorbell, Instant, PeerId, Vector, VectorOutOfRange};
use amp_ivshmem::rpmsg::{Event, Link, Role, SendError, Settings};

/// Number of messages, which is enough to fill and empty the ring many times. The number is lower under Miri, which is
/// several thousand times slower.
const MESSAGES: u32 = if cfg!(miri) { 60 } else { 200_000 };

/// Heartbeat period. It is longer than any test, so that a heartbeat cannot make up for a lost wake-up.
const HEARTBEAT: Duration = Duration::from_secs(3600);

/// Time after which a wake-up counts as lost if both sides are idle. Both sides are idle if this side sleeps, the peer
/// sleeps or has finished, and no doorbell is pending.
const PATIENCE: Duration = Duration::from_secs(2);

/// Time limit for provoking a lost wake-up.
const LIMIT: Duration = Duration::from_secs(60);

/// State of one side. Only `rung`, which stands for the doorbell, orders accesses. The other flags are relaxed, so that
/// they do not hide a missing ordering.
#[derive(Default)]
struct Place {
    rung: AtomicBool,
    asleep: AtomicBool,
    done: AtomicBool,
    thread: OnceLock<Thread>,
}

impl Place {
    /// Returns true if the side cannot continue without a doorbell.
    fn rests(&self) -> bool {
        let set = |flag: &AtomicBool| flag.load(Ordering::Relaxed);
        set(&self.done) || set(&self.asleep) && !set(&self.rung)
    }
}

/// A doorbell that unparks the peer's thread.
#[derive(Clone, Copy)]
struct Bell<'b>(&'b [Place; 2]);

impl Doorbell for Bell<'_> {
    fn ring(&self, peer: PeerId, _: Vector) -> Result<(), VectorOutOfRange> {
        let peer = &self.0[usize::from(peer.0)];
        peer.rung.store(true, Ordering::Release);
        if let Some(thread) = peer.thread.get() {
            thread.unpark();
        }
        Ok(())
    }
}

/// The error for a lost wake-up.
#[derive(Debug, PartialEq, Eq)]
struct Lost;

/// Number and size of the messages, and how the two sides wait.
#[derive(Clone, Copy)]
struct Traffic {
    /// Number of messages from the host and from the remote.
    counts: [u32; 2],
    /// Limit on the message length in bytes (exclusive).
    length: u32,
    /// Time that a side spends polling its doorbell before its thread sleeps. Polling keeps both sides running at the
    /// same time, so that a side often goes to sleep just when the other side rings.
    spin: Duration,
}

/// Runs one side: sends numbered messages as fast as buffers become free, and checks the messages from the other side.
/// Returns how often it rang the doorbell.
fn side<M: SharedMemory>(memory: M, bell: Bell<'_>, role: Role, traffic: Traffic) -> Result<u32, Lost> {
    let Traffic { counts, length, spin } = traffic;
    let (id, other) = if role == Role::Host { (0, 1) } else { (1, 0) };
    let (own, peer) = (&bell.0[id], &bell.0[other]);
    let _ = own.thread.set(thread::current());
    let start = Clock::now();
    let now = || Instant::from_micros(start.elapsed().as_micros() as u64);
    let settings = Settings { heartbeat: HEARTBEAT, ..Settings::new(role) };
    let mut link: Link<_, _, 1, 16> = Link::new(memory, bell, PeerId(id as u16), settings).unwrap();
    let endpoint = link.bus().open("numbers").unwrap();
    let (mut sent, mut received) = (0u32, 0u32);
    loop {
        assert!(start.elapsed() < 2 * LIMIT, "no end after {sent} sent and {received} received");
        while let Some(event) = link.poll(now()) {
            if let Event::Message(message) = event {
                let mut bytes = [0; 400];
                let bytes = &mut bytes[..message.length.into()];
                link.bus().read(&message, 0, bytes).unwrap();
                link.bus().release(message);
                assert_eq!(bytes, vec![received as u8; (received % length) as usize], "message {received}");
                received += 1;
            } else {
                assert!(!matches!(event, Event::Down(_) | Event::Incompatible(_)), "{event:?}");
            }
        }
        while sent < counts[id] {
            match link.bus().send(endpoint, &vec![sent as u8; (sent % length) as usize]) {
                Ok(()) => sent += 1,
                Err(SendError::NoBuffer | SendError::Down | SendError::NotBound) => break,
                Err(error) => panic!("{error}"),
            }
        }
        if sent == counts[id] && received == counts[other] {
            // The other side may not have received all of this side's messages yet. It does not need anything else from
            // this side.
            own.done.store(true, Ordering::Relaxed);
            let doorbells = link.doorbells();
            std::mem::forget(link);
            return Ok(doorbells);
        }
        own.asleep.store(true, Ordering::Relaxed);
        let (slept, mut rests_since) = (Clock::now(), None);
        while !own.rung.swap(false, Ordering::Acquire) {
            let left = link.deadline().micros_since(now());
            if left == 0 {
                break;
            }
            if slept.elapsed() < spin {
                std::hint::spin_loop();
                continue;
            }
            thread::park_timeout(Duration::from_micros(left).min(PATIENCE / 20));
            if !peer.rests() || left < HEARTBEAT.as_micros() as u64 / 2 {
                rests_since = None;
            } else if rests_since.get_or_insert_with(Clock::now).elapsed() > PATIENCE {
                println!("{role:?} sleeps for ever: {sent} sent, {received} received");
                // Dropping the link would ring the peer's doorbell.
                std::mem::forget(link);
                return Err(Lost);
            }
        }
        own.asleep.store(false, Ordering::Relaxed);
    }
}

/// Runs both sides of a link. Each side gets a handle from `memory`. Returns how often each side rang the doorbell.
fn race<M: SharedMemory + Send>(memory: impl Fn() -> M, traffic: Traffic) -> Result<[u32; 2], Lost> {
    let places = Default::default();
    let bell = Bell(&places);
    thread::scope(|scope| {
        let [host, remote] = [Role::Host, Role::Remote].map(|role| {
            let memory = memory();
            scope.spawn(move || side(memory, bell, role, traffic))
        });
        let (host, remote) = (host.join().unwrap(), remote.join().unwrap());
        Ok([host?, remote?])
    })
}

#[test]
fn both_directions_at_full_speed() {
    let memory = Heap::new(64 * 1024);
    let [host, remote] = race(|| memory.region(), Traffic { counts: [MESSAGES; 2], length: 400, spin: Duration::ZERO })
        .expect("nothing is lost");
    println!("{MESSAGES} messages each way, {host} + {remote} doorbells");
}

/// Traffic with very short messages and waits, so that both sides spend most of their time going to sleep and waking
/// up. The remote does not send messages, because the doorbells for these messages would make up for a lost wake-up.
const HASTE: Traffic = Traffic { counts: [MESSAGES, 0], length: 8, spin: Duration::from_micros(50) };

#[test]
#[cfg_attr(miri, ignore = "not at Miri's speed")]
fn no_wake_up_is_lost() {
    for _ in 0..2 {
        let memory = Heap::new(64 * 1024);
        race(|| memory.region(), HASTE).expect("nothing is lost");
    }
}

/// Checks that `no_wake_up_is_lost` can fail: without barriers, the same traffic must lose a wake-up if two CPUs run
/// the two sides at the same time. On a machine with one CPU, the test does not assert anything.
#[test]
#[cfg_attr(miri, ignore = "not at Miri's speed")]
fn without_barriers_a_wake_up_is_lost() {
    let processors = thread::available_parallelism().map_or(1, |number| number.get());
    let begun = Clock::now();
    for round in 1.. {
        let memory = Heap::new(64 * 1024);
        let end = race(|| Unfenced(memory.region()), HASTE);
        println!("round {round} on {processors} processors, after {:?}: {end:?}", begun.elapsed());
        if end == Err(Lost) || processors == 1 {
            return;
        }
        assert!(begun.elapsed() < LIMIT, "nothing was lost in {round} rounds on {processors} processors");
    }
}
