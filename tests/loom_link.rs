// SPDX-License-Identifier: Apache-2.0
//! Loom model of how a link connects: one side restarts while the other enters the RUN state. Loom tries every order of
//! accesses, up to a limit on preemptions.
//!
//! Run it with `RUSTFLAGS="--cfg loom" cargo test --release --features fakes --test loom_link`.
#![cfg(loom)]

use amp_ivshmem::mem::fake::{Model, Weakening};
use amp_ivshmem::platform::fake::NoDoorbell;
use amp_ivshmem::platform::{Instant, PeerId};
use amp_ivshmem::rpmsg::{Address, Config, Endpoint, Event, Link, Role, Settings};
use amp_ivshmem::wire::session::{PAGE, block, directory};
use loom::model::Builder;
use loom::thread;

/// Maximum number of preemptions per execution. A preemption is a switch away from a thread that could continue. The
/// limit does not affect the values that a load may return. The tests finish within a minute with one preemption, but
/// not within several minutes with two.
const PREEMPTIONS: usize = 1;

/// Number of turns until the host and the first remote are running and have each received a message.
const MET: usize = 6;
/// Lowest mark that a newcomer puts into its messages.
const NEW: u8 = 100;

const BUFFERS: u16 = 1;
const BUFFER: u32 = 56;

/// Offsets of both sides' blocks, and of both sides' rings and buffers, in the link's default layout.
const BLOCKS: [u32; 2] = [PAGE, 2 * PAGE];
const DATA: [u32; 2] = [3 * PAGE, 4 * PAGE];

/// Memory orderings removed from the host's accesses and from the remote's accesses.
type Weak = [Option<Weakening>; 2];
const SOUND: Weak = [None, None];

fn memory() -> Model {
    let head = (0, directory::HEAD + directory::ENTRY);
    let rings = 128 + u32::from(BUFFERS) * BUFFER;
    let [host, remote] = BLOCKS.map(|at| (at, block::SIZE));
    let [to_remote, to_host] = DATA.map(|at| (at, rings));
    Model::sparse(5 * PAGE, &[head, host, remote, to_remote, to_host])
}

/// One side of the link, and the events that this side has received.
struct Side {
    link: Link<Model, NoDoorbell, 1, { BUFFERS as usize }>,
    endpoint: Endpoint,
    /// Mark in each message that this side sends.
    mark: u8,
    up: bool,
    /// True if this side has sent its message in the current session.
    sent: bool,
    /// Lowest mark that this side accepts in a message. A lower mark belongs to an earlier incarnation or session.
    least: u8,
    /// Mark of the last received message.
    heard: Option<u8>,
}

impl Side {
    fn new(memory: &Model, role: Role, mark: u8) -> Self {
        let id = u16::from(role == Role::Remote);
        let settings = Settings { buffer_count: BUFFERS, buffer_size: BUFFER, ..Settings::new(role) };
        let mut link = Link::new(memory.clone(), NoDoorbell, PeerId(id), settings).unwrap();
        let (address, peer) = (Some(Address(7 + u32::from(id))), Some(Address(8 - u32::from(id))));
        let endpoint = link.bus().open_with(&Config { name: None, address, peer }).unwrap();
        Self { link, endpoint, mark, up: false, sent: false, least: 1, heard: None }
    }

    /// Sends one message per session.
    fn send(&mut self) {
        if self.up && !self.sent {
            self.link.bus().send(self.endpoint, &[self.mark]).unwrap();
            self.sent = true;
        }
    }

    /// Polls once and records the event.
    fn turn(&mut self) {
        match self.link.poll(Instant::default()) {
            Some(Event::Up { .. }) => self.up = true,
            Some(Event::Down(_)) => {
                (self.up, self.sent, self.heard, self.mark) = (false, false, None, self.mark + 1);
                if self.mark < NEW {
                    self.least = NEW;
                }
            }
            Some(Event::Message(message)) => {
                let mut byte = [0];
                assert!(self.up, "a message, and no session");
                assert_eq!(message.length, 1);
                self.link.bus().read(&message, 0, &mut byte).unwrap();
                self.link.bus().release(message);
                assert!(byte[0] >= self.least, "a message of another incarnation");
                assert_eq!(self.heard.replace(byte[0]), None, "one message was sent in this session");
            }
            Some(event @ Event::Incompatible(_)) => panic!("{event:?}"),
            Some(_) | None => {}
        }
    }
}

/// Parameters of a run: the side that restarts, when the concurrent part begins, and how long it lasts.
#[derive(Clone, Copy, Debug)]
struct Rebirth {
    role: Role,
    /// Number of sequential turns before the concurrent part. If this number is 0, the newcomer also starts
    /// concurrently.
    stage: usize,
    /// Number of concurrent turns of the survivor and of the newcomer.
    turns: [usize; 2],
}

