// SPDX-License-Identifier: Apache-2.0
//! Tests tasks on both sides of a link. A task runs only after its waker has been called, so a lost wake-up makes the
//! test fail.

use core::cell::{Cell, RefCell};
use core::future::{Future, pending};
use core::pin::Pin;
use core::task::Context;
use core::time::Duration;
use std::boxed::Box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Wake;
use std::vec::Vec;

use super::*;
use crate::mem::Region;
use crate::mem::fake::Heap;
use crate::platform::{Doorbell, Instant, PeerId, Port, Vector, VectorOutOfRange};
use crate::rpmsg::{Link, Role, SendError, Settings};

const SECOND: u64 = 1_000_000;

#[derive(Clone, Copy)]
struct Bell<'a>(&'a [Arrival; 2]);

impl Doorbell for Bell<'_> {
    fn ring(&self, peer: PeerId, _: Vector) -> Result<(), VectorOutOfRange> {
        self.0[usize::from(peer.0)].signal(());
        Ok(())
    }
}

type TestLink<'a> = Link<Region<'a>, Bell<'a>, 2, 16>;

fn side<'a>(heap: &'a Heap, bell: Bell<'a>, role: Role) -> Shared<TestLink<'a>> {
    Shared::new(Link::new(heap.region(), bell, PeerId((role == Role::Remote).into()), Settings::new(role)).unwrap())
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs the tasks whose wakers have been called. If there are none, calls `idle`, which advances the time or returns
/// false to end the run.
struct Executor<'t>(Vec<(Arc<Flag>, Task<'t>)>);

type Task<'t> = Pin<Box<dyn Future<Output = ()> + 't>>;

impl<'t> Executor<'t> {
    fn new() -> Self {
        Self(Vec::new())
    }

    fn spawn(&mut self, task: impl Future<Output = ()> + 't) {
        self.0.push((Arc::new(Flag(AtomicBool::new(true))), Box::pin(task)));
    }

    fn run(&mut self, mut idle: impl FnMut() -> bool) {
        loop {
            let mut ran = false;
            for (flag, task) in &mut self.0 {
                if flag.0.swap(false, Ordering::Relaxed) {
                    ran = true;
                    let waker = Arc::clone(flag).into();
                    if task.as_mut().poll(&mut Context::from_waker(&waker)).is_ready() {
                        *task = Box::pin(pending());
                    }
                }
            }
            if !ran && !idle() {
                return;
            }
        }
    }
}

/// Both sides of a link and their clock.
struct World<'a> {
    arrivals: &'a [Arrival; 2],
    now: Cell<u64>,
}

impl World<'_> {
    async fn drive(&self, shared: &Shared<TestLink<'_>>, side: usize) {
        shared.runner().run(&self.arrivals[side], || Instant::from_micros(self.now.get()), |_| pending()).await;
    }

    /// Advances the time by one second, up to `limit`.
    fn tick(&self, limit: u64) -> bool {
        self.now.set(self.now.get() + SECOND);
        self.arrivals.iter().for_each(|arrival| arrival.signal(()));
        self.now.get() < limit * SECOND
    }
}

