// SPDX-License-Identifier: Apache-2.0
//! The test environment: two sides and possibly a rival for each, their doorbells and clock, and the events between
//! their accesses.

use std::cell::{Cell, RefCell};
use std::fmt;

use amp_ivshmem::rpmsg::DownReason;

use super::side::{Side, SideLink};
use super::view::{self, Surroundings};
use crate::input::Input;
use crate::traffic::Traffic;
use crate::user::User;

/// The sides: 0 and 2 are hosts, 1 and 3 are remotes. Sides 2 and 3 are the rivals.
pub const SIDES: [usize; 4] = [0, 1, 2, 3];

/// The sides and everything that they share.
#[derive(Default)]
pub struct World {
    pub input: Input,
    pub(super) sides: [RefCell<Option<Side>>; 4],
    /// Sides that are being created.
    pub(super) starting: [Cell<bool>; 4],
    pub(super) bells: [Cell<bool>; 4],
    /// Sides that run immediately when they are rung.
    pub(super) prompt: [Cell<bool>; 4],
    pub(super) dead: [Cell<bool>; 4],
    /// For each side, the number of accesses until the next event, and the kind of that event.
    pub(super) disturbed: [Cell<Option<(u8, u8)>>; 4],
    /// Number of events so far.
    pub(super) disturbances: Cell<u32>,
    pub(super) accesses: [Cell<u32>; 4],
    /// Number of strays and number of messages that each side still has to send.
    pub(super) plans: [Cell<(u8, u8)>; 4],
    pub(super) now: Cell<u64>,
    pub(super) traffic: Traffic,
    pub(super) sessions: Cell<u32>,
    pub(super) session: [Cell<u32>; 4],
    /// True if two sides of one role existed during the side's session or while its rings were being set up. Two such
    /// sides overwrite each other's words until one of them detects the other.
    pub(super) disputed: [Cell<bool>; 4],
    /// True if two sides of one role may have affected the rings of the side's next session.
    pub(super) disputable: [Cell<bool>; 4],
    /// True if the side has polled since it started. Until then, the block may still contain the words of the previous
    /// incarnation.
    pub(super) polled: [Cell<bool>; 4],
    /// True if two sides of one role have existed at any time.
    pub(super) rivalry: Cell<bool>,
    pub(super) received: [Cell<u32>; 4],
    pub(super) silence: Cell<bool>,
    pub(super) last: [Cell<Option<DownReason>>; 4],
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

/// Returns the world of the current thread.
pub fn world() -> &'static World {
    thread_local! {
        static WORLD: &'static World = {
            let world: &'static World = Box::leak(Box::default());
            view::surround_with(world);
            world
        };
    }
    WORLD.with(|world| *world)
}

impl World {
    pub fn reset(&self, data: &[u8]) {
        self.input.set(data);
        self.end();
        self.now.set(1);
        self.traffic.clear();
        self.rivalry.set(false);
        for which in SIDES {
            self.bells[which].set(false);
            self.prompt[which].set(false);
            self.plans[which].set((0, 0));
            self.received[which].set(0);
            self.last[which].set(None);
            self.disputed[which].set(false);
            self.disputable[which].set(false);
            self.polled[which].set(false);
        }
    }

    /// Derives the properties of all sides from `byte`, and starts some sides.
    pub fn configure(&self, byte: u8) {
        self.silence.set(byte & 1 != 0);
        for which in [0, 1] {
            self.prompt[which].set(byte & 8 << which != 0);
            if byte & 2 << which != 0 {
                self.start(which);
            }
        }
    }

    /// Removes all sides without notifying their peers.
    pub fn end(&self) {
        for which in SIDES {
            self.dead[which].set(false);
            self.starting[which].set(false);
            self.disturbed[which].set(None);
            if let Some(side) = self.sides[which].take() {
                std::mem::forget(side.user.link);
            }
        }
    }

    /// Ends all disturbances.
    pub fn calm(&self) {
        for which in SIDES {
            self.disturbed[which].set(None);
            self.plans[which].set((0, 0));
        }
    }

    /// Runs `act` on a side if the side exists and is idle.
    pub(super) fn with<T>(&self, which: usize, act: impl FnOnce(&mut Side) -> T) -> Option<T> {
        let done = self.sides[which].try_borrow_mut().ok()?.as_mut().map(act);
        if self.dead[which].get() && self.sides[which].try_borrow_mut().is_ok() && !self.starting[which].get() {
            self.kill(which);
        }
        done
    }

    /// Returns true if a side exists, whether idle or busy.
    pub fn is_there(&self, which: usize) -> bool {
        self.sides[which].try_borrow().map_or(true, |side| side.is_some()) || self.starting[which].get()
    }

