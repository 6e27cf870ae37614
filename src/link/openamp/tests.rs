//! Host and remote against C OpenAMP's bytes, and against each other, in one process.

use core::cell::RefCell;
use std::rc::Rc;
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::link::Event;
use crate::mem::Bytes;
use crate::mem::Region;
use crate::mem::fake::Heap;
use crate::platform::{Doorbell, Instant, VectorOutOfRange};
use crate::rpmsg::{Address, Bus, Config, Endpoint, Event as BusEvent, Name, Profile, SendError};
use crate::wire::resource_table::Vdev;

const MEMORY: u32 = 4 << 20;
/// Where C's host has the memory.
const BASE: u64 = 0xafa0_0000;
const GOLDEN: &str = include_str!("../../../tests/golden/dual_qemu_ivshmem.txt");

/// Counts what was rung.
#[derive(Clone, Debug, Default)]
struct Bells(Rc<RefCell<[u32; 2]>>);

impl Doorbell for Bells {
    fn ring(&self, peer: PeerId, _: Vector) -> Result<(), VectorOutOfRange> {
        self.0.borrow_mut()[usize::from(peer.0)] += 1;
        Ok(())
    }
}

type TestHost<'m> = Host<Region<'m>, Bells, 4, 16>;
type TestRemote<'m> = Remote<Region<'m>, Bells, 4, 16>;

fn settings(peer: u16) -> Settings {
    Settings::dual_qemu_ivshmem(MEMORY, PeerId(peer)).unwrap()
}

fn host<'m>(heap: &'m Heap, bells: &Bells) -> TestHost<'m> {
    Host::new(heap.region(), bells.clone(), &Settings { address: Some(BASE), ..settings(1) }).unwrap()
}

fn remote<'m>(heap: &'m Heap, bells: &Bells) -> TestRemote<'m> {
    Remote::new(heap.region(), bells.clone(), settings(0)).unwrap()
}

/// A nameless endpoint that knows its peer.
fn endpoint(address: u32, peer: u32) -> Config<'static> {
    Config { name: None, address: Some(Address(address)), peer: Some(Address(peer)) }
}

/// An endpoint to send from, to nobody that the peer knows.
fn opened<P: Profile, const E: usize>(bus: &mut Bus<P, Bells, E>) -> Endpoint {
    bus.open_with(&endpoint(7, 7)).unwrap()
}

/// The 16-bit word at `offset`.
fn word(heap: &Heap, offset: u32) -> u16 {
    let mut bytes = [0; 2];
    Bytes::new(&heap.region(), offset, 2).unwrap().read(0, &mut bytes).unwrap();
    u16::from_le_bytes(bytes)
}

fn set_word(heap: &Heap, offset: u32, value: u16) {
    Bytes::new(&heap.region(), offset, 2).unwrap().write(0, &value.to_le_bytes()).unwrap();
}

/// Compares the memory with a step of the golden trace.
fn expect(heap: &Heap, step: &str) {
    let memory = Bytes::new(&heap.region(), 0, MEMORY).unwrap();
    let lines = GOLDEN.lines().skip_while(|line| *line != std::format!("[{step}]")).skip(1);
    let mut compared = 0;
    for line in lines.take_while(|line| !line.starts_with('[')) {
        let Some((offset, digits)) = line.split_once(": ").filter(|_| !line.starts_with('#')) else { continue };
        let digits: Vec<u8> = digits.bytes().filter(|byte| *byte != b' ').collect();
        let byte = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
        let expected: Vec<u8> = digits.chunks(2).map(byte).collect();
        let mut found = vec![0; expected.len()];
        memory.read(u32::from_str_radix(offset, 16).unwrap(), &mut found).unwrap();
        assert_eq!(found, expected, "{step}, at {offset}");
        compared += expected.len();
    }
    assert!(compared > 0, "no such step: {step}");
}

