//! The sections that are counted, in their order; each tells its name and how many messages it had.
//!
//! A message is sent (with its doorbell), and received as a woken machine does: the clock is read, the link polled,
//! the payload read and its buffer released, and the link polled until nothing more is there, which asks for the next
//! doorbell. All that lies between the markers; the application's own lines around it do, too, and are a few
//! instructions.

use core::hint::black_box;

use amp_ivshmem::link::openamp::{self, Host, Remote};
use amp_ivshmem::link::{AnyLink, Event, Link, Role, Settings};
use amp_ivshmem::mem::SharedMemory;
use amp_ivshmem::platform::{Doorbell, Instant, PeerId};
use amp_ivshmem::rpmsg::{Endpoint, Event as Bus};

use crate::markers;

/// Messages of a section: whole rings of the smallest.
const MESSAGES: u32 = 64;
/// Messages that are sent before the first is received, in a burst.
const BURST: u32 = 8;
/// Bytes of a link's memory, and where each begins.
const PART: u32 = 256 * 1024;
/// Bytes of the large ring's memory, which follows those.
#[cfg(not(target_os = "none"))]
const LARGE: u32 = 2 * 1024 * 1024;

/// Private payload, as aligned as an application's buffers are.
#[repr(align(8))]
struct Buffer([u8; 496]);

/// What a program brings.
pub struct Bench<M, D, N, T> {
    /// At least 1 MiB; 3 MiB for [`run_large`](Self::run_large).
    pub memory: M,
    /// Rings nobody who would answer.
    pub doorbell: D,
    /// Reads the machine's clock.
    pub now: N,
    /// Is told each section's name and number of messages, after it.
    pub tell: T,
}

/// Two linked sides, and an endpoint of each, bound to the other.
struct Sides<A, B> {
    a: A,
    b: B,
    at_a: Endpoint,
    at_b: Endpoint,
}

type Native<M, D, const E: usize, const N: usize> = Sides<Link<M, D, E, N>, Link<M, D, E, N>>;
type OpenAmp<M, D, const E: usize, const N: usize> = Sides<Host<M, D, E, N>, Remote<M, D, E, N>>;

/// What went wrong; none of it does.
pub type Wrong = &'static str;

impl<M: SharedMemory, D: Doorbell + Copy, N: Fn() -> Instant, T: FnMut(&str, u32)> Bench<M, D, N, T> {
    /// Runs the sections that fit any machine, after what they count was seen to be right.
    pub fn run(&mut self) -> Result<(), Wrong> {
        crate::copies::check(&self.part(0)?).ok_or("payload does not arrive as it left")?;
        let settings = |role| Settings { heartbeat: HEARTBEAT, ..Settings::new(role) };
        let mut sides = self.native::<4, 16>(self.part(0)?, settings(Role::Host), settings(Role::Remote), 1)?;
        self.exchange("native.16", &mut sides, 16)?;
        self.exchange("native.496", &mut sides, 496)?;
        self.zero_copy("native.zero_copy", &mut sides, 496)?;
        self.zero_copy("native.zero_copy_16", &mut sides, 16)?;
        self.bursts("native.burst", &mut sides, 16)?;
        let mut sides = self.openamp::<4, 16>(1)?;
        self.exchange("openamp.16", &mut sides, 16)?;
        self.exchange("openamp.496", &mut sides, 496)?;
        self.zero_copy("openamp.zero_copy", &mut sides, 496)
    }

    /// Runs the sections of a large ring and of many endpoints, which not every machine has the memory for.
    #[cfg(not(target_os = "none"))]
    pub fn run_large(&mut self) -> Result<(), Wrong> {
        const COUNT: usize = 1024;
        let settings = |role| Settings { heartbeat: HEARTBEAT, buffer_count: COUNT as u16, ..Settings::new(role) };
        let memory = self.memory.part(4 * PART, LARGE).ok_or("the memory is smaller than 3 MiB")?;
        let mut sides = self.native::<4, COUNT>(memory, settings(Role::Host), settings(Role::Remote), 1)?;
        // Until each side has sent every buffer once, it takes what was never sent, and collects none that came back.
        self.exchange_warm("ring_1024.16", &mut sides, 16, 2 * COUNT as u32)?;
        let settings = |role| Settings { heartbeat: HEARTBEAT, ..Settings::new(role) };
        let mut sides = self.native::<1, 16>(self.part(3)?, settings(Role::Host), settings(Role::Remote), 1)?;
        self.exchange("endpoints_1.16", &mut sides, 16)?;
        let mut sides = self.native::<1000, 16>(self.part(3)?, settings(Role::Host), settings(Role::Remote), 1000)?;
        self.exchange("endpoints_1000.16", &mut sides, 16)
    }

