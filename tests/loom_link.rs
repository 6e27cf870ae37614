//! The hand-over of a link under every order of accesses, up to a bound: one side dies and is born again while the other
//! goes to RUN. Run with `RUSTFLAGS="--cfg loom" cargo test --release --features fakes --test loom_link`.
#![cfg(loom)]

use amp_ivshmem::link::{Event, Link, Role, Settings};
use amp_ivshmem::mem::fake::{Model, Weakening};
use amp_ivshmem::platform::{Doorbell, Instant, PeerId, Vector, VectorOutOfRange};
use amp_ivshmem::rpmsg::{Address, Config, Endpoint, Event as BusEvent};
use amp_ivshmem::wire::link::{PAGE, block, directory};
use loom::model::Builder;
use loom::thread;

/// Nobody hears it: a link must find together by looking alone.
struct Silent;

impl Doorbell for Silent {
    fn ring(&self, _: PeerId, _: Vector) -> Result<(), VectorOutOfRange> {
        Ok(())
    }
}

/// How often a side is switched away from where it could go on. Which of the values that it may see a load gives is not
/// bounded. One ends within a minute, two do not in
/// several.
const PREEMPTIONS: usize = 1;

/// Turns until host and old remote run and have had a message.
const MET: usize = 6;
/// What the newcomer's messages say, at least.
const NEW: u8 = 100;

const BUFFERS: u16 = 1;
const BUFFER: u32 = 56;

/// Where the blocks of host and remote are, and their rings and buffers; as a link lays them out in a memory of its own.
const BLOCKS: [u32; 2] = [PAGE, 2 * PAGE];
const DATA: [u32; 2] = [3 * PAGE, 4 * PAGE];

/// What the host's and the remote's memory lack.
type Weak = [Option<Weakening>; 2];
const SOUND: Weak = [None, None];

fn memory() -> Model {
    let head = (0, directory::HEAD + directory::ENTRY);
    let rings = 128 + u32::from(BUFFERS) * BUFFER;
    let [host, remote] = BLOCKS.map(|at| (at, block::SIZE));
    let [to_remote, to_host] = DATA.map(|at| (at, rings));
    Model::sparse(5 * PAGE, &[head, host, remote, to_remote, to_host])
}

/// A side, and what it saw.
struct Side {
    link: Link<Model, Silent, 1, { BUFFERS as usize }>,
    endpoint: Endpoint,
    /// What its messages say: of which incarnation they are, or for which.
    mark: u8,
    up: bool,
    /// Whether it has sent the session's message.
    sent: bool,
    /// The least that a message may say: what is below is of another incarnation.
    least: u8,
    /// What the last message said.
    heard: Option<u8>,
}

impl Side {
    fn new(memory: &Model, role: Role, mark: u8) -> Self {
        let id = u16::from(role == Role::Remote);
        let settings = Settings { buffer_count: BUFFERS, buffer_size: BUFFER, ..Settings::new(role) };
        let mut link = Link::new(memory.clone(), Silent, PeerId(id), settings).unwrap();
        let (address, peer) = (Some(Address(7 + u32::from(id))), Some(Address(8 - u32::from(id))));
        let endpoint = link.bus().open_with(&Config { name: None, address, peer }).unwrap();
        Self { link, endpoint, mark, up: false, sent: false, least: 1, heard: None }
    }

    /// Sends one message in each session.
    fn send(&mut self) {
        if self.up && !self.sent {
            self.link.bus().send(self.endpoint, &[self.mark]).unwrap();
            self.sent = true;
        }
    }

    /// One poll. A message is remembered.
    fn turn(&mut self) {
        match self.link.poll(Instant::default()) {
            Some(Event::Up { .. }) => self.up = true,
            Some(Event::Down(_)) => {
                (self.up, self.sent, self.heard, self.mark) = (false, false, None, self.mark + 1);
                if self.mark < NEW {
                    self.least = NEW;
                }
            }
            Some(Event::Bus(BusEvent::Message(message))) => {
                let mut byte = [0];
                assert!(self.up, "a message, and no session");
                assert_eq!(message.length, 1);
                self.link.bus().read(&message, 0, &mut byte).unwrap();
                self.link.bus().release(message);
                assert!(byte[0] >= self.least, "a message of another incarnation");
                assert_eq!(self.heard.replace(byte[0]), None, "one message was sent in this session");
            }
            Some(Event::Bus(_)) | None => {}
            Some(event) => panic!("{event:?}"),
        }
    }
}

