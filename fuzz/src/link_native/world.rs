//! Two sides, their doorbells, their clock, and what each may rightly receive.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use amp_ivshmem::link::{Event, Link, Reason, Role, Settings};
use amp_ivshmem::mem::fake::{Hook, Hooked};
use amp_ivshmem::platform::{Doorbell, Instant, PeerId, Vector, VectorOutOfRange};
use amp_ivshmem::rpmsg::{Endpoint, Event as BusEvent, Message};

use crate::input::Input;
use crate::memory;

/// Buffers of each side; few, so that they run out.
const BUFFERS: usize = 4;
/// No poll looks at the memory more often: two rings of messages, announcements, and a look at both blocks.
const MOST_ACCESSES: u32 = 600;

type SideLink = Link<Hooked<'static, View>, Bell, 2, BUFFERS>;

/// One side's view of the memory.
#[derive(Debug)]
pub struct View(usize);

impl Hook for View {
    fn before(&self) -> bool {
        world().before(self.0)
    }
}

static VIEWS: [View; 2] = [View(0), View(1)];

/// Rings by a flag, unless the ringing side is dead.
#[derive(Clone, Copy, Debug)]
struct Bell(usize);

impl Doorbell for Bell {
    fn ring(&self, peer: PeerId, vector: Vector) -> Result<(), VectorOutOfRange> {
        let world = world();
        let alive = world.before(self.0);
        if let Some(bell) = world.bells.get(usize::from(peer.0)).filter(|_| alive) {
            bell.set(true);
        }
        if vector == Vector(0) { Ok(()) } else { Err(VectorOutOfRange { vector, vectors: 1 }) }
    }
}

struct Side {
    link: SideLink,
    endpoint: Endpoint,
    wake: Instant,
    held: Option<Message>,
    hold: bool,
}

/// What was sent in one direction and may still arrive: stamp, and the sender's session.
type Sent = RefCell<VecDeque<(u32, u32)>>;

/// All of it.
pub struct World {
    pub input: Input,
    sides: [RefCell<Option<Side>>; 2],
    bells: [Cell<bool>; 2],
    dead: [Cell<bool>; 2],
    /// After how many accesses of a side something happens, and what.
    disturbed: [Cell<Option<(u8, u8)>>; 2],
    accesses: [Cell<u32>; 2],
    now: Cell<u64>,
    stamp: Cell<u32>,
    /// By sender.
    sent: [Sent; 2],
    session: [Cell<u32>; 2],
    received: [Cell<u32>; 2],
    silence: Cell<bool>,
    last: [Cell<Option<Reason>>; 2],
}

impl fmt::Debug for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("World")
    }
}

/// The world of this thread.
pub fn world() -> &'static World {
    thread_local! {
        static WORLD: &'static World = Box::leak(Box::new(World {
            input: Input::default(),
            sides: Default::default(),
            bells: Default::default(),
            dead: Default::default(),
            disturbed: Default::default(),
            accesses: Default::default(),
            now: Cell::new(0),
            stamp: Cell::new(0),
            sent: Default::default(),
            session: Default::default(),
            received: Default::default(),
            silence: Cell::new(false),
            last: Default::default(),
        }));
    }
    WORLD.with(|world| *world)
}

impl World {
    pub fn reset(&self, data: &[u8]) {
        self.input.set(data);
        self.end();
        self.now.set(1);
        self.stamp.set(0);
        for which in [0, 1] {
            self.bells[which].set(false);
            self.sent[which].borrow_mut().clear();
            self.received[which].set(0);
            self.last[which].set(None);
        }
    }

    /// What both sides are like, and who starts.
    pub fn configure(&self, byte: u8) {
        self.silence.set(byte & 1 != 0);
        if byte & 2 != 0 {
            self.start(0, Role::Host);
        }
        if byte & 4 != 0 {
            self.start(1, Role::Remote);
        }
    }

    /// Both sides are gone, without a word.
    pub fn end(&self) {
        for which in [0, 1] {
            self.dead[which].set(false);
            self.disturbed[which].set(None);
            if let Some(side) = self.sides[which].take() {
                std::mem::forget(side.link);
            }
        }
    }

