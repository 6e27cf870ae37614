// SPDX-License-Identifier: Apache-2.0
//! Runs links over long periods of virtual time, with both profiles: one side starts a day after the other, and both
//! then idle for a day. Also measures how long a survivor takes to detect that its peer has died.

use std::time::Duration;

use amp_ivshmem::mem::Region;
use amp_ivshmem::mem::fake::Heap;
use amp_ivshmem::openamp;
use amp_ivshmem::platform::fake::CountingDoorbell;
use amp_ivshmem::platform::{Instant, PeerId};
use amp_ivshmem::rpmsg::{AnyLink, DownReason, Endpoint, Event, Link, Role, Settings};

const MEMORY: u32 = 64 * 1024;
/// All times are in microseconds.
const SECOND: u64 = 1_000_000;
const DAY: u64 = 24 * 3600 * SECOND;

/// One side of a link with one endpoint, independent of the profile.
trait Machine {
    /// Returns when the side runs next if no doorbell rings.
    fn wake(&self) -> u64;
    /// Polls the link if the side's doorbell has rung or the side's wake-up time has been reached.
    fn run(&mut self, now: u64);
    fn is_bound(&mut self) -> bool;
    fn send(&mut self, byte: u8);
    /// Returns the bytes of all messages received since the last call.
    fn heard(&mut self) -> Vec<u8>;
    /// Returns why the link last went down.
    fn down(&self) -> Option<DownReason>;
}

struct Side<L> {
    id: PeerId,
    doorbell: CountingDoorbell,
    link: L,
    endpoint: Endpoint,
    heard: Vec<u8>,
    wake: u64,
    /// Maximum delay of the side's timer.
    late: u64,
    random: u64,
    down: Option<DownReason>,
}

impl<L: AnyLink> Side<L> {
    fn new(id: PeerId, doorbell: &CountingDoorbell, mut link: L, late: u64) -> Self {
        let endpoint = link.bus().open("talk").unwrap();
        Self { id, doorbell: doorbell.clone(), link, endpoint, heard: Vec::new(), wake: 0, late, random: 1, down: None }
    }
}

impl<L: AnyLink> Machine for Side<L> {
    fn wake(&self) -> u64 {
        if self.doorbell.is_rung(self.id) { 0 } else { self.wake }
    }

    fn run(&mut self, now: u64) {
        if self.wake() > now {
            return;
        }
        let _ = self.doorbell.take(self.id);
        while let Some(event) = self.link.poll(Instant::from_micros(now)) {
            match event {
                Event::Message(message) => {
                    // In the `openamp` profile, the peer confirms a binding with an empty message, which the
                    // application also receives.
                    let mut bytes = vec![0; message.length.into()];
                    self.link.bus().read(&message, 0, &mut bytes).unwrap();
                    self.link.bus().release(message);
                    self.heard.extend(bytes);
                }
                Event::Down(reason) => self.down = Some(reason),
                Event::Incompatible(refusal) => panic!("{refusal}"),
                _ => {}
            }
        }
        self.random = self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
        let late = if self.late == 0 { 0 } else { 1 + (self.random >> 33) % self.late };
        self.wake = self.link.deadline().as_micros() + late;
    }

    fn is_bound(&mut self) -> bool {
        self.link.bus().peer_of(self.endpoint).is_some()
    }

    fn send(&mut self, byte: u8) {
        self.link.bus().send(self.endpoint, &[byte]).unwrap();
    }

    fn heard(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.heard)
    }

    fn down(&self) -> Option<DownReason> {
        self.down
    }
}

/// Advances the time until `done` returns true, but not past `until`. Returns the new time.
fn pass(
    sides: &mut [&mut dyn Machine],
    mut now: u64,
    until: u64,
    mut done: impl FnMut(&mut [&mut dyn Machine]) -> bool,
) -> u64 {
    let mut turns = 0;
    while !done(sides) {
        let next = sides.iter().map(|side| side.wake().max(now)).min().unwrap_or(until);
        if next >= until {
            return until;
        }
        turns = if next == now { turns + 1 } else { 0 };
        assert!(turns < 1000, "they never sleep");
        now = next;
        sides.iter_mut().for_each(|side| side.run(now));
    }
    now
}

/// Waits until both sides have bound their endpoints, and sends one message in each direction. All this must happen
/// within one second of virtual time after `now`. Returns the time of the last message.
fn talk(first: &mut dyn Machine, second: &mut dyn Machine, now: u64, number: u8) -> u64 {
    let begun = now;
    let mut now = pass(&mut [first, second], now, now + SECOND, |sides| sides.iter_mut().all(|side| side.is_bound()));
    assert!(now < begun + SECOND, "not bound within a second");
    first.send(number);
    second.send(number + 1);
    let mut heard = [Vec::new(), Vec::new()];
    now = pass(&mut [first, second], now, begun + SECOND, |sides| {
        heard.iter_mut().zip(sides).for_each(|(heard, side)| heard.extend(side.heard()));
        heard.iter().all(|heard| !heard.is_empty())
    });
    assert_eq!(heard, [[number + 1], [number]], "by {} µs", now - begun);
    now
}

/// Returns the peer's role.
fn other(role: Role) -> Role {
    if role == Role::Host { Role::Remote } else { Role::Host }
}

fn id(role: Role) -> PeerId {
    PeerId(u16::from(role == Role::Remote))
}

fn native<'t>(heap: &'t Heap, doorbell: &CountingDoorbell, settings: Settings, late: u64) -> Box<dyn Machine + 't> {
    let id = id(settings.role);
    let link: Link<Region<'_>, _, 1, 16> = Link::new(heap.region(), doorbell.clone(), id, settings).unwrap();
    Box::new(Side::new(id, doorbell, link, late))
}