    fn part(&self, part: u32) -> Result<M, Wrong> {
        self.memory.part(part * PART, PART).ok_or("the memory is smaller than 1 MiB")
    }

    /// A link in the native profile, up, with `endpoints` endpoints on each side.
    #[inline(never)]
    fn native<const E: usize, const COUNT: usize>(
        &self,
        memory: M,
        host: Settings,
        remote: Settings,
        endpoints: u32,
    ) -> Result<Native<M, D, E, COUNT>, Wrong> {
        let link = |id, settings| Link::new(memory.clone(), self.doorbell, PeerId(id), settings);
        let a = link(HOST, host).map_err(|_| "the native host cannot be")?;
        let b = link(REMOTE, remote).map_err(|_| "the native remote cannot be")?;
        self.bind(a, b, endpoints)
    }

    /// A link in C OpenAMP's profile, up.
    #[inline(never)]
    fn openamp<const E: usize, const COUNT: usize>(&self, part: u32) -> Result<OpenAmp<M, D, E, COUNT>, Wrong> {
        let memory = self.part(part)?;
        let settings = |peer| {
            openamp::Settings::dual_qemu_ivshmem(PART, PeerId(peer)).ok_or("the memory is too small for C's layout")
        };
        let host = Host::new(memory.clone(), self.doorbell, &settings(REMOTE)?).map_err(|_| "C's host cannot be")?;
        let remote = Remote::new(memory, self.doorbell, settings(HOST)?).map_err(|_| "C's remote cannot be")?;
        self.bind(host, remote, 1)
    }

    /// Opens `endpoints` endpoints on each side and lets both run until the last are bound.
    fn bind<const E: usize, A: AnyLink<E>, B: AnyLink<E>>(
        &self,
        mut a: A,
        mut b: B,
        endpoints: u32,
    ) -> Result<Sides<A, B>, Wrong> {
        let mut last = None;
        for number in 0..endpoints {
            let digits = [number / 100, number / 10 % 10, number % 10].map(|digit| b'0' + digit as u8);
            let name = core::str::from_utf8(&digits).map_err(|_| "a name of digits is text")?;
            let at_a = a.bus().open(name).map_err(|_| "no endpoint at the host")?;
            let at_b = b.bus().open(name).map_err(|_| "no endpoint at the remote")?;
            last = Some((at_a, at_b));
        }
        let (at_a, at_b) = last.ok_or("no endpoint asked for")?;
        for _ in 0..100_000 {
            let now = (self.now)();
            while a.poll(now).is_some() {}
            while b.poll(now).is_some() {}
            if a.bus().peer_of(at_a).is_some() && b.bus().peer_of(at_b).is_some() {
                // What is still to be said is said before anything is counted.
                while a.poll(now).is_some() || b.poll(now).is_some() {}
                return Ok(Sides { a, b, at_a, at_b });
            }
        }
        Err("the two sides did not find together")
    }

    /// By turns a message of `length` bytes from either side.
    fn exchange<const E: usize, A: AnyLink<E>, B: AnyLink<E>>(
        &mut self,
        name: &str,
        sides: &mut Sides<A, B>,
        length: usize,
    ) -> Result<(), Wrong> {
        self.exchange_warm(name, sides, length, MESSAGES)
    }

    /// Likewise; the first `warm` are for both rings to have been used all round, and are not counted.
    #[inline(never)]
    fn exchange_warm<const E: usize, A: AnyLink<E>, B: AnyLink<E>>(
        &mut self,
        name: &str,
        sides: &mut Sides<A, B>,
        length: usize,
        warm: u32,
    ) -> Result<(), Wrong> {
        let (out, mut into) = (Buffer([0x5a; 496]), Buffer([0; 496]));
        let payload = out.0.get(..black_box(length)).ok_or("the payload is too long")?;
        for turn in 0..warm + MESSAGES {
            if turn == warm {
                markers::section();
            }
            if turn % 2 == 0 {
                self.message(&mut sides.a, sides.at_a, &mut sides.b, payload, &mut into.0)?;
            } else {
                self.message(&mut sides.b, sides.at_b, &mut sides.a, payload, &mut into.0)?;
            }
        }
        self.finish(name, MESSAGES)
    }

    // One place that sends and one that polls for each kind of link, as in an application.
    #[inline(never)]
    fn message<const E: usize, A: AnyLink<E>, B: AnyLink<E>>(
        &self,
        from: &mut A,
        endpoint: Endpoint,
        to: &mut B,
        payload: &[u8],
        into: &mut [u8],
    ) -> Result<(), Wrong> {
        markers::begin();
        let sent = from.bus().send(endpoint, payload);
        markers::end();
        sent.map_err(|_| "a message was not sent")?;
        markers::begin();
        let now = (self.now)();
        let received = receive(to, now, into);
        markers::end();
        if received != Received::of(1, payload.len()) {
            return Err("not the one message was received");
        }
        Ok(())
    }