    /// No more disturbances.
    pub fn calm(&self) {
        self.disturbed.iter().for_each(|disturbed| disturbed.set(None));
    }

    pub fn start_if_absent(&self, which: usize, role: Role) {
        if self.sides[which].borrow().is_none() {
            self.start(which, role);
        }
    }

    fn start(&self, which: usize, role: Role) {
        self.bells[which].set(false);
        self.new_session(which);
        // Whatever was under way to the former incarnation is not for this one.
        self.sent[which ^ 1].borrow_mut().clear();
        let silence = self.silence.get().then_some(Duration::from_millis(300));
        let settings = Settings { buffer_count: BUFFERS as u16, buffer_size: 64, silence, ..Settings::new(role) };
        let memory = Hooked::new(memory::heap().region(), &VIEWS[which]);
        let mut link: SideLink =
            Link::new(memory, Bell(which), PeerId(which as u16), settings).expect("an honest peer's memory");
        let endpoint = link.bus().open("talk").expect("free");
        let side = Side { link, endpoint, wake: Instant::default(), held: None, hold: false };
        self.sides[which].replace(Some(side));
        self.bury(which);
    }

    fn new_session(&self, which: usize) {
        self.session[which].set(self.session[which].get().wrapping_add(1));
    }

    /// Ends a side that has died between two accesses, and starts its next incarnation.
    fn bury(&self, which: usize) {
        if self.dead[which].replace(false) {
            self.kill(which);
        }
    }

    /// A side dies without a word and comes back.
    pub fn kill(&self, which: usize) {
        let Ok(mut side) = self.sides[which].try_borrow_mut() else { return };
        if let Some(side) = side.take() {
            std::mem::forget(side.link);
        }
        drop(side);
        self.disturbed[which].set(None);
        self.start(which, if which == 0 { Role::Host } else { Role::Remote });
    }

    /// A side says that it leaves, and comes back.
    pub fn leave(&self, which: usize) {
        let side = self.sides[which].borrow_mut().take();
        drop(side);
        self.dead[which].set(false);
        self.kill(which);
    }

    /// Something happens after so many more accesses of this side.
    pub fn disturb(&self, which: usize, kind: u8) {
        self.disturbed[which].set(self.input.byte().map(|gap| (gap & 0x7f, kind)));
    }

    /// Before an access of `which`: whether it is alive.
    fn before(&self, which: usize) -> bool {
        self.accesses[which].set(self.accesses[which].get() + 1);
        match self.disturbed[which].get() {
            None => {}
            Some((0, kind)) => {
                self.disturbed[which].set(None);
                let other = which ^ 1;
                match kind {
                    0 | 1 => self.dead[which].set(true),
                    2 => self.lose_bells(),
                    3 => self.wait(400_000),
                    4 => {
                        self.send(other);
                        self.turn(other);
                    }
                    5 if self.sides[other].try_borrow_mut().is_ok() => self.kill(other),
                    _ => self.turn(other),
                }
                // And again, where the bytes go on.
                self.disturb(which, kind.wrapping_add(self.input.byte().unwrap_or(0)) & 7);
            }
            Some((gap, kind)) => self.disturbed[which].set(Some((gap - 1, kind))),
        }
        !self.dead[which].get()
    }

    pub fn wait(&self, micros: u64) {
        self.now.set(self.now.get() + micros);
    }

    pub fn lose_bells(&self) {
        self.bells.iter().for_each(|bell| bell.set(false));
    }

    pub fn hold(&self, which: usize) {
        if let Ok(mut side) = self.sides[which].try_borrow_mut()
            && let Some(side) = &mut *side
        {
            side.hold = true;
        }
    }

    pub fn release(&self, which: usize) {
        if let Ok(mut side) = self.sides[which].try_borrow_mut()
            && let Some(side) = &mut *side
        {
            side.hold = false;
            if let Some(message) = side.held.take() {
                side.link.bus().release(message);
            }
        }
        self.bury_if_free(which);
    }

    fn bury_if_free(&self, which: usize) {
        if self.dead[which].get() && self.sides[which].try_borrow_mut().is_ok() {
            self.bury(which);
        }
    }