    pub fn start(&self, which: usize) {
        if self.is_there(which) {
            return;
        }
        self.starting[which].set(true);
        self.begin(which);
        let side = Side::new(which, self.silence.get());
        self.sides[which].replace(Some(side));
        self.starting[which].set(false);
        if self.dead[which].get() {
            self.kill(which);
        }
    }

    /// Voids the messages in flight to the previous incarnation before a new incarnation starts.
    fn begin(&self, which: usize) {
        self.bells[which].set(false);
        self.new_session(which);
        self.traffic.void(which & 1 ^ 1);
        self.disputed[which].set(false);
        self.disputable[which].set(false);
        self.polled[which].set(false);
        self.dispute();
    }

    pub(super) fn new_session(&self, which: usize) {
        self.sessions.set(self.sessions.get() + 1);
        self.session[which].set(self.sessions.get());
    }

    /// Kills a side without notifying its peer.
    pub fn part(&self, which: usize) {
        if self.starting[which].get() {
            return;
        }
        self.dispute();
        let Ok(Some(side)) = self.sides[which].try_borrow_mut().map(|mut side| side.take()) else { return };
        std::mem::forget(side.user.link);
        self.dead[which].set(false);
        self.disturbed[which].set(None);
        self.prompt[which].set(false);
    }

    /// Kills a side without notifying its peer, and starts it again.
    pub fn kill(&self, which: usize) {
        if self.sides[which].try_borrow_mut().is_ok() && !self.starting[which].get() {
            let prompt = self.prompt[which].get();
            self.part(which);
            self.start(which);
            self.prompt[which].set(prompt);
        }
    }

    /// Makes a side leave without restarting it.
    pub fn leave(&self, which: usize) {
        self.dispute();
        let Ok(Some(side)) = self.sides[which].try_borrow_mut().map(|mut side| side.take()) else { return };
        self.starting[which].set(true);
        drop(side);
        self.starting[which].set(false);
        self.dead[which].set(false);
        self.disturbed[which].set(None);
        self.prompt[which].set(false);
    }

    /// Makes a side close and reopen its link. The side keeps its messages and buffers, which become void.
    pub fn reopen(&self, which: usize) {
        self.with(which, |side| {
            self.begin(which);
            side.reopen(self.silence.get());
        });
    }

    /// Schedules an event. The input determines the number of accesses by the side until the event.
    pub fn disturb(&self, which: usize, kind: u8) {
        self.disturbed[which].set(self.input.byte().map(|gap| (gap & 0x7f, kind & 0x0f)));
    }

    pub fn toggle_prompt(&self, which: usize) {
        self.prompt[which].set(!self.prompt[which].get());
    }

    pub fn wait(&self, micros: u64) {
        self.now.set(self.now.get() + micros);
    }

    pub fn lose_bells(&self) {
        self.bells.iter().for_each(|bell| bell.set(false));
    }

    /// Runs `act` on the user of a side.
    pub fn user(&self, which: usize, act: impl FnOnce(&mut User<SideLink>)) {
        self.with(which, |side| act(&mut side.user));
    }

    pub fn rivalry(&self) -> bool {
        self.rivalry.get()
    }
}

impl Surroundings for World {
    fn before(&self, which: usize) -> bool {
        self.accesses[which].set(self.accesses[which].get() + 1);
        match self.disturbed[which].get() {
            None => {}
            Some((0, kind)) => {
                self.disturbed[which].set(None);
                self.disturbances.set(self.disturbances.get() + 1);
                let (other, rival) = (which ^ 1, which ^ 2);
                match kind {
                    0 => self.dead[which].set(true),
                    1 => self.lose_bells(),
                    2 => self.wait(400_000),
                    3 => self.kill(other),
                    4 => self.reopen(other),
                    5 => {
                        self.send(other, false);
                        self.turn(other);
                    }
                    6 => {
                        self.turn(other);
                        self.refill(other);
                    }
                    7 => drop(self.with(other, |side| side.user.toggle_extra())),
                    8 => self.start(rival),
                    9 => self.turn(rival),
                    10 => drop(self.send(rival, false)),
                    11 => self.part(rival),
                    12 => self.turn(other ^ 2),
                    _ => self.turn(other),
                }
                // Schedule the next event if there is more input.
                self.disturb(which, kind.wrapping_add(self.input.byte().unwrap_or(0)));
            }
            Some((gap, kind)) => self.disturbed[which].set(Some((gap - 1, kind))),
        }
        !self.dead[which].get()
    }

    fn ring(&self, which: usize) {
        let Some(bell) = self.bells.get(which) else { return };
        bell.set(true);
        if self.prompt[which].get() {
            self.disturbances.set(self.disturbances.get() + 1);
            self.turn(which);
            self.refill(which);
        }
    }
}