    /// By turns a message from either side whose payload nobody touches.
    #[inline(never)]
    fn zero_copy<const E: usize, A: AnyLink<E>, B: AnyLink<E>>(
        &mut self,
        name: &str,
        sides: &mut Sides<A, B>,
        length: u16,
    ) -> Result<(), Wrong> {
        let length = black_box(length);
        for turn in 0..2 * MESSAGES {
            if turn == MESSAGES {
                markers::section();
            }
            if turn % 2 == 0 {
                self.in_place(&mut sides.a, sides.at_a, &mut sides.b, length)?;
            } else {
                self.in_place(&mut sides.b, sides.at_b, &mut sides.a, length)?;
            }
        }
        self.finish(name, MESSAGES)
    }

    #[inline(always)]
    fn in_place<const E: usize, A: AnyLink<E>, B: AnyLink<E>>(
        &self,
        from: &mut A,
        endpoint: Endpoint,
        to: &mut B,
        length: u16,
    ) -> Result<(), Wrong> {
        markers::begin();
        let reserved = from.bus().reserve();
        markers::end();
        let reserved = reserved.map_err(|_| "no buffer was reserved")?;
        markers::begin();
        let room = from.bus().room_of(&reserved);
        markers::end();
        // Here an application fills it.
        black_box(room).map_err(|_| "a reserved buffer is nowhere")?;
        markers::begin();
        let sent = from.bus().send_reserved(endpoint, reserved, length);
        markers::end();
        sent.map_err(|_| "a message was not sent")?;
        markers::begin();
        let now = (self.now)();
        let event = to.poll(now);
        markers::end();
        let Some(Event::Bus(Bus::Message(message))) = event else { return Err("no message was received") };
        markers::begin();
        let place = to.bus().place_of(&message);
        markers::end();
        // Here an application looks at it.
        black_box(place).map_err(|_| "a message is nowhere")?;
        markers::begin();
        to.bus().release(message);
        let more = to.poll(now);
        markers::end();
        if more.is_none() { Ok(()) } else { Err("more than one message was received") }
    }

    /// Bursts of messages from one side, each received in one wake-up.
    #[inline(never)]
    fn bursts<const E: usize, A: AnyLink<E>, B: AnyLink<E>>(
        &mut self,
        name: &str,
        sides: &mut Sides<A, B>,
        length: usize,
    ) -> Result<(), Wrong> {
        let (out, mut into) = (Buffer([0x5a; 496]), Buffer([0; 496]));
        let payload = out.0.get(..black_box(length)).ok_or("the payload is too long")?;
        for burst in 0..2 * MESSAGES / BURST {
            if burst == MESSAGES / BURST {
                markers::section();
            }
            for _ in 0..BURST {
                markers::begin();
                let sent = sides.a.bus().send(sides.at_a, payload);
                markers::end();
                sent.map_err(|_| "a message was not sent")?;
            }
            markers::begin();
            let now = (self.now)();
            let received = receive(&mut sides.b, now, &mut into.0);
            markers::end();
            if received != Received::of(BURST, payload.len()) {
                return Err("a burst was not received whole");
            }
        }
        self.finish(name, MESSAGES)
    }

    /// The section that was just counted is over.
    fn finish(&mut self, name: &str, messages: u32) -> Result<(), Wrong> {
        markers::section();
        (self.tell)(name, messages);
        Ok(())
    }
}

const HOST: u16 = 0xfffd;
const REMOTE: u16 = 0xfffe;
/// So long that none comes while instructions are counted.
const HEARTBEAT: core::time::Duration = core::time::Duration::from_secs(3600);

/// What came in one wake-up.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Received {
    messages: u32,
    /// Bytes of all.
    length: usize,
    /// Other events, and messages that could not be read.
    others: u32,
}

impl Received {
    /// So many messages of `length` bytes, and nothing else.
    fn of(messages: u32, length: usize) -> Self {
        Self { messages, length: messages as usize * length, others: 0 }
    }
}

/// Polls until there is nothing more, and reads and releases what came.
#[inline(always)]
fn receive<const E: usize, B: AnyLink<E>>(to: &mut B, now: Instant, into: &mut [u8]) -> Received {
    let mut received = Received::default();
    while let Some(event) = to.poll(now) {
        match event {
            Event::Bus(Bus::Message(message)) => {
                let length = usize::from(message.length);
                match into.get_mut(..length).map(|into| to.bus().read(&message, 0, into)) {
                    Some(Ok(())) => received.messages += 1,
                    _ => received.others += 1,
                }
                received.length += length;
                to.bus().release(message);
            }
            _ => received.others += 1,
        }
    }
    received
}
