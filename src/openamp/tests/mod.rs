// SPDX-License-Identifier: Apache-2.0
//! Tests the host and the remote against C OpenAMP's bytes, and against each other in one process.

use core::cell::RefCell;
use std::rc::Rc;
use std::string::String;
use std::vec;
use std::vec::Vec;

use super::*;
use crate::mem::Bytes;
use crate::mem::Region;
use crate::mem::fake::Heap;
use crate::platform::{Doorbell, Instant, PeerId, Vector, VectorOutOfRange};
use crate::rpmsg::{Address, Bus, Config, DownReason, Endpoint, Event, Fault, Name, Profile, RingError, SendError};
use crate::wire::resource_table::Vdev;

const MEMORY: u32 = 4 << 20;
/// Address of the memory on C's host.
const BASE: u64 = 0xafa0_0000;

/// Counts the doorbells per peer.
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
    Settings { peer: Some(PeerId(peer)), ..Settings::dual_qemu_ivshmem(MEMORY).unwrap() }
}

fn host<'m>(heap: &'m Heap, bells: &Bells) -> TestHost<'m> {
    Host::new(heap.region(), bells.clone(), PeerId(0), Settings { address: Some(BASE), ..settings(1) }).unwrap()
}

fn remote<'m>(heap: &'m Heap, bells: &Bells) -> TestRemote<'m> {
    Remote::new(heap.region(), bells.clone(), PeerId(1), settings(0)).unwrap()
}

/// Returns the configuration of an unnamed endpoint with a known peer.
fn endpoint(address: u32, peer: u32) -> Config<'static> {
    Config { name: None, address: Some(Address(address)), peer: Some(Address(peer)) }
}

/// Opens an endpoint at address 7 that sends to address 7. The other side need not have an endpoint there.
fn opened<P: Profile>(bus: &mut Bus<P, Bells>) -> Endpoint {
    bus.open_with(&endpoint(7, 7)).unwrap()
}

/// Returns the 16-bit word at `offset`.
fn word(heap: &Heap, offset: u32) -> u16 {
    let mut bytes = [0; 2];
    Bytes::new(&heap.region(), offset, 2).unwrap().read(0, &mut bytes).unwrap();
    u16::from_le_bytes(bytes)
}

fn set_word(heap: &Heap, offset: u32, value: u16) {
    Bytes::new(&heap.region(), offset, 2).unwrap().write(0, &value.to_le_bytes()).unwrap();
}

/// Returns all events of a side, including the payloads of messages.
fn drain<P: Profile>(
    mut poll: impl FnMut() -> Option<Event>,
    mut bus: impl FnMut(&mut dyn FnMut(&mut Bus<P, Bells>)),
) -> Vec<String> {
    let mut log = Vec::new();
    while let Some(event) = poll() {
        match event {
            Event::Message(message) => {
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

mod golden;
mod greeting;
mod layouts;
mod restarts;
mod sending;
mod trouble;

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
            let reserved = $from.bus().alloc_tx_buffer().unwrap();
            let room = $from.bus().buffer_range(&reserved).unwrap();
            memory.write(room.start, b"in place").unwrap();
            $from.bus().send_nocopy($endpoint, reserved, 8).unwrap();
            let Some(Event::Message(message)) = $to.poll(Instant::default()) else { panic!() };
            assert_eq!($to.bus().payload_range(&message), Ok(room.start..room.start + 8));
            let mut bytes = [0; 8];
            $to.bus().read(&message, 0, &mut bytes).unwrap();
            assert_eq!((&bytes, room.len()), (b"in place", 496));
            $to.bus().release(message);
        };
    }
    send_in_place!(host, at_host, remote);
    send_in_place!(remote, at_remote, host);
}

/// Sends invalid messages that a C peer could send: a length that exceeds the buffer, and malformed announcements.
#[test]
fn c_messages_that_are_wrong() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let (mut host, mut remote) = (host(&heap, &bells), remote(&heap, &bells));
    drain!(remote);
    drain!(host);
    let at_remote = remote.bus().open_with(&Config { peer: Some(Address(53)), ..Config::default() }).unwrap();
    // An announcement of the wrong length, and one without a name. Both are ignored, as in C.
    remote.bus().send(at_remote, &[1; 39]).unwrap();
    remote.bus().send(at_remote, &[0; 40]).unwrap();
    assert_eq!(drain!(host), Vec::<String>::new());
    // An announcement whose name has no NUL, and an unknown address. The last byte of the name is dropped, as in Linux.
    let mut wild = [b'x'; 40];
    wild[36..].copy_from_slice(&[0; 4]);
    remote.bus().send(at_remote, &wild).unwrap();
    let log = drain!(host);
    assert!(log.len() == 1 && log[0].contains(&"x".repeat(31)) && !log[0].contains(&"x".repeat(32)), "{log:?}");
    // A header with a length that exceeds the buffer.
    remote.bus().send(at_remote, b"soon longer").unwrap();
    let memory = Bytes::new(&heap.region(), 0, MEMORY).unwrap();
    memory.write(0x400 + 3 * 512 + 12, &[0xff, 0xff]).unwrap();
    let log = drain!(host);
    assert_eq!(
        log,
        [std::format!("{:?}", Event::Down(DownReason::Fault(Fault::Length { length: 0xffff, buffer: 512 })))]
    );
}

#[test]
fn a_fault_that_a_send_finds_is_told_first() {
    // The fault is either in the first ring entry, before anything has been sent, or in the second ring entry.
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
