// SPDX-License-Identifier: Apache-2.0
//! Traffic between the sides: sends messages, runs turns, and checks each event.

use amp_ivshmem::inspect::{Block, Directory, Link, Role};
use amp_ivshmem::mem::ReadMemory;
use amp_ivshmem::platform::Instant;
use amp_ivshmem::rpmsg::{DownReason, Event, Message, SetupError};
use amp_ivshmem::wire::session::State;

use super::side::Side;
use super::world::{SIDES, World};
use crate::memory;
use crate::traffic::{self, MOST, STRAY, Stray};
use crate::user::BUFFERS;

/// The maximum number of memory accesses per poll, which reads two rings of messages, announcements, and both blocks.
const MOST_ACCESSES: u32 = 600;
/// The maximum number of memory accesses per send.
const MOST_TO_SEND: u32 = 60;

/// Returns the link between the sides.
fn link(memory: &dyn ReadMemory) -> Link<'_> {
    Directory::new(memory).link(0).expect("the first")
}

/// Returns the role of a side.
const fn role_of(which: usize) -> Role {
    if which & 1 == 0 { Role::Host } else { Role::Remote }
}

/// Reads the block of a side's peer. The side must have been up.
fn peer_block(which: usize) -> Block {
    let memory = memory::heap().region();
    link(&memory).block(role_of(which).other()).expect("honest sides").expect("a link that was up")
}

/// Returns the offset of a side's send buffers, or 0 if the side has never been ready.
fn buffers_at(which: usize) -> u32 {
    let memory = memory::heap().region();
    let offer = link(&memory).offer(role_of(which), 0).expect("honest sides");
    offer.map_or(0, |offer| offer.buffers)
}

impl World {
    /// Makes a side send `strays` messages to addresses that may have no endpoint, and then `messages` normal messages,
    /// whenever it has free buffers.
    pub fn plan(&self, which: usize, strays: u8, messages: u8) {
        self.plans[which].set((strays, messages));
        self.refill(which);
    }

    pub fn refill(&self, which: usize) {
        while let (strays @ 1.., messages) = self.plans[which].get() {
            if !self.stray(which) {
                return;
            }
            self.plans[which].set((strays - 1, messages));
        }
        while let (0, messages @ 1..) = self.plans[which].get() {
            if !self.send(which, false) {
                return;
            }
            self.plans[which].set((0, messages - 1));
        }
    }

    /// Sends a message with the next stamp. Returns true if the message was sent.
    pub fn send(&self, which: usize, in_place: bool) -> bool {
        let sent = self.with(which, |side| {
            let (stamp, role) = (self.traffic.next(), which & 1);
            // Record the message first, because the other side may take its turn before `send` returns.
            self.traffic.leaves(role, stamp, self.session[which].get());
            let before = self.accesses[which].replace(0);
            let sent = side.user.send(stamp, in_place);
            let accesses = self.accesses[which].replace(before);
            assert!(accesses <= MOST_TO_SEND, "{accesses} accesses to send");
            if !sent {
                self.traffic.unsent(role, stamp);
            }
            sent.then_some(stamp)
        });
        sent.flatten().is_some()
    }

    /// Sends a message to an address that may have no endpoint.
    pub fn stray(&self, which: usize) -> bool {
        let (kind, length) = (self.input.byte().unwrap_or(0), self.input.byte().unwrap_or(8));
        let stray = Stray::new(self.traffic.next(), kind, length);
        self.with(which, |side| side.user.stray(&stray, buffers_at(which))).unwrap_or(false)
    }

    /// Polls a side if its doorbell has rung or its deadline has expired, as a port would.
    pub fn turn(&self, which: usize) {
        self.with(which, |side| {
            let rung = self.bells[which].replace(false);
            if !rung && self.now.get() < side.user.wake.as_micros() {
                return;
            }
            side.user.wake = Instant::default();
            for _ in 0..32 {
                self.accesses[which].set(0);
                let disturbances = self.disturbances.get();
                // Determine the ghosts before the poll. A successor that polls during this poll is no longer a ghost,
                // but this poll may already have read its old block.
                let ghosts = SIDES.map(|side| self.is_disputed_ghost(side));
                let event = side.user.link.poll(Instant::from_micros(self.now.get()));
                self.polled[which].set(true);
                let accesses = self.accesses[which].get();
                assert!(accesses <= MOST_ACCESSES, "{accesses} accesses in a poll");
                if self.dead[which].get() {
                    break;
                }
                let alone = disturbances == self.disturbances.get();
                match event {
                    Some(event) => self.hear(which, side, event, alone, ghosts),
                    None => {
                        side.user.wake = side.user.link.deadline();
                        if alone && side.user.wake != Instant::default() {
                            self.is_settled(which, side);
                        }
                        break;
                    }
                }
            }
        });
    }

