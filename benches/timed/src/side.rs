// SPDX-License-Identifier: Apache-2.0
//! One side of a timed pair. The sides exchange doorbells, then messages, then floods of messages in which the sender
//! waits for free buffers. The floods run on a link with rpmsg's default of 16 buffers, on a link with 32 buffers, and
//! with messages of maximum length. Side 0 starts each part, measures the times, and prints them.

use core::fmt::Write;

use amp_ivshmem::mem::{Load, SharedMemory, Store, Table};
use amp_ivshmem::platform::{Doorbell, PeerId, Port, Vector};
use amp_ivshmem::rpmsg::{Endpoint, Event, Link, Role, SendError, Settings};

/// Number of round trips of each kind.
const TURNS: u32 = 1001;
/// Number of messages in a flood.
const FLOOD: u32 = 20_000;
/// Size of the directory, and of the area for bare doorbells after the link areas.
const PAGE: u32 = 4096;
/// Size of the area of the second and of the third link.
const SECOND: u32 = 64 * 1024;
/// Size of each side's part of the area for bare doorbells.
const SIDE: u32 = 64;

/// Payload lengths: the one that C OpenAMP's measurement uses, and the longest that fits in a default buffer.
const SHORT: usize = 16;
const LONG: usize = 496;

/// A private payload buffer, aligned like the buffers of an application.
#[repr(align(8))]
struct Payload<const L: usize>([u8; L]);

impl<const L: usize> Payload<L> {
    /// The payload to send.
    const SENT: Self = Self([0x5a; L]);
}

/// An error message. No error is expected.
type Wrong = &'static str;

/// One side of a link with `N` buffers in each direction.
struct Side<'p, P: Port, const N: usize> {
    port: &'p mut P,
    link: Link<P::Memory, P::Doorbell, 1, N>,
    endpoint: Endpoint,
    words: Table<P::Memory, SIDE>,
    peer: PeerId,
    /// The number of this side, 0 or 1.
    number: u32,
    /// Number of waits that have returned.
    wakes: u32,
}

/// Runs the side that this machine's peer id selects.
pub fn run<P: Port>(mut port: P, console: &mut impl Write) -> Result<(), Wrong> {
    let number = u32::from(port.id().0);
    if number > 1 {
        return Err("the server was not fresh: this machine's number is neither 0 nor 1");
    }
    let tell = |console: &mut _, key: &str, value: u32| {
        // The console cannot fail.
        let _ = writeln!(console as &mut dyn Write, "figure {key} {value}");
    };
    let end = port.memory().len().checked_sub(PAGE + 2 * SECOND).ok_or("too little shared memory")?;
    let mut side = Side::<_, 16>::new(&mut port, number, 0, (PAGE, end - PAGE))?;
    let _ = writeln!(console, "ready");
    side.find_peer()?;
    let _ = writeln!(console, "bound");
    let doorbell = side.doorbells()?;
    let message = side.messages()?;
    let (flood, doorbells, wakes) = side.counted_flood::<SHORT>()?;
    if number == 0 {
        tell(console, "doorbell_us", doorbell);
        tell(console, "message_us", message);
        tell(console, "flood_us", flood);
        tell(console, "flood_messages", FLOOD);
    }
    tell(console, "flood_doorbells", doorbells);
    tell(console, "flood_wakes", wakes);
    side.leave_open();
    let mut side = Side::<_, 32>::new(&mut port, number, 1, (end, SECOND))?;
    side.find_peer()?;
    let (_, doorbells, _) = side.counted_flood::<SHORT>()?;
    tell(console, "flood_32_doorbells", doorbells);
    side.leave_open();
    let mut side = Side::<_, 16>::new(&mut port, number, 2, (end + SECOND, SECOND))?;
    side.find_peer()?;
    let (flood, _, _) = side.counted_flood::<LONG>()?;
    if number == 0 {
        tell(console, "flood_long_us", flood);
        tell(console, "flood_long_bytes", FLOOD * LONG as u32);
    }
    side.leave_open();
    Ok(())
}

impl<'p, P: Port, const N: usize> Side<'p, P, N> {
    fn new(port: &'p mut P, number: u32, link: u8, area: (u32, u32)) -> Result<Self, Wrong> {
        let memory = port.memory();
        let words =
            Table::new(&memory, memory.len().saturating_sub(PAGE), 2).map_err(|_| "too little shared memory")?;
        let role = if number == 0 { Role::Host } else { Role::Remote };
        let settings = Settings { link, buffer_count: N as u16, area: Some(area), ..Settings::new(role) };
        let mut link =
            Link::new(memory, port.doorbell(), port.id(), settings).map_err(|_| "the link cannot be here")?;
        let endpoint = link.bus().open("timed").map_err(|_| "no endpoint")?;
        let peer = PeerId(1 - number as u16);
        Ok(Self { port, link, endpoint, words, peer, number, wakes: 0 })
    }