    /// Sends a message with the next stamp; whether it was sent.
    pub fn send(&self, which: usize) -> bool {
        let mut sent = false;
        if let Ok(mut side) = self.sides[which].try_borrow_mut()
            && let Some(side) = &mut *side
        {
            self.stamp.set(self.stamp.get() + 1);
            let stamp = self.stamp.get();
            // Noted before: the other side may take its turn before `send` returns.
            self.sent[which].borrow_mut().push_back((stamp, self.session[which].get()));
            sent = side.link.bus().send(side.endpoint, &stamp.to_le_bytes()).is_ok();
            if !sent {
                self.sent[which].borrow_mut().retain(|(noted, _)| *noted != stamp);
            }
        }
        self.bury_if_free(which);
        sent
    }

    /// A side runs, as a port would run it: where its doorbell has rung or its deadline has come.
    pub fn turn(&self, which: usize) {
        {
            let Ok(mut side) = self.sides[which].try_borrow_mut() else { return };
            let Some(side) = &mut *side else { return };
            let rung = self.bells[which].replace(false);
            if !rung && self.now.get() < side.wake.as_micros() {
                return;
            }
            for _ in 0..32 {
                self.accesses[which].set(0);
                let event = side.link.poll(Instant::from_micros(self.now.get()));
                let accesses = self.accesses[which].get();
                assert!(accesses <= MOST_ACCESSES, "{accesses} accesses in a poll");
                if self.dead[which].get() {
                    break;
                }
                match event {
                    Some(event) => self.hear(which, side, event),
                    None => break,
                }
            }
            side.wake = side.link.deadline();
        }
        self.bury_if_free(which);
    }

    fn hear(&self, which: usize, side: &mut Side, event: Event) {
        match event {
            Event::Up { peer } => assert_eq!(usize::from(peer.0), which ^ 1, "the wrong peer"),
            Event::Down(reason) => {
                assert!(
                    matches!(reason, Reason::Left | Reason::Restarted | Reason::Silent),
                    "an honest peer, but {reason}"
                );
                self.last[which].set(Some(reason));
                self.new_session(which);
                self.sent[which ^ 1].borrow_mut().clear();
            }
            Event::Refused(refusal) => panic!("an honest peer, but {refusal}"),
            Event::Bus(BusEvent::Message(message)) => {
                let mut bytes = [0; 4];
                assert_eq!((message.endpoint, message.length), (side.endpoint, 4));
                side.link.bus().read(&message, 0, &mut bytes).expect("inside");
                if self.dead[which].get() {
                    return;
                }
                self.check(which, u32::from_le_bytes(bytes));
                if side.hold && side.held.is_none() {
                    side.held = Some(message);
                } else {
                    side.link.bus().release(message);
                }
            }
            Event::Bus(_) => {}
        }
    }

    /// What arrives was sent, not received yet, and nothing of its session that was sent before it is missing.
    fn check(&self, which: usize, stamp: u32) {
        let mut sent = self.sent[which ^ 1].borrow_mut();
        let Some(&(_, session)) = sent.iter().find(|(noted, _)| *noted == stamp) else {
            panic!("side {which} got {stamp}, which is not for it; under way: {sent:?}");
        };
        while let Some((noted, in_session)) = sent.pop_front() {
            if noted == stamp {
                break;
            }
            assert_ne!(in_session, session, "side {which} got {stamp} and never {noted}");
        }
        self.received[which].set(stamp);
    }

    pub fn is_bound(&self, which: usize) -> bool {
        self.sides[which].borrow_mut().as_mut().is_some_and(|side| side.link.bus().peer_of(side.endpoint).is_some())
    }

    /// Whether a message goes each way now.
    pub fn talks(&self) -> bool {
        [0, 1].into_iter().all(|which| {
            let sent = self.send(which);
            let stamp = self.stamp.get();
            for _ in 0..4 {
                self.turn(which ^ 1);
                self.turn(which);
            }
            sent && self.received[which ^ 1].get() == stamp
        })
    }

    pub fn describe(&self) -> String {
        let sides = [0, 1].map(|which| format!("bound {}, last {:?}", self.is_bound(which), self.last[which].get()));
        format!("{sides:?} at {} ms", self.now.get() / 1000)
    }
}