/// Connects a host and a remote. Then one side dies while messages are in flight, and a newcomer with the same role
/// starts.
///
/// The mark in the survivor's messages identifies the session. The mark in the other messages identifies the sender's
/// incarnation.
fn one_is_born_again(Rebirth { role, stage, turns }: Rebirth, [host_lacks, remote_lacks]: Weak) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.max_branches = 20_000;
    builder.check(move || {
        let memory = memory();
        let mut sides = [(Role::Host, host_lacks), (Role::Remote, remote_lacks)];
        if role == Role::Host {
            sides.reverse();
        }
        let [(stays, survivor_lacks), (_, newcomer_lacks)] = sides;
        let there = memory.weakened(newcomer_lacks);
        let mut survivor = Side::new(&memory.weakened(survivor_lacks), stays, 1);
        let mut old = Side::new(&there, role, 1);
        for _ in 0..MET {
            for side in [&mut old, &mut survivor] {
                side.turn();
                side.send();
            }
        }
        // The old side dies without notifying its peer.
        std::mem::forget(old);
        let born = move || {
            let mut new = Side::new(&there, role, NEW);
            new.least = 2;
            new
        };
        let newcomer = if stage == 0 {
            thread::spawn(move || turn(born(), turns[1]))
        } else {
            let mut new = born();
            for turn in 0..stage {
                if turn % 2 == 0 { new.turn() } else { survivor.turn() }
            }
            thread::spawn(move || turn(new, turns[1]))
        };
        let mut survivor = turn(survivor, turns[0]);
        let mut new = newcomer.join().unwrap();
        // From here on, all earlier stores are visible to both sides.
        for _ in 0..12 {
            for side in [&mut survivor, &mut new] {
                side.turn();
                side.send();
            }
        }
        assert!(survivor.up && new.up, "the two did not find together");
        assert_eq!(survivor.heard, Some(new.mark), "a message of another incarnation");
        assert_eq!(new.heard, Some(survivor.mark), "a message for another incarnation");
        std::mem::forget((survivor, new));
    });
}

fn turn(mut side: Side, turns: usize) -> Side {
    for _ in 0..turns {
        side.turn();
    }
    side
}

/// Numbers of concurrent turns of the survivor and of the newcomer.
const TURNS: [[usize; 2]; 4] = [[4, 1], [1, 4], [2, 2], [3, 3]];

/// Begins the concurrent part at each point between the newcomer's first store and the moment when both sides are in
/// the RUN state.
#[test]
fn nothing_of_a_former_incarnation_is_accepted() {
    for role in [Role::Remote, Role::Host] {
        for stage in 1..=9 {
            for turns in TURNS {
                one_is_born_again(Rebirth { role, stage, turns }, SOUND);
            }
        }
    }
}

/// Lets the survivor end the old session and begin a new one before or during the newcomer's start.
#[test]
fn a_newcomer_is_seen_whole_or_not_at_all() {
    for turns in TURNS.into_iter().chain([[5, 1]]) {
        one_is_born_again(Rebirth { role: Role::Remote, stage: 0, turns }, SOUND);
    }
}

/// Runs the same checks, each with one of the link's memory orderings removed. Each check must fail. Two orderings are
/// not tested:
///
/// * The ordering of the epoch. `docs/explanation/memory-model.md` explains why.
/// * The ordering of the store that confirms the host's epoch on the remote. A full barrier in the remote's search for
///   the link precedes this store.
mod weakened {
    use super::*;

    const STATE: [u32; 2] = [BLOCKS[0] + block::STATE, BLOCKS[1] + block::STATE];
    const CONFIRMED: [u32; 2] = [BLOCKS[0] + block::PEER_EPOCH, BLOCKS[1] + block::PEER_EPOCH];
    /// The survivor ends the old session and confirms the newcomer, while the newcomer reads the confirmation.
    const CONFIRMING: Rebirth = Rebirth { role: Role::Remote, stage: 1, turns: [3, 3] };
    const HOST_READY: Rebirth = Rebirth { role: Role::Remote, stage: 4, turns: [1, 4] };
    const REMOTE_READY: Rebirth = Rebirth { role: Role::Remote, stage: 6, turns: [4, 1] };

    #[test]
    #[should_panic(expected = "another incarnation")]
    fn the_host_confirms_before_it_has_left_its_session() {
        one_is_born_again(CONFIRMING, [Some(Weakening::StoresAt(CONFIRMED[0])), None]);
    }

    #[test]
    #[should_panic(expected = "another incarnation")]
    fn the_remote_sees_the_state_of_before_the_host_s_confirmation() {
        one_is_born_again(CONFIRMING, [None, Some(Weakening::LoadsAt(CONFIRMED[0]))]);
    }

    #[test]
    #[should_panic(expected = "another incarnation")]
    fn the_host_sees_the_state_of_before_the_remote_s_confirmation() {
        let host = Rebirth { role: Role::Host, ..CONFIRMING };
        one_is_born_again(host, [Some(Weakening::LoadsAt(CONFIRMED[1])), None]);
    }

    #[test]
    #[should_panic(expected = "another incarnation")]
    fn the_host_is_ready_before_its_rings_are() {
        one_is_born_again(HOST_READY, [Some(Weakening::StoresAt(STATE[0])), None]);
    }

    #[test]
    #[should_panic(expected = "another incarnation")]
    fn the_remote_looks_at_rings_before_it_has_seen_the_host_ready() {
        one_is_born_again(HOST_READY, [None, Some(Weakening::LoadsAt(STATE[0]))]);
    }

    #[test]
    #[should_panic(expected = "a message of another incarnation")]
    fn the_remote_is_ready_before_its_rings_are() {
        one_is_born_again(REMOTE_READY, [None, Some(Weakening::StoresAt(STATE[1]))]);
    }

    #[test]
    #[should_panic(expected = "a message of another incarnation")]
    fn the_host_looks_at_rings_before_it_has_seen_the_remote_ready() {
        one_is_born_again(REMOTE_READY, [Some(Weakening::LoadsAt(STATE[1])), None]);
    }
}