/// All that a side has to say, with its messages' contents.
fn drain<P: Profile, const E: usize>(
    mut poll: impl FnMut() -> Option<Event>,
    mut bus: impl FnMut(&mut dyn FnMut(&mut Bus<P, Bells, E>)),
) -> Vec<String> {
    let mut log = Vec::new();
    while let Some(event) = poll() {
        match event {
            Event::Bus(BusEvent::Message(message)) => {
                let mut message = Some(message);
                bus(&mut |bus| {
                    if let Some(message) = message.take() {
                        let mut bytes = vec![0; message.length.into()];
                        bus.read(&message, 0, &mut bytes).unwrap();
                        log.push(std::format!("{} got {}", message.endpoint.address(), bytes.escape_ascii()));
                        bus.release(message);
                    }
                });
            }
            other => log.push(std::format!("{other:?}")),
        }
    }
    log
}

macro_rules! drain {
    ($side:expr) => {{
        let side = RefCell::new(&mut $side);
        drain(|| side.borrow_mut().poll(Instant::default()), |act| act(side.borrow_mut().bus()))
    }};
}

mod greeting;
mod sending;
mod trouble;

/// Facts of the C library, step by step, both roles.
#[test]
fn writes_what_c_writes() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let rung = |expected: [u32; 2]| assert_eq!(bells.0.take(), expected);
    let mut host = host(&heap, &bells);
    expect(&heap, "host is up");
    rung([0, 0]);

    let mut remote = remote(&heap, &bells);
    assert_eq!(drain!(remote), ["Up { peer: PeerId(0) }"]);
    expect(&heap, "remote is up");
    let k = remote.bus().open("k").unwrap();
    assert_eq!(k.address(), Address(1024));
    assert_eq!(drain!(remote), Vec::<String>::new());
    expect(&heap, "remote announces k");
    rung([1, 0]);

    let name = Name::new("k").unwrap();
    let announced = Event::Bus(BusEvent::Announced { name, address: Address(1024) });
    assert_eq!(drain!(host), ["Up { peer: PeerId(1) }".into(), std::format!("{announced:?}")]);
    expect(&heap, "host has taken it");
    rung([0, 0]);

    let config = Config { name: Some("k"), peer: Some(Address(1024)), ..Config::default() };
    let at_host = host.bus().open_with(&config).unwrap();
    host.bus().send(at_host, b"hello\0").unwrap();
    expect(&heap, "host sends hello");
    rung([0, 1]);
    let log = drain!(remote);
    assert!(log.contains(&"0x400 got hello\\x00".into()), "{log:?}");
    expect(&heap, "remote has taken it");
    rung([0, 0]);
    host.bus().send(at_host, b"ab").unwrap();
    expect(&heap, "host sends again");
    drain!(remote);

    bells.0.take();
    remote.bus().close(k);
    drain!(remote);
    expect(&heap, "remote closes k");
    rung([1, 0]);
    let log = drain!(host);
    assert!(log.contains(&std::format!("{:?}", Event::Bus(BusEvent::Unbound { endpoint: at_host }))), "{log:?}");
    assert_eq!(host.bus().send(at_host, b"x"), Err(SendError::NotBound));
}

#[test]
fn either_side_sends_first_and_a_full_ring_wakes_its_sender() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let (mut host, mut remote) = (host(&heap, &bells), remote(&heap, &bells));
    let (at_host, at_remote) = (host.bus().open("talk").unwrap(), remote.bus().open("talk").unwrap());
    for _ in 0..4 {
        drain!(remote);
        drain!(host);
    }
    assert_eq!(host.bus().peer_of(at_host), Some(at_remote.address()));
    assert_eq!(remote.bus().peer_of(at_remote), Some(at_host.address()));
    bells.0.take();
    for number in 0..16u8 {
        host.bus().send(at_host, &[number; 496]).unwrap();
        remote.bus().send(at_remote, &[]).unwrap();
    }
    assert_eq!(host.bus().send(at_host, &[]), Err(SendError::NoBuffer));
    assert_eq!(remote.bus().send(at_remote, &[]), Err(SendError::NoBuffer));
    assert_eq!(bells.0.take(), [16, 16], "one for each message");
    assert_eq!(drain!(remote).len(), 16);
    assert_eq!(drain!(host).len(), 16);
    let [to_host, to_remote] = bells.0.take();
    assert!(to_host > 0 && to_remote > 0, "freed buffers wake both: {to_host} {to_remote}");
    assert_eq!(host.bus().send(at_host, &[0; 497]), Err(SendError::TooLong { max: 496 }));
    assert_eq!((host.bus().send(at_host, &[1]), remote.bus().send(at_remote, &[2])), (Ok(()), Ok(())));
}