fn openamp<'t>(heap: &'t Heap, doorbell: &CountingDoorbell, role: Role) -> Box<dyn Machine + 't> {
    let settings = openamp::Settings::dual_qemu_ivshmem(MEMORY).unwrap();
    if role == Role::Host {
        let link: openamp::Host<Region<'_>, _, 1, 16> =
            openamp::Host::new(heap.region(), doorbell.clone(), id(role), settings).unwrap();
        Box::new(Side::new(id(role), doorbell, link, 0))
    } else {
        let link: openamp::Remote<Region<'_>, _, 1, 16> =
            openamp::Remote::new(heap.region(), doorbell.clone(), id(role), settings).unwrap();
        Box::new(Side::new(id(role), doorbell, link, 0))
    }
}

/// Runs the first side alone for a day. Then both sides exchange messages, idle for a second day, and exchange messages
/// again.
fn starts_a_day_later<'t>(of: impl Fn(Role) -> Box<dyn Machine + 't>, first: Role, doorbell: &CountingDoorbell) {
    let second = other(first);
    let mut first = of(first);
    let mut now = pass(&mut [&mut *first], 0, DAY, |_| false);
    // A side that has not started does not receive doorbells.
    doorbell.take_all();
    let mut second = of(second);
    for number in [10, 20] {
        now = talk(&mut *first, &mut *second, now, number);
        now = pass(&mut [&mut *first, &mut *second], now, now + DAY, |_| false);
    }
    assert_eq!((first.heard(), second.heard()), (Vec::new(), Vec::new()), "nothing more was sent");
    assert_eq!((first.down(), second.down()), (None, None));
}

#[test]
fn native_sides_start_a_day_apart_and_idle_for_a_day() {
    for first in [Role::Host, Role::Remote] {
        let (heap, doorbell) = (Heap::new(MEMORY), CountingDoorbell::default());
        let of = |role| {
            let settings = Settings { peer_timeout: Some(Duration::from_secs(1)), ..Settings::new(role) };
            native(&heap, &doorbell, settings, 0)
        };
        starts_a_day_later(of, first, &doorbell);
    }
}

#[test]
fn sides_of_c_s_profile_start_a_day_apart_and_idle_for_a_day() {
    for first in [Role::Host, Role::Remote] {
        let (heap, doorbell) = (Heap::new(MEMORY), CountingDoorbell::default());
        starts_a_day_later(|role| openamp(&heap, &doorbell, role), first, &doorbell);
    }
}

/// Returns the time from the peer's death until the survivor detects the death. The two sides start `apart` sixteenths
/// of a heartbeat period apart. After both sides have run for a while, the peer dies `death` sixteenths of a period
/// after one of its heartbeats. Timers may expire up to `late` microseconds late.
fn noticed(role: Role, limit: u64, [apart, death]: [u64; 2], late: u64) -> u64 {
    let (heap, doorbell) = (Heap::new(MEMORY), CountingDoorbell::default());
    let heartbeat = limit / 10;
    let settings = |role| Settings {
        heartbeat: Duration::from_micros(heartbeat),
        peer_timeout: Some(Duration::from_micros(limit)),
        ..Settings::new(role)
    };
    let mut survivor = native(&heap, &doorbell, settings(role), late);
    let mut now = pass(&mut [&mut *survivor], 0, heartbeat * apart / 16 + 1, |_| false);
    let mut mortal = native(&heap, &doorbell, settings(other(role)), late);
    let dies = now + 5 * limit + heartbeat * death / 16;
    now = pass(&mut [&mut *survivor, &mut *mortal], now, dies, |_| false);
    assert!(survivor.is_bound() && mortal.is_bound() && survivor.down().is_none() && mortal.down().is_none());
    std::mem::forget(mortal);
    now = pass(&mut [&mut *survivor], now, dies + 2 * limit, |sides| sides[0].down().is_some());
    assert_eq!(survivor.down(), Some(DownReason::PeerTimeout));
    now - dies
}

const LIMITS: [u64; 4] = [SECOND / 10, 3 * SECOND / 10, SECOND, 10 * SECOND];

/// Lets the peer die at different phases of both sides' heartbeats. Prints the shortest and the longest time until the
/// death was detected.
fn each_phase(limit: u64, late: u64, allowed: std::ops::RangeInclusive<u64>) {
    let (mut least, mut most) = (u64::MAX, 0);
    for role in [Role::Host, Role::Remote] {
        for phases in (0..16).step_by(3).flat_map(|apart| (0..16).map(move |death| [apart, death])) {
            let after = noticed(role, limit, phases, late);
            (least, most) = (least.min(after), most.max(after));
            assert!(allowed.contains(&after), "{role:?}, {limit} µs, {phases:?}: after {after} µs");
        }
    }
    println!("limit {limit} µs, timers up to {late} µs late: {least} to {most} µs after the death");
}

/// If the heartbeat period is a tenth of the limit, the time until a death is detected differs from the limit by at
/// most 10 %, plus the delays of the timers.
#[test]
fn a_death_is_noticed_within_a_heartbeat_of_the_limit() {
    for limit in LIMITS {
        let late = limit / 10_000;
        each_phase(limit, late, limit * 9 / 10 - 2 * late..=limit * 11 / 10 + 12 * late);
    }
}

/// If the clock and the timers are exact, the timeout coincides with a heartbeat. The timeout must expire at this
/// heartbeat and not at the next one. A tick-based clock has the same effect.
#[test]
fn nor_is_it_a_beat_later_by_an_exact_clock() {
    for limit in LIMITS {
        each_phase(limit, 0, limit * 9 / 10..=limit * 11 / 10);
    }
}