    /// Checks a side that is up and waiting: its peer must run with this side's epoch.
    fn is_settled(&self, which: usize, side: &Side) {
        let Some(epoch) = side.epoch else { return };
        let peer = peer_block(which);
        assert_eq!(peer.peer_epoch, epoch, "side {which} waits, and its peer has another");
        assert!(matches!(peer.state(), Ok(State::Ready | State::Run)), "side {which} waits for {peer:?}");
    }

    fn hear(&self, which: usize, side: &mut Side, event: Event, alone: bool, ghosts: [bool; 4]) {
        side.user.told.hear(&event);
        match event {
            Event::Up { peer } => {
                let ghost = ghosts[usize::from(peer.0)] || self.is_disputed_ghost(peer.0.into());
                self.disputed[which].set(!self.is_undisputed(which) || ghost);
                self.disputable[which].set(self.is_disputed_now());
                assert_eq!(usize::from(peer.0) & 1, which & 1 ^ 1, "the wrong peer");
                side.epoch = alone.then(|| peer_block(which).peer_epoch);
            }
            Event::Down(reason) => {
                let honest =
                    matches!(reason, DownReason::PeerLeft | DownReason::PeerRestarted | DownReason::PeerTimeout);
                assert!(honest || self.disputed[which].get(), "an honest peer, but {reason}");
                self.last[which].set(Some(reason));
                self.new_session(which);
                self.traffic.void(which & 1 ^ 1);
                side.epoch = None;
                side.user.void();
            }
            Event::Incompatible(SetupError::RoleConflict { peer }) if self.rivalry.get() => {
                assert_eq!(usize::from(peer.0), which ^ 2, "the wrong rival");
            }
            Event::Incompatible(refusal) => panic!("an honest peer, but {refusal}"),
            Event::Message(message) => self.receive(which, side, message),
            _ => {}
        }
    }

    fn receive(&self, which: usize, side: &mut Side, message: Message) {
        let (mut bytes, length) = ([0; MOST], usize::from(message.length));
        side.user.link.bus().read(&message, 0, &mut bytes[..length]).expect("inside");
        if self.dead[which].get() {
            return;
        }
        let (stamp, to) = traffic::read(&bytes);
        if !self.disputed[which].get() {
            assert_eq!(to, message.endpoint.address().0, "delivered elsewhere");
            assert_eq!((length, bytes), traffic::write(stamp, to, length), "corrupted");
            if stamp & STRAY == 0 {
                assert_eq!((message.endpoint, length), (side.user.talk, traffic::length(stamp)));
                self.traffic.arrives(which & 1 ^ 1, stamp);
            }
        }
        self.received[which].set(stamp);
        side.user.keep(message);
    }

    pub fn is_bound(&self, which: usize) -> bool {
        self.with(which, |side| side.user.link.bus().peer_of(side.user.talk).is_some()).unwrap_or(false)
    }

    pub fn is_up(&self, which: usize) -> bool {
        self.with(which, |side| side.user.told.is_up()).unwrap_or(false)
    }

    /// Sends a message in each direction, and returns true if both messages arrive.
    pub fn talk(&self, host: usize, remote: usize) -> bool {
        [(host, remote), (remote, host)].into_iter().all(|(from, to)| {
            let sent = self.send(from, false);
            let stamp = self.traffic.last();
            for _ in 0..4 {
                self.turn(to);
                self.turn(from);
            }
            sent && self.received[to].get() == stamp
        })
    }

    /// Checks that all buffers of a side are free again.
    pub fn is_whole(&self, which: usize) {
        let buffers = self.with(which, |side| side.user.buffers());
        assert!(self.disputed[which].get() || buffers == Some(BUFFERS), "side {which} has {buffers:?} buffers");
    }

    pub fn describe(&self) -> String {
        let sides = SIDES.map(|which| {
            format!("up {}, bound {}, last {:?}", self.is_up(which), self.is_bound(which), self.last[which].get())
        });
        format!("{sides:?} at {} ms", self.now.get() / 1000)
    }
}