/// On one side, one task waits for buffers while another waits for messages. A third task serves the other side.
#[test]
fn tasks_wait_on_two_endpoints_at_once() {
    let (heap, arrivals) = (Heap::new(64 * 1024), [Arrival::new(), Arrival::new()]);
    let world = World { arrivals: &arrivals, now: Cell::new(0) };
    let (host, remote) = (side(&heap, Bell(&arrivals), Role::Host), side(&heap, Bell(&arrivals), Role::Remote));
    let (received, answered) = (RefCell::new(Vec::new()), Cell::new(0));
    {
        let mut executor = Executor::new();
        executor.spawn(world.drive(&host, 0));
        executor.spawn(world.drive(&remote, 1));
        executor.spawn(async {
            let stream = host.open("stream").unwrap();
            stream.bound().await;
            for number in 0..100u32 {
                stream.send(&number.to_le_bytes()).await.unwrap();
            }
            pending::<()>().await;
        });
        executor.spawn(async {
            let ping = host.open("ping").unwrap();
            ping.bound().await;
            for number in 0..20u32 {
                ping.send(&number.to_le_bytes()).await.unwrap();
                let mut answer = [0; 4];
                assert_eq!(ping.recv().await.recv(&mut answer), Ok(4));
                assert_eq!(u32::from_le_bytes(answer), number + 1);
                answered.set(answered.get() + 1);
            }
        });
        executor.spawn(async {
            let stream = remote.open("stream").unwrap();
            loop {
                let message = stream.recv().await;
                let mut bytes = [0; 4];
                message.read(0, &mut bytes).unwrap();
                received.borrow_mut().push(u32::from_le_bytes(bytes));
            }
        });
        executor.spawn(async {
            let ping = remote.open("ping").unwrap();
            loop {
                let message = ping.recv().await;
                let mut bytes = [0; 4];
                message.read(0, &mut bytes).unwrap();
                message.reply(&(u32::from_le_bytes(bytes) + 1).to_le_bytes()).await.unwrap();
            }
        });
        executor.run(|| world.tick(3));
    }
    assert_eq!(*received.borrow(), (0..100).collect::<Vec<u32>>());
    assert_eq!(answered.get(), 20);
}

/// When the peer leaves, a waiting sender gets an error, and a waiting receiver continues with the peer's next
/// incarnation. A dropped endpoint releases its messages.
#[test]
fn restarts_and_dropped_handles() {
    let (heap, arrivals) = (Heap::new(64 * 1024), [Arrival::new(), Arrival::new()]);
    let world = World { arrivals: &arrivals, now: Cell::new(0) };
    let host = side(&heap, Bell(&arrivals), Role::Host);
    let (ended, heard) = (Cell::new(None), Cell::new(false));
    let mut executor = Executor::new();
    executor.spawn(world.drive(&host, 0));
    executor.spawn(async {
        let full = host.open("full").unwrap();
        full.bound().await;
        ended.set(loop {
            if let Err(error) = full.send(b"more").await {
                break Some(error);
            }
        });
        full.bound().await;
        assert_eq!(full.recv().await.len(), 3);
        heard.set(true);
        while full.send(b"more").await.is_ok() {}
        pending::<()>().await;
    });
    let executor = RefCell::new(executor);
    let others = || executor.borrow_mut().run(|| false);
    let second = Duration::from_secs(1);
    {
        let remote = side(&heap, Bell(&arrivals), Role::Remote);
        let mut port = Passing { bell: Bell(&arrivals), heap: &heap, now: 0, others: &others };
        let _full = remote.open("full").unwrap();
        assert_eq!(remote.block_on(&mut port, second, pending::<()>()), Err(TimedOut));
        assert_eq!(remote.with(|link| link.bus().counters()).received, 18, "two announcements and all buffers");
        assert_eq!(ended.get(), None);
        remote.with(Link::close);
    }
    world.tick(u64::MAX / SECOND);
    others();
    assert_eq!(ended.get(), Some(SendError::Down));
    let remote = side(&heap, Bell(&arrivals), Role::Remote);
    let mut port = Passing { bell: Bell(&arrivals), heap: &heap, now: 0, others: &others };
    let full = remote.open("full").unwrap();
    remote.block_on(&mut port, second, full.bound()).unwrap();
    remote.block_on(&mut port, second, full.send(b"now")).unwrap().unwrap();
    assert_eq!(remote.block_on(&mut port, second, pending::<()>()), Err(TimedOut));
    assert!(heard.get());
    let free = || host.with(|link| link.bus().alloc_tx_buffer().map(|buffer| link.bus().cancel(buffer)));
    assert_eq!(free(), Err(SendError::NoBuffer));
    drop(full);
    assert_eq!(free(), Ok(()));
}

/// A port that advances the time by 0.1 s per wait and lets the other side run.
struct Passing<'a> {
    bell: Bell<'a>,
    heap: &'a Heap,
    now: u64,
    others: &'a dyn Fn(),
}

impl<'a> Port for Passing<'a> {
    type Memory = Region<'a>;
    type Doorbell = Bell<'a>;