#[test]
fn what_is_written_at_a_reserved_place_is_read_at_the_message_s() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let memory = Bytes::new(&heap.region(), 0, MEMORY).unwrap();
    let (mut host, mut remote) = (host(&heap, &bells), remote(&heap, &bells));
    let (at_host, at_remote) = (host.bus().open("talk").unwrap(), remote.bus().open("talk").unwrap());
    for _ in 0..4 {
        drain!(remote);
        drain!(host);
    }
    macro_rules! send_in_place {
        ($from:ident, $endpoint:ident, $to:ident) => {
            let reserved = $from.bus().reserve().unwrap();
            let room = $from.bus().room_of(&reserved).unwrap();
            memory.write(room.start, b"in place").unwrap();
            $from.bus().send_reserved($endpoint, reserved, 8).unwrap();
            let Some(Event::Bus(BusEvent::Message(message))) = $to.poll(Instant::default()) else { panic!() };
            assert_eq!($to.bus().place_of(&message), Ok(room.start..room.start + 8));
            let mut bytes = [0; 8];
            $to.bus().read(&message, 0, &mut bytes).unwrap();
            assert_eq!((&bytes, room.len()), (b"in place", 496));
            $to.bus().release(message);
        };
    }
    send_in_place!(host, at_host, remote);
    send_in_place!(remote, at_remote, host);
}

#[test]
fn a_remote_that_restarts_alone_is_told_and_delivers_nothing_old() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let mut first_host = host(&heap, &bells);
    let mut first = remote(&heap, &bells);
    first.bus().open("talk").unwrap();
    drain!(first);
    drain!(first_host);
    std::mem::forget(first);
    let mut second = remote(&heap, &bells);
    assert_eq!(drain!(second), ["Refused(OpenAmp(Used))"]);
    // The host restarts: both are fresh again. A first remote still there would notice by its used index.
    std::mem::forget(first_host);
    let _host = host(&heap, &bells);
    assert_eq!(drain!(second), ["Up { peer: PeerId(0) }"]);
}

#[test]
fn a_host_that_restarts_is_noticed() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let mut first = host(&heap, &bells);
    let mut remote = remote(&heap, &bells);
    remote.bus().open("talk").unwrap();
    drain!(remote);
    drain!(first);
    std::mem::forget(first);
    let mut second = host(&heap, &bells);
    let later = Instant::from_micros(1_000_000);
    assert_eq!(remote.poll(later), Some(Event::Down(crate::link::Reason::Restarted)));
    assert_eq!(remote.poll(later), Some(Event::Up { peer: PeerId(0) }));
    while remote.poll(later).is_some() {}
    assert!(drain!(second).iter().any(|line| line.contains("Announced")));
    drop(second);
    assert_eq!(remote.poll(later + core::time::Duration::from_secs(1)), Some(Event::Down(crate::link::Reason::Left)));
}

#[test]
fn a_host_whose_buffers_are_nonsense_is_refused() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let _host = host(&heap, &bells);
    let memory = Bytes::new(&heap.region(), 0, MEMORY).unwrap();
    // Descriptor 3 names the buffer of descriptor 2.
    memory.write(MEMORY - 0x800 + 3 * 16, &[0, 8]).unwrap();
    let mut remote = remote(&heap, &bells);
    let error = HostError::Buffers { id: 3 };
    assert_eq!(drain!(remote), [std::format!("{:?}", Event::Refused(error.into()))]);
}

