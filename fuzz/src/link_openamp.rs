//! Host and remote of the `openamp` profile, in any order of starts and deaths, beside a peer that writes anything or
//! without: within an incarnation nothing twice and nothing out of order; bounded, and never a panic.

use amp_ivshmem::link::openamp::{Host, Layout, Remote, Settings};
use amp_ivshmem::link::{AnyLink, Event};
use amp_ivshmem::mem::fake::Hooked;
use amp_ivshmem::platform::{Instant, PeerId, Vector};
use amp_ivshmem::rpmsg::{Address, Config, Endpoint, Event as BusEvent};

use crate::bell::NoBell;
use crate::memory;
use crate::scribbler::{Scribbler, Target};

const BUFFERS: usize = 4;
/// Status, two vrings, buffers.
const LAYOUT: Layout = Layout {
    status: 0,
    to_host: 0x100,
    to_remote: 0x200,
    count: BUFFERS as u16,
    align: 4,
    buffers: 0x400,
    to_remote_buffers: 0x400 + BUFFERS as u32 * 64,
    to_host_size: 64,
    to_remote_size: 64,
};
const LEN: u32 = 0x400 + 8 * 64;
const TARGETS: &[Target] = &[
    Target { at: 0, stride: 1, slots: 1 },
    Target { at: 0x100, stride: 2, slots: 70 },
    Target { at: 0x200, stride: 2, slots: 70 },
    Target { at: 0x400, stride: 4, slots: 128 },
];
/// No single call looks at the memory more often.
const MOST_ACCESSES: u32 = 1200;

type Memory = Hooked<'static, Scribbler>;

/// One side, whichever, and the last stamp that it received.
struct Side<L> {
    link: L,
    endpoint: Endpoint,
    last: u32,
}

impl<L: AnyLink<2>> Side<L> {
    fn new(mut link: L, own: u32, peer: u32) -> Self {
        // Both ends are known beforehand, so that traffic needs no announcement.
        let config = Config { name: Some("talk"), address: Some(Address(own)), peer: Some(Address(peer)) };
        let endpoint = link.bus().open_with(&config).expect("free");
        Self { link, endpoint, last: 0 }
    }

    fn turn(&mut self, peer: &Scribbler, now: u64, honest: bool) {
        for _ in 0..16 {
            let event = self.link.poll(Instant::from_micros(now));
            peer.bounded(MOST_ACCESSES);
            match event {
                Some(Event::Bus(BusEvent::Message(message))) => {
                    let mut bytes = [0; 4];
                    let read = self.link.bus().read(&message, 0, &mut bytes);
                    let for_us = message.endpoint == self.endpoint && message.length == 4;
                    self.link.bus().release(message);
                    if honest && for_us {
                        read.expect("inside");
                        let stamp = u32::from_le_bytes(bytes);
                        assert!(stamp > self.last, "{stamp} after {}", self.last);
                        self.last = stamp;
                    }
                }
                Some(Event::Down(reason)) => {
                    assert!(
                        !honest
                            || matches!(reason, amp_ivshmem::link::Reason::Left | amp_ivshmem::link::Reason::Restarted),
                        "an honest peer, but {reason}"
                    );
                }
                Some(_) => {}
                None => break,
            }
        }
        let _ = self.link.deadline();
    }

    fn send(&mut self, stamp: u32) {
        let _ = self.link.bus().send(self.endpoint, &stamp.to_le_bytes());
    }
}

fn host(peer: &'static Scribbler) -> Side<Host<Memory, NoBell, 2, BUFFERS>> {
    let settings = Settings { layout: LAYOUT, peer: PeerId(1), vector: Vector(0), address: Some(0xafa0_0000) };
    let link = Host::new(peer.view(), NoBell, &settings).expect("fits");
    peer.bounded(u32::MAX);
    Side::new(link, 10, 20)
}

fn remote(peer: &'static Scribbler) -> Side<Remote<Memory, NoBell, 2, BUFFERS>> {
    let settings = Settings { layout: LAYOUT, peer: PeerId(0), vector: Vector(0), address: None };
    let link = Remote::new(peer.view(), NoBell, settings).expect("fits");
    peer.bounded(u32::MAX);
    Side::new(link, 20, 10)
}

/// One run.
pub fn run(data: &[u8]) {
    let peer = Scribbler::start(data, TARGETS);
    let Some(first) = peer.input.byte() else { return };
    memory::clear(LEN);
    let honest = first & 1 == 0;
    let (mut host_side, mut remote_side) = (host(peer), remote(peer));
    if !honest {
        peer.arm();
    }
    let (mut now, mut stamp) = (1, 0);
    while let Some(byte) = peer.input.byte() {
        stamp += 1;
        match byte & 0x0f {
            0..=2 => host_side.turn(peer, now, honest),
            3..=5 => remote_side.turn(peer, now, honest),
            6 | 7 => host_side.send(stamp),
            8 | 9 => remote_side.send(stamp),
            10 | 11 => now += u64::from(byte >> 4) * 20_000,
            // A host that starts anew sets the rings up under a remote, which can notice it only once in a while; what
            // may happen until then is no promise of this profile, so here the remote looks at once.
            12 => {
                let old = std::mem::replace(&mut host_side, host(peer));
                std::mem::forget(old.link);
                now += 200_000;
                remote_side.turn(peer, now, honest);
            }
            13 => remote_side = remote(peer),
            _ => {
                let config = Config { name: Some("more"), ..Config::default() };
                let bus = host_side.link.bus();
                if let Ok(opened) = bus.open_with(&config) {
                    bus.close(opened);
                }
            }
        }
        peer.bounded(MOST_ACCESSES);
    }
    std::mem::forget(host_side.link);
}