    fn memory(&self) -> Region<'a> {
        self.heap.region()
    }

    fn doorbell(&self) -> Bell<'a> {
        self.bell
    }

    fn id(&self) -> PeerId {
        PeerId(1)
    }

    fn now(&self) -> Instant {
        Instant::from_micros(self.now)
    }

    fn wait(&mut self, _: Option<Instant>) {
        (self.others)();
        self.now += SECOND / 10;
    }
}

/// A peer that floods this side with messages for unknown endpoints must not block the executor.
#[test]
fn a_flood_leaves_other_tasks_their_turn() {
    let (heap, arrivals) = (Heap::new(64 * 1024), [Arrival::new(), Arrival::new()]);
    let world = World { arrivals: &arrivals, now: Cell::new(0) };
    let host = side(&heap, Bell(&arrivals), Role::Host);
    let remote = RefCell::new(
        Link::<_, _, 2, 16>::new(heap.region(), Bell(&arrivals), PeerId(1), Settings::new(Role::Remote)).unwrap(),
    );
    let turns = Cell::new(0);
    let open = remote.borrow_mut().bus().open("flood").unwrap();
    let flood = |remote: &mut TestLink<'_>| {
        while remote.poll(Instant::default()).is_some() {}
        while remote.bus().send_to(open, crate::rpmsg::Address(1023), b"nobody").is_ok() {}
    };
    let mut executor = Executor::new();
    executor.spawn(world.drive(&host, 0));
    executor.spawn(async {
        // The peer refills the ring in each turn, so the host never finds it empty.
        while turns.get() < 1000 {
            turns.set(turns.get() + 1);
            flood(&mut remote.borrow_mut());
            runner::yield_now().await;
        }
    });
    executor.run(|| false);
    assert_eq!(turns.get(), 1000);
    assert!(host.with(|link| link.bus().counters().unknown) > 1000);
}

#[cfg(feature = "io")]
mod stream {
    use embedded_io_async::{Read, Write};

    use super::*;

    /// Bytes pass unchanged through both variants of a stream, and a peer that leaves causes exactly one error.
    #[test]
    fn bytes_pass_and_an_end_is_told_once() {
        let (heap, arrivals) = (Heap::new(64 * 1024), [Arrival::new(), Arrival::new()]);
        let world = World { arrivals: &arrivals, now: Cell::new(0) };
        let (host, remote) = (side(&heap, Bell(&arrivals), Role::Host), side(&heap, Bell(&arrivals), Role::Remote));
        let sent: Vec<u8> = (0..5000u32).map(|number| (number * 7 % 251) as u8).collect();
        let (done, end) = (Cell::new(false), Cell::new(None));
        let remote_endpoint = remote.open("bytes").unwrap();
        {
            let mut executor = Executor::new();
            executor.spawn(world.drive(&host, 0));
            executor.spawn(async {
                let endpoint = host.open("bytes").unwrap();
                let (mut reader, mut writer) = endpoint.stream().split();
                writer.write_all(&sent).await.unwrap();
                let mut back = Vec::new();
                let mut part = [0; 33];
                while back.len() < sent.len() {
                    let count = reader.read(&mut part).await.unwrap();
                    back.extend_from_slice(&part[..count]);
                }
                assert_eq!(back, sent);
                done.set(true);
                end.set(Some(reader.read(&mut part).await));
                reader.read(&mut part).await.unwrap();
            });
            let executor = RefCell::new(executor);
            let others = || executor.borrow_mut().run(|| false);
            let mut port = Passing { bell: Bell(&arrivals), heap: &heap, now: 0, others: &others };
            let mut stream = remote_endpoint.stream().blocking(&mut port, Duration::from_secs(1));
            let mut bytes = [0; 100];
            loop {
                match embedded_io::Read::read(&mut stream, &mut bytes) {
                    Ok(count) => embedded_io::Write::write_all(&mut stream, &bytes[..count]).unwrap(),
                    Err(error) => {
                        assert_eq!(error, StreamError::TimedOut(TimedOut));
                        break;
                    }
                }
            }
            assert!(done.get());
            remote.with(|link| link.close());
            world.tick(u64::MAX / SECOND);
            others();
        }
        assert_eq!(end.get(), Some(Err(StreamError::Down)));
    }
}