/// Where other users of C have their things, over several addresses: what arrives is what was sent, both ways, twice round
/// the rings.
#[test]
fn other_layouts_and_addresses() {
    const SMALL: u32 = 1 << 20;
    let dual = Layout::dual_qemu_ivshmem(SMALL).unwrap();
    let layouts = [
        dual,
        Layout::rpmsg_service(SMALL).unwrap(),
        Layout::static_vrings(0x4800, 512, 4).unwrap(),
        Layout::static_vrings(0x1_0000, 1024, 64).unwrap(),
        Layout { align: 16, count: 8, ..dual }.with_buffers(0x400, 512, 512),
        Layout { align: 4096, to_host: 0x1_0000, to_remote: 0x2_0000, ..dual }.with_buffers(0x4_0000, 256, 2048),
        Layout { to_remote_buffers: 0x8_0000, ..dual },
        Vdev::new([0x6000_4000, 0x6000_8000], 16, 4096)
            .layout(0x100, 0x6000_0000)
            .unwrap()
            .with_buffers(0x1_0000, 512, 512),
    ];
    for layout in layouts {
        for (at_host, at_remote) in [
            (Some(BASE), None),
            (Some(BASE), Some(BASE)),
            (None, None),
            (Some(0x80_0000_0000), None),
            (Some(u64::MAX << 20), None),
        ] {
            let (heap, bells) = (Heap::new(SMALL), Bells::default());
            let settings = |peer, address| Settings { layout, peer: PeerId(peer), vector: Vector(0), address };
            let mut host: TestHost<'_> = Host::new(heap.region(), bells.clone(), &settings(1, at_host))
                .unwrap_or_else(|error| panic!("{layout:?}: {error}"));
            let mut remote: TestRemote<'_> = Remote::new(heap.region(), bells, settings(0, at_remote)).unwrap();
            let (to_host, to_remote) = (remote.bus().open("talk").unwrap(), host.bus().open("talk").unwrap());
            for _ in 0..3 {
                drain!(remote);
                drain!(host);
            }
            assert_eq!(host.bus().max_message(), layout.to_remote_size - 16);
            assert_eq!(remote.bus().max_message(), layout.to_host_size - 16);
            for number in 0..2 * layout.count {
                host.bus().send(to_remote, std::format!("down {number}").as_bytes()).unwrap();
                remote.bus().send(to_host, std::format!("up {number}").as_bytes()).unwrap();
                assert_eq!(drain!(remote), [std::format!("0x400 got down {number}")], "{layout:?}");
                assert_eq!(drain!(host), [std::format!("0x400 got up {number}")], "{layout:?}");
            }
        }
    }
}

#[test]
fn the_status_in_a_resource_table_leaves_the_vdev_as_it_is() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let table = Vdev::new([0x4000, 0x8000], 16, 16);
    let memory = Bytes::new(&heap.region(), 0, MEMORY).unwrap();
    memory.write(0x100, &table.table()).unwrap();
    let layout = table.layout(0x100, 0).unwrap().with_buffers(0x1_0000, 512, 512);
    let host: TestHost<'_> = Host::new(heap.region(), bells, &Settings { layout, ..settings(1) }).unwrap();
    let published = || {
        let mut bytes = [0; crate::wire::resource_table::LENGTH];
        memory.read(0x100, &mut bytes).unwrap();
        Vdev::find(&bytes)
    };
    assert_eq!(published(), Ok(Vdev { status: 4, ..table }));
    drop(host);
    assert_eq!(published(), Ok(table));
}