    /// Leaves the link open, because the peer may not have received the last answer yet.
    fn leave_open(self) {
        core::mem::forget(self);
    }

    fn find_peer(&mut self) -> Result<(), Wrong> {
        while self.link.bus().peer_of(self.endpoint).is_none() {
            if self.next_message::<SHORT>()? {
                return Err("a message before its time");
            }
        }
        Ok(())
    }

    /// Exchanges bare doorbells. On side 0, returns the median round-trip time in microseconds.
    fn doorbells(&mut self) -> Result<u32, Wrong> {
        let mut times = [0; TURNS as usize];
        for (turn, time) in (1..).zip(&mut times) {
            if self.number == 0 {
                let begun = self.port.now();
                self.say_turn(turn);
                self.await_turn(turn);
                *time = self.port.now().micros_since(begun) as u32;
            } else {
                self.await_turn(turn);
                self.say_turn(turn);
            }
        }
        Ok(median(&mut times))
    }

    fn say_turn(&self, turn: u32) {
        self.words.store_u32::<0>(self.number, turn, Store::Release);
        // Every device has vector 0.
        let _ = self.port.doorbell().ring(self.peer, Vector(0));
    }

    fn await_turn(&mut self, turn: u32) {
        while self.words.load_u32::<0>(1 - self.number, Load::Acquire) != turn {
            // A doorbell for the link may also end this wait. A doorbell that arrives between the check and the wait
            // ends the wait immediately, so it is not lost.
            self.port.wait(Some(self.port.now().plus_micros(100_000)));
        }
    }

    /// Exchanges 16-byte messages. On side 0, returns the median round-trip time in microseconds.
    fn messages(&mut self) -> Result<u32, Wrong> {
        let mut times = [0; TURNS as usize];
        for time in &mut times {
            if self.number == 0 {
                let begun = self.port.now();
                self.send::<SHORT>()?;
                self.await_message::<SHORT>()?;
                *time = self.port.now().micros_since(begun) as u32;
            } else {
                self.await_message::<SHORT>()?;
                self.send::<SHORT>()?;
            }
        }
        Ok(median(&mut times))
    }

    /// Runs a [flood](Self::flood). Returns its time in microseconds, and the number of doorbells and wake-ups of this
    /// side.
    fn counted_flood<const L: usize>(&mut self) -> Result<(u32, u32, u32), Wrong> {
        let (doorbells, wakes) = (self.link.doorbells(), self.wakes);
        let time = self.flood::<L>()?;
        Ok((time, self.link.doorbells().wrapping_sub(doorbells), self.wakes.wrapping_sub(wakes)))
    }

    /// Sends a flood. On side 0, returns the time in microseconds from the first message to the answer to the last one.
    fn flood<const L: usize>(&mut self) -> Result<u32, Wrong> {
        let begun = self.port.now();
        for _ in 0..FLOOD {
            if self.number == 0 { self.send::<L>()? } else { self.await_message::<L>()? }
        }
        if self.number == 0 {
            self.await_message::<L>()?
        } else {
            self.send::<L>()?
        }
        Ok(self.port.now().micros_since(begun) as u32)
    }

    /// Sends a message. Waits for a free buffer if necessary.
    fn send<const L: usize>(&mut self) -> Result<(), Wrong> {
        loop {
            match self.link.bus().send(self.endpoint, &const { Payload::<L>::SENT }.0) {
                Ok(()) => return Ok(()),
                Err(SendError::NoBuffer) => {
                    if self.link.poll(self.port.now()).is_some() {
                        return Err("something happened in the middle of a flood");
                    }
                    self.wait();
                }
                Err(_) => return Err("a message was not sent"),
            }
        }
    }

    fn await_message<const L: usize>(&mut self) -> Result<(), Wrong> {
        while !self.next_message::<L>()? {}
        Ok(())
    }

    /// Handles the next event, and waits if there is none. Returns true if the event was a message.
    fn next_message<const L: usize>(&mut self) -> Result<bool, Wrong> {
        match self.link.poll(self.port.now()) {
            Some(Event::Message(message)) => {
                let mut bytes = Payload([0; L]);
                let length = usize::from(message.length);
                self.link.bus().read(&message, 0, &mut bytes.0).map_err(|_| "a message cannot be read")?;
                self.link.bus().release(message);
                if length == L && bytes.0 == const { Payload::<L>::SENT }.0 {
                    Ok(true)
                } else {
                    Err("a message was not what was sent")
                }
            }
            Some(Event::Down(_) | Event::Incompatible(_)) => Err("the link went down"),
            Some(_) => Ok(false),
            None => {
                self.wait();
                Ok(false)
            }
        }
    }

    fn wait(&mut self) {
        self.port.wait(Some(self.link.deadline()));
        self.wakes = self.wakes.wrapping_add(1);
    }
}

fn median(times: &mut [u32]) -> u32 {
    times.sort_unstable();
    times.get(times.len() / 2).copied().unwrap_or_default()
}
