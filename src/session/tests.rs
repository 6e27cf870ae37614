// SPDX-License-Identifier: Apache-2.0
//! Tests sessions with a service that only records calls: start, restart, other service kinds and wire version 1.

use std::cell::Cell;
use std::string::ToString;
use std::vec::Vec;

use super::*;
use crate::mem::fake::Heap;
use crate::mem::{Bytes, Region};
use crate::platform::{Vector, VectorOutOfRange};
use crate::wire::session::{Kind, PAGE, Speaks, block, directory, entry};

const MEMORY: u32 = 64 * 1024;
/// Byte offset of the service's own word in a block.
const WORD: u32 = block::SERVICE;
const OFFER: u32 = 0x1234;

/// Counts doorbells.
#[derive(Default)]
struct Bell(Cell<u32>);

impl Doorbell for Bell {
    fn ring(&self, _: PeerId, _: Vector) -> Result<(), VectorOutOfRange> {
        self.0.set(self.0.get() + 1);
        Ok(())
    }
}

/// A service of the kind `KIND` that uses one word of the block and no rings.
#[derive(Default)]
struct Note<const KIND: u32> {
    bell: Bell,
    told: Vec<&'static str>,
    shared: u32,
    broken: bool,
}

/// The service's events.
#[derive(Debug, PartialEq)]
enum Event {
    Up { peer: PeerId },
    Down(DownReason<&'static str>),
    Incompatible(SetupError<&'static str>),
}

impl SessionEvent<&'static str, &'static str> for Event {
    fn up(peer: PeerId) -> Self {
        Self::Up { peer }
    }

    fn down(reason: DownReason<&'static str>) -> Self {
        Self::Down(reason)
    }

    fn incompatible(error: SetupError<&'static str>) -> Self {
        Self::Incompatible(error)
    }
}

impl<'m, const KIND: u32> Service<Region<'m>> for Note<KIND> {
    const KIND: Kind = Kind(KIND);
    const FEATURES: u32 = 0;
    const SHARES: bool = true;
    const QUEUES: u8 = 3;

    type Doorbell = Bell;
    type Fault = &'static str;
    type Error = &'static str;
    type Event = Event;

    fn doorbell(&self) -> Option<&Bell> {
        Some(&self.bell)
    }

    fn shared(&self) -> u32 {
        self.shared
    }

    fn check(&self, sections: &Sections) -> Result<(), AreaError> {
        assert_eq!(sections.own().size, sections.peer().size);
        Ok(())
    }

    fn offer(&self, block: &LocalBlock<Region<'m>>) {
        block.set::<WORD>(OFFER);
    }

    fn verify(&self, block: &LocalBlock<Region<'m>>) -> bool {
        block.get::<WORD>() == OFFER
    }

    fn prepare(
        &mut self,
        _: &Region<'m>,
        sections: &Sections,
        _: &LocalBlock<Region<'m>>,
        peer: &RemoteBlock<Region<'m>>,
    ) -> Result<(), SetupError<&'static str>> {
        if peer.get::<WORD>() != OFFER || peer.queues() != 3 {
            return Err(SetupError::Service("another offer"));
        }
        self.shared = sections.shared().size;
        self.told.push("prepare");
        Ok(())
    }

    fn up(
        &mut self,
        _: &Region<'m>,
        _: &Sections,
        _: &RemoteBlock<Region<'m>>,
        _: (PeerId, Vector),
    ) -> Result<(), &'static str> {
        self.told.push("up");
        Ok(())
    }

    fn down(&mut self) {
        self.broken = false;
        if self.told.last() == Some(&"up") {
            self.told.push("down");
        }
    }

    fn fault(&self) -> Option<&'static str> {
        self.broken.then_some("broken")
    }

    fn is_intact(&self) -> bool {
        true
    }

    fn tick(&mut self) {}
}

struct Side<'m, const KIND: u32> {
    session: Session<Region<'m>>,
    service: Note<KIND>,
    events: Vec<Event>,
}

impl<'m, const KIND: u32> Side<'m, KIND> {
    fn new(heap: &'m Heap, role: Role) -> Self {
        Self::with(heap, role, Note::default()).unwrap()
    }