/// C's remote that restarts alone counts from 0 again, and goes on from the used index that it finds in the memory: it
/// takes up old messages once more, and fills buffers that are not its own. Each is named, and nothing comes twice.
#[test]
fn a_c_remote_that_restarts_alone_is_named() {
    let (to_host, to_remote) = (MEMORY - 0x800, MEMORY - 0x400);
    let (used_index, used_ring) = (0x128 + 2, 0x128 + 4);
    let run = |trouble: &dyn Fn(&Bytes<Region<'_>>)| {
        let (heap, bells) = (Heap::new(MEMORY), Bells::default());
        let (mut host, mut remote) = (host(&heap, &bells), remote(&heap, &bells));
        let (at_host, at_remote) = (host.bus().open("talk").unwrap(), remote.bus().open("talk").unwrap());
        for _ in 0..3 {
            drain!(remote);
            drain!(host);
        }
        for number in 0..3 {
            host.bus().send(at_host, &[number]).unwrap();
            remote.bus().send(at_remote, &[number]).unwrap();
            drain!(remote);
            drain!(host);
        }
        remote.bus().send(at_remote, b"held").unwrap();
        let held = host.poll(Instant::default());
        assert!(matches!(held, Some(Event::Bus(BusEvent::Message(_)))));
        std::mem::forget(remote);
        trouble(&Bytes::new(&heap.region(), 0, MEMORY).unwrap());
        let mut log = drain!(host);
        // To see what came back, the host asks for buffers: of each that it knows of it takes one.
        for _ in 0..8 {
            if log.is_empty() {
                let _ = host.bus().send(at_host, b"next");
                log = drain!(host);
            }
        }
        let mut status = [0];
        Bytes::new(&heap.region(), 0, 1).unwrap().read(0, &mut status).unwrap();
        (log, status)
    };
    // All that was sent so far is used once more: 2 announcements or greetings, and 3 messages.
    let replayed = run(&|memory| {
        let mut index = [0; 2];
        memory.read(to_remote + used_index, &mut index).unwrap();
        memory.write(to_remote + used_index, &(2 * u16::from_le_bytes(index)).to_le_bytes()).unwrap();
    });
    assert!(replayed.0[0].contains("Down(Fault(Queue(") && replayed.1 == [0x80], "{replayed:?}");

    // A buffer is filled once more while the host still holds it.
    let twice = run(&|memory| {
        let (mut index, mut entry) = ([0; 2], [0; 8]);
        memory.read(to_host + used_index, &mut index).unwrap();
        let index = u16::from_le_bytes(index);
        memory.read(to_host + used_ring + u32::from((index - 1) % 16) * 8, &mut entry).unwrap();
        memory.write(to_host + used_ring + u32::from(index % 16) * 8, &entry).unwrap();
        memory.write(to_host + used_index, &(index + 1).to_le_bytes()).unwrap();
    });
    assert!(twice.0[0].contains("NotHeld"), "{twice:?}");

    // It goes on further than there are buffers.
    let jump = run(&|memory| memory.write(to_host + used_index, &100_u16.to_le_bytes()).unwrap());
    assert!(jump.0[0].contains("IndexJump"), "{jump:?}");
}

/// What C sends wrong: a length beyond the buffer, and announcements that are none.
#[test]
fn c_messages_that_are_wrong() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let (mut host, mut remote) = (host(&heap, &bells), remote(&heap, &bells));
    drain!(remote);
    drain!(host);
    let at_remote = remote.bus().open_with(&Config { peer: Some(Address(53)), ..Config::default() }).unwrap();
    // Not 40 bytes; then 40 without any name; both are passed over, as C does.
    remote.bus().send(at_remote, &[1; 39]).unwrap();
    remote.bus().send(at_remote, &[0; 40]).unwrap();
    assert_eq!(drain!(host), Vec::<String>::new());
    // A name without an end, whose last byte is lost, as in Linux; its address is none.
    let mut wild = [b'x'; 40];
    wild[36..].copy_from_slice(&[0; 4]);
    remote.bus().send(at_remote, &wild).unwrap();
    let log = drain!(host);
    assert!(log.len() == 1 && log[0].contains(&"x".repeat(31)) && !log[0].contains(&"x".repeat(32)), "{log:?}");
    // A header that names more bytes than the buffer has.
    remote.bus().send(at_remote, b"soon longer").unwrap();
    let memory = Bytes::new(&heap.region(), 0, MEMORY).unwrap();
    memory.write(0x400 + 3 * 512 + 12, &[0xff, 0xff]).unwrap();
    let log = drain!(host);
    assert_eq!(
        log,
        [std::format!("{:?}", Event::Down(crate::link::Reason::Fault(Fault::Length { length: 0xffff, buffer: 512 })))]
    );
}

#[test]
fn a_fault_that_a_send_finds_is_told_first() {
    // In the first entry, before anything was used, and in the second.
    for sent in [0, 1] {
        let (heap, bells) = (Heap::new(MEMORY), Bells::default());
        let mut host = host(&heap, &bells);
        drain!(host);
        let mut remote = remote(&heap, &bells);
        let config = Config { peer: Some(Address(1024)), ..Config::default() };
        let at = remote.bus().open_with(&config).unwrap();
        drain!(remote);
        for _ in 0..sent {
            remote.bus().send(at, b"well").unwrap();
        }
        let memory = Bytes::new(&heap.region(), 0, MEMORY).unwrap();
        memory.write(MEMORY - 0x800 + 0x104 + 2 * sent, &999_u16.to_le_bytes()).unwrap();
        assert_eq!(remote.bus().send(at, b"x"), Err(SendError::Down));
        let log = drain!(remote);
        assert!(log.first().is_some_and(|event| event.contains("NoSuchDescriptor { id: 999")), "{log:?}");
    }
}
