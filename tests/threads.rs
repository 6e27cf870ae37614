//! The two sides of a link in two threads, with real races on the memory. Under Miri (`cargo miri test --test threads`)
//! a missing or weak ordering is a data race on the payload, which Miri reports.

use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, Thread};
use std::time::{Duration, Instant as Clock};

use amp_ivshmem::link::{Event, Link, Role, Settings};
use amp_ivshmem::mem::fake::Heap;
use amp_ivshmem::platform::{Doorbell, Instant, PeerId, Vector, VectorOutOfRange};
use amp_ivshmem::rpmsg::{Event as BusEvent, SendError};

/// Enough to fill and empty the ring many times; Miri is some thousand times slower.
const MESSAGES: u32 = if cfg!(miri) { 60 } else { 200_000 };

/// Rings by waking the other thread.
#[derive(Clone, Copy)]
struct Bell<'b> {
    rung: &'b [AtomicBool; 2],
    threads: &'b [std::sync::OnceLock<Thread>; 2],
}

impl Doorbell for Bell<'_> {
    fn ring(&self, peer: PeerId, _: Vector) -> Result<(), VectorOutOfRange> {
        let peer = usize::from(peer.0);
        self.rung[peer].store(true, Ordering::Release);
        if let Some(thread) = self.threads[peer].get() {
            thread.unpark();
        }
        Ok(())
    }
}

/// One side: sends its own `MESSAGES` numbered messages as fast as there are buffers, and checks the other's.
fn side(memory: &Heap, bell: Bell<'_>, id: u16, role: Role) -> u32 {
    let _ = bell.threads[usize::from(id)].set(thread::current());
    let start = Clock::now();
    let now = || Instant::from_micros(start.elapsed().as_micros() as u64);
    let mut link: Link<_, _, 1, 16> = Link::new(memory.region(), bell, PeerId(id), Settings::new(role)).unwrap();
    let endpoint = link.bus().open("numbers").unwrap();
    let (mut sent, mut received) = (0u32, 0u32);
    while sent < MESSAGES || received < MESSAGES {
        while let Some(event) = link.poll(now()) {
            if let Event::Bus(BusEvent::Message(message)) = event {
                let mut bytes = [0; 400];
                let bytes = &mut bytes[..message.length.into()];
                link.bus().read(&message, 0, bytes).unwrap();
                link.bus().release(message);
                assert_eq!(bytes, vec![received as u8; (received % 400) as usize], "message {received}");
                received += 1;
            } else {
                assert!(!matches!(event, Event::Down(_) | Event::Refused(_)), "{event:?}");
            }
        }
        while sent < MESSAGES {
            match link.bus().send(endpoint, &vec![sent as u8; (sent % 400) as usize]) {
                Ok(()) => sent += 1,
                Err(SendError::NoBuffer | SendError::Down | SendError::NotBound) => break,
                Err(error) => panic!("{error}"),
            }
        }
        while !bell.rung[usize::from(id)].swap(false, Ordering::Acquire) {
            let left = link.deadline().micros_since(now());
            if left == 0 {
                break;
            }
            thread::park_timeout(Duration::from_micros(left));
        }
        assert!(start.elapsed() < Duration::from_secs(120), "hangs after {sent} sent and {received} received");
    }
    // The other may still wait for what we have sent, but needs nothing more of us.
    let doorbells = link.doorbells();
    std::mem::forget(link);
    doorbells
}

#[test]
fn both_directions_at_full_speed() {
    let memory = Heap::new(64 * 1024);
    let (rung, threads) = (Default::default(), Default::default());
    let bell = Bell { rung: &rung, threads: &threads };
    thread::scope(|scope| {
        let host = scope.spawn(|| side(&memory, bell, 0, Role::Host));
        let remote = scope.spawn(|| side(&memory, bell, 1, Role::Remote));
        println!("{MESSAGES} messages each way, {} + {} doorbells", host.join().unwrap(), remote.join().unwrap());
    });
}