    fn with(heap: &'m Heap, role: Role, mut service: Note<KIND>) -> Result<Self, AreaError> {
        let mut session = Session::unopened();
        let id = PeerId(u16::from(role == Role::Remote));
        session.open(&mut service, heap.region(), id, &Settings::new(role))?;
        Ok(Self { session, service, events: Vec::new() })
    }

    fn poll(&mut self, now: Instant) {
        if self.session.is_due(now) {
            self.events.extend(self.session.tick(&mut self.service, now));
        }
        if self.service.told.last() != Some(&"up") || !self.session.is_in_sync() || self.service.broken {
            self.events.extend(self.session.resync(&mut self.service, now));
        }
    }
}

fn run<const A: u32, const B: u32>(a: &mut Side<'_, A>, b: &mut Side<'_, B>, millis: core::ops::Range<u64>) {
    for now in millis {
        a.poll(Instant::from_micros(now * 1000));
        b.poll(Instant::from_micros(now * 1000));
    }
}

fn word(heap: &Heap, offset: u32) -> u32 {
    let mut bytes = [0; 4];
    Bytes::new(&heap.region(), 0, MEMORY).unwrap().read(offset, &mut bytes).unwrap();
    u32::from_le_bytes(bytes)
}

fn set_word(heap: &Heap, offset: u32, value: u32) {
    Bytes::new(&heap.region(), 0, MEMORY).unwrap().write(offset, &value.to_le_bytes()).unwrap();
}

#[test]
fn a_service_is_told_prepare_up_and_down_in_turn() {
    let heap = Heap::new(MEMORY);
    let mut host: Side<'_, 9> = Side::new(&heap, Role::Host);
    let mut remote: Side<'_, 9> = Side::new(&heap, Role::Remote);
    run(&mut host, &mut remote, 1..10);
    assert_eq!(
        (&host.events[..], &remote.events[..]),
        (&[Event::Up { peer: PeerId(1) }][..], &[Event::Up { peer: PeerId(0) }][..])
    );
    remote.session.close(&mut remote.service);
    host.poll(Instant::from_micros(20_000));
    assert_eq!(host.events[1], Event::Down(DownReason::PeerLeft));
    let mut remote: Side<'_, 9> = Side::new(&heap, Role::Remote);
    run(&mut host, &mut remote, 21..30);
    // A fault ends the session for both sides, which then reconnect.
    host.service.broken = true;
    run(&mut host, &mut remote, 30..400);
    assert_eq!(host.events[3], Event::Down(DownReason::Fault("broken")));
    assert_eq!(remote.events[1], Event::Down(DownReason::PeerRestarted));
    assert_eq!(host.service.told, ["prepare", "up", "down"].repeat(3)[..8]);
    assert_eq!(remote.service.told, ["prepare", "up", "down", "prepare", "up"]);
}

#[test]
fn the_directory_gives_both_sides_the_same_shared_section() {
    let heap = Heap::new(MEMORY);
    let service = Note { shared: 4 * PAGE, ..Note::default() };
    let mut host: Side<'_, 2> = Side::with(&heap, Role::Host, service).unwrap();
    let mut remote: Side<'_, 2> = Side::new(&heap, Role::Remote);
    run(&mut host, &mut remote, 1..10);
    assert_eq!((host.service.shared, remote.service.shared), (4 * PAGE, 4 * PAGE));
    // No pages are left for the data of the two sides.
    let service = Note::<2> { shared: 12 * PAGE, ..Note::default() };
    assert!(matches!(Side::with(&heap, Role::Host, service).err(), Some(AreaError::Place { .. })));
}

