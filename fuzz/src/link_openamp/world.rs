// SPDX-License-Identifier: Apache-2.0
//! The test environment: host and remote, their doorbells and clock, and the events between their accesses. An event is
//! a turn of the other side or a write by a hostile peer.

use std::cell::{Cell, RefCell};
use std::fmt;

use amp_ivshmem::mem::fake::{Hook, Hooked};
use amp_ivshmem::openamp::{Host, Layout, Remote, Settings};
use amp_ivshmem::platform::{Doorbell, PeerId, Vector, VectorOutOfRange};
use amp_ivshmem::rpmsg::{Address, AnyLink, Config};

use crate::memory;
use crate::scribbler::Scribbler;
use crate::traffic::{Stray, Traffic};
use crate::user::{BUFFERS, ENDPOINTS, SIZE, User};

/// The parts that a hostile peer overwrites: the status word, two vrings, and the buffers.
pub const LAYOUT: Layout = Layout {
    status: 0,
    to_host: 0x100,
    to_remote: 0x200,
    count: BUFFERS as u16,
    align: 4,
    buffers: 0x400,
    to_remote_buffers: 0x400 + BUFFERS as u32 * SIZE,
    to_host_size: SIZE,
    to_remote_size: SIZE,
};

/// The maximum number of memory accesses per call.
const MOST_ACCESSES: u32 = 1200;
/// Addresses of the endpoints that exchange all messages. They are fixed, so that no announcements are needed.
const TALK: [u32; 2] = [10, 20];
/// Offsets of each side's send buffers.
const BUFFERS_AT: [u32; 2] = [LAYOUT.to_remote_buffers, LAYOUT.buffers];

/// The memory as one side sees it.
#[derive(Debug)]
pub struct View(usize);

impl Hook for View {
    fn before(&self) -> bool {
        world().before(self.0)
    }
}

static VIEWS: [View; 2] = [View(0), View(1)];

/// A doorbell that sets a flag, or immediately runs the side that is rung.
#[derive(Clone, Copy, Debug)]
pub struct Bell(usize);

impl Doorbell for Bell {
    fn ring(&self, peer: PeerId, _: Vector) -> Result<(), VectorOutOfRange> {
        let world = world();
        world.before(self.0);
        if world.prompt[usize::from(peer.0)].get() {
            world.act(peer.0.into(), Act::Turn);
            world.refill(peer.0.into());
        }
        Ok(())
    }
}

type Memory = Hooked<'static, View>;

/// An action of a side.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    Turn,
    Send { in_place: bool },
    Stray { kind: u8, argument: u8 },
    Reserve,
    Cancel,
    Hold(u8),
    Release(u8),
    GiveBack,
    UseStale,
    ToggleExtra,
    CountBuffers,
}

/// The sides and everything that they share.
#[derive(Default)]
pub struct World {
    pub(super) peer: Cell<Option<&'static Scribbler>>,
    /// True if there is no hostile peer.
    pub(super) honest: Cell<bool>,
    /// True if no side has restarted alone. In that case, no message may be lost.
    pub(super) paired: Cell<bool>,
    pub(super) host: RefCell<Option<User<Host<Memory, Bell, ENDPOINTS, BUFFERS>>>>,
    pub(super) remote: RefCell<Option<User<Remote<Memory, Bell, ENDPOINTS, BUFFERS>>>>,
    pub(super) prompt: [Cell<bool>; 2],
    /// For each side, the number of accesses until the next event, and the kind of that event.
    pub(super) disturbed: [Cell<Option<(u8, u8)>>; 2],
    pub(super) accesses: [Cell<u32>; 2],
    pub(super) plans: [Cell<(u8, u8)>; 2],
    pub(super) now: Cell<u64>,
    pub(super) traffic: Traffic,
    pub(super) sessions: Cell<u32>,
    /// The last stamp that each side has received in this incarnation.
    pub(super) received: [Cell<u32>; 2],
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

/// Returns the world of the current thread.
pub fn world() -> &'static World {
    thread_local! {
        static WORLD: &'static World = Box::leak(Box::default());
    }
    WORLD.with(|world| *world)
}

fn settings(peer: u16, address: Option<u64>) -> Settings {
    Settings { layout: LAYOUT, peer: Some(PeerId(peer)), vector: Vector(0), address }
}

fn view(which: usize) -> Memory {
    Hooked::new(memory::heap().region(), &VIEWS[which])
}

fn talk(which: usize) -> Config<'static> {
    Config { name: Some("talk"), address: Some(Address(TALK[which])), peer: Some(Address(TALK[which ^ 1])) }
}

impl World {
    /// Starts both sides.
    pub fn reset(&self, peer: &'static Scribbler, honest: bool) {
        self.peer.set(Some(peer));
        self.honest.set(honest);
        self.now.set(1);
        self.traffic.clear();
        for which in [0, 1] {
            self.prompt[which].set(false);
            self.disturbed[which].set(None);
            self.plans[which].set((0, 0));
        }
        self.paired.set(true);
        self.start_host();
        self.start_remote();
    }

    /// Ends all disturbances.
    pub fn calm(&self) {
        for which in [0, 1] {
            self.disturbed[which].set(None);
            self.plans[which].set((0, 0));
        }
    }