/// A host and a remote run, and have messages under way. The remote dies, and another is born: the two take `stage` turns one
/// after the other, and then `turns`, the host's and the newcomer's, at the same time.
///
/// The host's messages say which of its sessions they are of, the remotes' which of the two they are of.
fn the_remote_is_born_again(stage: usize, turns: [usize; 2], [host_lacks, remote_lacks]: Weak) {
    let mut builder = Builder::new();
    builder.preemption_bound = Some(PREEMPTIONS);
    builder.max_branches = 20_000;
    builder.check(move || {
        let memory = memory();
        let there = memory.weakened(remote_lacks);
        let mut host = Side::new(&memory.weakened(host_lacks), Role::Host, 1);
        let mut old = Side::new(&there, Role::Remote, 1);
        for _ in 0..MET {
            for side in [&mut old, &mut host] {
                side.turn();
                side.send();
            }
        }
        // Dead, without a word.
        std::mem::forget(old);
        let mut new = Side::new(&there, Role::Remote, NEW);
        new.least = 2;
        for turn in 0..stage {
            if turn % 2 == 0 { new.turn() } else { host.turn() }
        }
        let newcomer = thread::spawn(move || {
            for _ in 0..turns[1] {
                new.turn();
            }
            new
        });
        for _ in 0..turns[0] {
            host.turn();
        }
        let mut new = newcomer.join().unwrap();
        // All that was written is seen from here on.
        for _ in 0..12 {
            for side in [&mut host, &mut new] {
                side.turn();
                side.send();
            }
        }
        assert!(host.up && new.up, "the two did not find together");
        assert_eq!(host.heard, Some(new.mark), "a message of another incarnation");
        assert_eq!(new.heard, Some(host.mark), "a message for another incarnation");
        std::mem::forget((host, new));
    });
}

/// In the concurrent part one side takes so many turns and the other a few, or both some.
const TURNS: [[usize; 2]; 3] = [[4, 1], [1, 4], [2, 2]];

/// From the newcomer's first word to where both run.
#[test]
fn nothing_of_a_former_incarnation_is_accepted() {
    for stage in 0..=9 {
        for turns in TURNS {
            the_remote_is_born_again(stage, turns, SOUND);
        }
    }
}

/// A host that has time to end the old session and begin another, before or while the newcomer begins.
#[test]
fn a_newcomer_is_seen_whole_or_not_at_all() {
    the_remote_is_born_again(0, [5, 1], SOUND);
}

/// The link's own orderings left out in turn: the tests above must notice. Only those of the state are here. Without those of
/// epoch and confirmation nothing goes wrong within this bound: a side that runs looks for another state first, and a place
/// that was seen changed is not seen as it was before, in whatever order.
mod weakened {
    use super::*;

    const STATE: [u32; 2] = [BLOCKS[0] + block::STATE, BLOCKS[1] + block::STATE];

    #[test]
    #[should_panic(expected = "another incarnation")]
    fn the_host_is_ready_before_its_rings_are() {
        the_remote_is_born_again(4, [1, 4], [Some(Weakening::StoresAt(STATE[0])), None]);
    }

    #[test]
    #[should_panic(expected = "another incarnation")]
    fn the_remote_looks_at_rings_before_it_has_seen_the_host_ready() {
        the_remote_is_born_again(4, [1, 4], [None, Some(Weakening::LoadsAt(STATE[0]))]);
    }

    #[test]
    #[should_panic]
    fn the_remote_is_ready_before_its_rings_are() {
        the_remote_is_born_again(6, [4, 1], [None, Some(Weakening::StoresAt(STATE[1]))]);
    }

    #[test]
    #[should_panic]
    fn the_host_looks_at_rings_before_it_has_seen_the_remote_ready() {
        the_remote_is_born_again(6, [4, 1], [Some(Weakening::LoadsAt(STATE[1])), None]);
    }
}