#[test]
fn another_kind_of_service_is_refused_by_both_sides() {
    let heap = Heap::new(MEMORY);
    let mut host: Side<'_, 1> = Side::new(&heap, Role::Host);
    let mut remote: Side<'_, 2> = Side::new(&heap, Role::Remote);
    run(&mut host, &mut remote, 1..1000);
    let (rpmsg, virtio) = (Kind::RPMSG, Kind::VIRTIO);
    let of_remote = AreaError::Kind { found: rpmsg, expected: virtio };
    assert_eq!(remote.events, [Event::Incompatible(of_remote.into())], "reported once");
    let of_host = PeerError::Speaks { found: Speaks::new(virtio, 0), expected: rpmsg };
    assert_eq!(host.events, [Event::Incompatible(of_host.into())], "reported once");
    assert!(of_remote.to_string().starts_with("the link carries rpmsg, but this side expects virtio: "));
    assert!(of_host.to_string().starts_with("the peer expects virtio on this link, but this side carries rpmsg: "));
    // The rejected remote has not written anything that would disturb a remote of the right kind, and keeps retrying in
    // parallel.
    assert_eq!(word(&heap, 2 * PAGE + block::EPOCH), 0);
    let mut right: Side<'_, 1> = Side::new(&heap, Role::Remote);
    for now in 1000..1200 {
        host.poll(Instant::from_micros(now * 1000));
        remote.poll(Instant::from_micros(now * 1000));
        right.poll(Instant::from_micros(now * 1000));
    }
    assert_eq!(host.events[1..], [Event::Up { peer: PeerId(1) }]);
    assert_eq!(right.events, [Event::Up { peer: PeerId(0) }]);
}

#[test]
fn a_memory_of_version_1_is_refused_by_name() {
    let heap = Heap::new(MEMORY);
    set_word(&heap, directory::MAGIC, directory::MAGIC_VALUE);
    set_word(&heap, directory::VERSION, 1);
    set_word(&heap, directory::SIZE, MEMORY);
    let error = Side::<1>::with(&heap, Role::Host, Note::default()).err();
    assert_eq!(error, Some(AreaError::Version { found: 1 }));
    let text = AreaError::Version { found: 1 }.to_string();
    assert!(text.starts_with("the memory has wire version 1, but this side uses 2: use the same version"), "{text}");
    let mut remote: Side<'_, 1> = Side::new(&heap, Role::Remote);
    remote.poll(Instant::from_micros(1000));
    assert_eq!(remote.events, [Event::Incompatible(AreaError::Version { found: 1 }.into())]);
}

#[test]
fn a_remote_of_version_1_that_waits_is_named_by_the_host() {
    let heap = Heap::new(MEMORY);
    let mut host: Side<'_, 1> = Side::new(&heap, Role::Host);
    // The remote writes its id + 1 at version 1's offset, and finds a directory of another version.
    set_word(&heap, 0x40 + 0xc, 3 + 1);
    host.poll(Instant::from_micros(1000));
    let error = PeerError::Speaks { found: Speaks(0), expected: Kind::RPMSG };
    assert_eq!(host.events, [Event::Incompatible(error.into())]);
    let text = error.to_string();
    assert!(text.starts_with("the peer uses wire version 1, but this side uses 2: use the same version"), "{text}");
    assert_eq!((entry::REMOTE, directory::HEAD), (0xc, 0x40), "where version 1 has it for link 0");
}

#[test]
fn a_block_of_another_version_or_kind_is_refused() {
    for (speaks, text) in [
        (16, "the peer uses wire version 1, "),
        (3 << 16 | 1, "the peer uses wire version 3, "),
        (2 << 16 | 2, "the peer expects virtio on this link, but this side carries rpmsg: "),
    ] {
        let error = PeerError::Speaks { found: Speaks(speaks), expected: Kind::RPMSG };
        assert!(error.to_string().starts_with(text), "{error}");
        let heap = Heap::new(MEMORY);
        let mut host: Side<'_, 1> = Side::new(&heap, Role::Host);
        host.poll(Instant::from_micros(1000));
        let epoch = word(&heap, PAGE + block::EPOCH);
        for (field, value) in [
            (block::PEER_EPOCH, epoch),
            (block::STATE, State::Ready.to_wire()),
            (block::PEER_ID, 1),
            (block::SPEAKS, speaks),
            (block::EPOCH, 1),
        ] {
            set_word(&heap, 2 * PAGE + field, value);
        }
        host.poll(Instant::from_micros(2000));
        assert_eq!(host.events, [Event::Incompatible(error.into())]);
        assert!(host.service.told.is_empty());
    }
}
