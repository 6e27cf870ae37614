// SPDX-License-Identifier: Apache-2.0
//! Traffic between the two sides: sends messages, runs turns, and checks each event.

use amp_ivshmem::platform::Instant;
use amp_ivshmem::rpmsg::{AnyLink, DownReason, Event, Message};

use super::world::{Act, World};
use crate::traffic::{self, MOST, STRAY};
use crate::user::{BUFFERS, SIZE, User};

impl World {
    /// Sends a message to an address that may have no endpoint.
    pub fn stray(&self, which: usize) {
        self.try_stray(which);
    }

    fn try_stray(&self, which: usize) -> bool {
        let next = || self.peer.get().and_then(|peer| peer.input.byte()).unwrap_or(0);
        self.act(which, Act::Stray { kind: next(), argument: next() }) != 0
    }

    /// Makes a side send `strays` messages to addresses that may have no endpoint, and then `messages` normal messages,
    /// whenever it has free buffers.
    pub fn plan(&self, which: usize, strays: u8, messages: u8) {
        self.plans[which].set((strays, messages));
        self.refill(which);
    }

    pub(super) fn refill(&self, which: usize) {
        while let (strays @ 1.., messages) = self.plans[which].get() {
            if !self.try_stray(which) {
                return;
            }
            self.plans[which].set((strays - 1, messages));
        }
        while let (0, messages @ 1..) = self.plans[which].get() {
            if self.act(which, Act::Send { in_place: false }) == 0 {
                return;
            }
            self.plans[which].set((0, messages - 1));
        }
    }

    pub(super) fn turn<L: AnyLink>(&self, which: usize, user: &mut User<L>) {
        for _ in 0..16 {
            let event = user.link.poll(Instant::from_micros(self.now.get()));
            self.bounded(which);
            let Some(event) = event else { break };
            user.told.hear(&event);
            match event {
                Event::Message(message) => self.receive(which, user, message),
                Event::Down(reason) => {
                    let honest = matches!(reason, DownReason::PeerLeft | DownReason::PeerRestarted);
                    assert!(honest || !self.honest.get(), "an honest peer, but {reason}");
                    user.void();
                    self.traffic.void(which ^ 1);
                }
                _ => {}
            }
        }
        let _ = user.link.deadline();
    }

    fn receive<L: AnyLink>(&self, which: usize, user: &mut User<L>, message: Message) {
        let (mut bytes, length) = ([0; MOST], usize::from(message.length));
        assert!(length <= MOST, "{length} bytes in a buffer of {SIZE}");
        user.link.bus().read(&message, 0, &mut bytes[..length]).expect("inside");
        assert!(user.link.bus().read(&message, message.length, &mut [0]).is_err(), "beyond its end");
        let (stamp, to) = traffic::read(&bytes);
        // An empty message is a greeting.
        if self.honest.get() && length > 0 {
            assert_eq!(to, message.endpoint.address().0, "delivered elsewhere");
            assert_eq!((length, bytes), traffic::write(stamp, to, length), "corrupted");
            if stamp & STRAY == 0 {
                assert_eq!((message.endpoint, length), (user.talk, traffic::length(stamp)));
                assert!(stamp > self.received[which].get(), "{stamp} after {}", self.received[which].get());
                self.received[which].set(stamp);
                if self.paired.get() {
                    self.traffic.arrives(which ^ 1, stamp);
                }
            }
        }
        user.keep(message);
    }

    /// Sends a message in each direction. Checks that both messages arrive and that no earlier message is missing.
    pub fn check(&self) {
        if !self.honest.get() || !self.paired.get() {
            return;
        }
        for _ in 0..4 {
            self.wait(100_000);
            for which in [0, 1] {
                self.act(which, Act::GiveBack);
                self.act(which, Act::Turn);
            }
        }
        for which in [0, 1] {
            assert_eq!(self.act(which, Act::Send { in_place: false }), 1, "side {which} cannot send");
            let stamp = self.traffic.last();
            self.act(which ^ 1, Act::Turn);
            assert_eq!(self.received[which ^ 1].get(), stamp, "it does not arrive");
            self.act(which, Act::Turn);
        }
        for which in [0, 1] {
            assert_eq!(self.act(which, Act::CountBuffers), BUFFERS, "of side {which}");
        }
    }
}