    pub fn end(&self) {
        self.calm();
        std::mem::forget(self.host.take().map(|user| user.link));
        self.remote.take();
    }

    fn start_host(&self) {
        let Ok(before) = self.host.try_borrow_mut().map(|mut host| host.take()) else { return };
        std::mem::forget(before.map(|user| user.link));
        let link = Host::new(view(0), Bell(0), PeerId(0), settings(1, Some(0xafa0_0000))).expect("fits");
        self.host.replace(Some(User::new(link, &talk(0))));
        self.begin(0);
    }

    /// Restarts the host, which sets up the rings again while the remote uses them. The remote checks for a restart
    /// only occasionally, and can detect one only after it has returned buffers. Until the remote detects the restart,
    /// the profile gives no guarantees. In this test, the remote therefore returns all buffers before the restart, and
    /// checks immediately afterwards.
    pub fn restart_host(&self) {
        self.calm();
        self.act(1, Act::GiveBack);
        self.start_host();
        self.traffic.void(1);
        self.wait(200_000);
        self.act(1, Act::Turn);
        self.paired.set(true);
    }

    /// Restarts the remote alone.
    pub fn start_remote(&self) {
        let link = Remote::new(view(1), Bell(1), PeerId(1), settings(0, None)).expect("fits");
        let Ok(before) = self.remote.try_borrow_mut().map(|mut remote| remote.replace(User::new(link, &talk(1))))
        else {
            return;
        };
        self.paired.set(before.is_none() && self.paired.get());
        self.begin(1);
    }

    fn begin(&self, which: usize) {
        self.sessions.set(self.sessions.get() + 1);
        self.received[which].set(0);
        self.traffic.void(which ^ 1);
    }

    /// Performs an action of a side, unless the side is busy.
    pub fn act(&self, which: usize, act: Act) -> usize {
        match which {
            0 => self.host.try_borrow_mut().ok().and_then(|mut user| Some(self.act_as(0, user.as_mut()?, act))),
            _ => self.remote.try_borrow_mut().ok().and_then(|mut user| Some(self.act_as(1, user.as_mut()?, act))),
        }
        .unwrap_or(0)
    }

    fn act_as<L: AnyLink>(&self, which: usize, user: &mut User<L>, act: Act) -> usize {
        let outer = self.accesses[which].replace(0);
        let mut result = 0;
        match act {
            Act::Turn => self.turn(which, user),
            Act::Send { in_place } => {
                let stamp = self.traffic.next();
                // Record the message first, because the other side may take its turn before `send` returns.
                self.traffic.leaves(which, stamp, self.sessions.get());
                result = usize::from(user.send(stamp, in_place));
                if result == 0 {
                    self.traffic.unsent(which, stamp);
                }
            }
            Act::Stray { kind, argument } => {
                let stray = Stray::new(self.traffic.next(), kind, argument);
                result = usize::from(user.stray(&stray, BUFFERS_AT[which]));
            }
            Act::Reserve => user.reserve(),
            Act::Cancel => user.cancel(),
            Act::Hold(most) => user.hold = most.into(),
            Act::Release(index) => user.release(index),
            Act::GiveBack => user.give_back(),
            Act::UseStale => user.use_stale(),
            Act::ToggleExtra => user.toggle_extra(),
            Act::CountBuffers => result = user.buffers(),
        }
        self.bounded(which);
        self.accesses[which].set(outer);
        result
    }

    pub(super) fn bounded(&self, which: usize) {
        let accesses = self.accesses[which].replace(0);
        assert!(accesses <= MOST_ACCESSES, "{accesses} accesses of side {which}");
    }

    /// Schedules an event. The input determines the number of accesses by the side until the event.
    pub fn disturb(&self, which: usize, kind: u8) {
        let gap = self.peer.get().and_then(|peer| peer.input.byte());
        self.disturbed[which].set(gap.map(|gap| (gap & 0x3f, kind & 7)));
    }

    /// Runs before each access by `which`. Both sides are always alive.
    fn before(&self, which: usize) -> bool {
        self.accesses[which].set(self.accesses[which].get() + 1);
        if let Some(peer) = self.peer.get() {
            peer.before();
            match self.disturbed[which].get() {
                None => {}
                Some((0, kind)) => {
                    self.disturbed[which].set(None);
                    let other = which ^ 1;
                    match kind {
                        0 => drop(self.act(other, Act::Send { in_place: false })),
                        1 => drop(self.act(other, Act::Send { in_place: true })),
                        2 => self.stray(other),
                        3 => drop(self.act(other, Act::ToggleExtra)),
                        4 => self.wait(100_000),
                        5 => {
                            self.act(other, Act::Turn);
                            self.refill(other);
                        }
                        _ => drop(self.act(other, Act::Turn)),
                    }
                    // Schedule the next event if there is more input.
                    self.disturb(which, kind.wrapping_add(peer.input.byte().unwrap_or(0)));
                }
                Some((gap, kind)) => self.disturbed[which].set(Some((gap - 1, kind))),
            }
        }
        true
    }

    pub fn toggle_prompt(&self, which: usize) {
        self.prompt[which].set(!self.prompt[which].get());
    }

    pub fn wait(&self, micros: u64) {
        self.now.set(self.now.get() + micros);
    }
}
