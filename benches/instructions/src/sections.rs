// SPDX-License-Identifier: Apache-2.0
//! The counted sections, in order. Each section reports its name and its number of messages.
//!
//! Each message is sent together with its doorbell. The receiver does what a machine does when it wakes up: it reads
//! the clock, polls the link, reads the payload and releases the buffer. It then polls until there are no more events,
//! which requests the next doorbell. The markers enclose all these steps, and a few instructions of the benchmark
//! itself.

use core::hint::black_box;

use amp_ivshmem::mem::SharedMemory;
use amp_ivshmem::platform::{Doorbell, Instant};
use amp_ivshmem::rpmsg::{AnyLink, Endpoint, Event, Role, Settings};

use crate::bench::Bench;
use crate::markers;
use crate::sides::{HEARTBEAT, Sides, Wrong};
#[cfg(not(target_os = "none"))]
use crate::sides::{LARGE, PART};

/// Number of messages per section, a multiple of the smallest ring size.
const MESSAGES: u32 = 64;
/// Number of messages per burst. All of them are sent before the first one is received.
const BURST: u32 = 8;
/// A private payload buffer, aligned like the buffers of an application.
#[repr(align(8))]
struct Buffer([u8; 496]);

impl<M: SharedMemory, D: Doorbell + Copy, N: Fn() -> Instant, T: FnMut(&str, u32)> Bench<M, D, N, T> {
    /// Checks the copy functions that the sections use, then runs the sections that fit in every machine's memory.
    pub fn run(&mut self) -> Result<(), Wrong> {
        amp_ivshmem_test_copies::check(&self.part(0)?).ok_or("payload does not arrive as it left")?;
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

    /// Runs the sections with a large ring and with many endpoints, which need more memory than some machines have.
    #[cfg(not(target_os = "none"))]
    pub fn run_large(&mut self) -> Result<(), Wrong> {
        const COUNT: usize = 1024;
        let settings = |role| Settings { heartbeat: HEARTBEAT, buffer_count: COUNT as u16, ..Settings::new(role) };
        let memory = self.memory.part(4 * PART, LARGE).ok_or("the memory is smaller than 3 MiB")?;
        let mut sides = self.native::<4, COUNT>(memory, settings(Role::Host), settings(Role::Remote), 1)?;
        // First, each side sends every buffer once. Until then, a side takes unused buffers and does not collect
        // returned ones.
        self.exchange_warm("ring_1024.16", &mut sides, 16, 2 * COUNT as u32)?;
        let settings = |role| Settings { heartbeat: HEARTBEAT, ..Settings::new(role) };
        let mut sides = self.native::<1, 16>(self.part(3)?, settings(Role::Host), settings(Role::Remote), 1)?;
        self.exchange("endpoints_1.16", &mut sides, 16)?;
        let mut sides = self.native::<1000, 16>(self.part(3)?, settings(Role::Host), settings(Role::Remote), 1000)?;
        self.exchange("endpoints_1000.16", &mut sides, 16)
    }

    /// Sends messages of `length` bytes, alternating between the two sides.
    fn exchange<A: AnyLink, B: AnyLink>(
        &mut self,
        name: &str,
        sides: &mut Sides<A, B>,
        length: usize,
    ) -> Result<(), Wrong> {
        self.exchange_warm(name, sides, length, MESSAGES)
    }

    /// Like [`exchange`](Self::exchange), but does not count the first `warm` messages, which use each entry of both
    /// rings once.
    #[inline(never)]
    fn exchange_warm<A: AnyLink, B: AnyLink>(
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

    // For each kind of link there is one call site that sends and one that polls, as in an application.
    #[inline(never)]
    fn message<A: AnyLink, B: AnyLink>(
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

    /// Sends messages in alternating directions without accessing their payload.
    #[inline(never)]
    fn zero_copy<A: AnyLink, B: AnyLink>(
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
    fn in_place<A: AnyLink, B: AnyLink>(
        &self,
        from: &mut A,
        endpoint: Endpoint,
        to: &mut B,
        length: u16,
    ) -> Result<(), Wrong> {
        markers::begin();
        let reserved = from.bus().alloc_tx_buffer();
        markers::end();
        let reserved = reserved.map_err(|_| "no buffer was reserved")?;
        markers::begin();
        let room = from.bus().buffer_range(&reserved);
        markers::end();
        // An application would fill the buffer here.
        black_box(room).map_err(|_| "a reserved buffer is nowhere")?;
        markers::begin();
        let sent = from.bus().send_nocopy(endpoint, reserved, length);
        markers::end();
        sent.map_err(|_| "a message was not sent")?;
        markers::begin();
        let now = (self.now)();
        let event = to.poll(now);
        markers::end();
        let Some(Event::Message(message)) = event else { return Err("no message was received") };
        markers::begin();
        let place = to.bus().payload_range(&message);
        markers::end();
        // An application would read the message here.
        black_box(place).map_err(|_| "a message is nowhere")?;
        markers::begin();
        to.bus().release(message);
        let more = to.poll(now);
        markers::end();
        if more.is_none() { Ok(()) } else { Err("more than one message was received") }
    }

    /// Sends bursts from one side. The receiver handles each burst in one wake-up.
    #[inline(never)]
    fn bursts<A: AnyLink, B: AnyLink>(
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

    /// Ends the section and reports it.
    fn finish(&mut self, name: &str, messages: u32) -> Result<(), Wrong> {
        markers::section();
        (self.tell)(name, messages);
        Ok(())
    }
}

/// Messages and other events received in one wake-up.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Received {
    messages: u32,
    /// Total length of all messages in bytes.
    length: usize,
    /// Number of other events and of messages that could not be read.
    others: u32,
}

impl Received {
    /// Returns the expected result for `messages` messages of `length` bytes each and no other events.
    fn of(messages: u32, length: usize) -> Self {
        Self { messages, length: messages as usize * length, others: 0 }
    }
}

/// Polls until there are no more events. Reads and releases each message.
#[inline(always)]
fn receive<B: AnyLink>(to: &mut B, now: Instant, into: &mut [u8]) -> Received {
    let mut received = Received::default();
    while let Some(event) = to.poll(now) {
        match event {
            Event::Message(message) => {
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
