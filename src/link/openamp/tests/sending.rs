//! Which buffer the host sends in, and what a send that cannot be leaves as it was.

use core::cell::Cell;

use super::*;
use crate::mem::fake::{Hook, Hooked};

/// Where the ring to the remote is: its flags, its entries, and the used ring's index.
const FLAGS: u32 = MEMORY - 0x400 + 0x100;
const ENTRIES: u32 = FLAGS + 4;
const USED_INDEX: u32 = FLAGS + 0x28 + 2;

/// The host's endpoint, which sends to whatever the remote's first would be.
fn opened<M: SharedMemory>(host: &mut Host<M, Bells, 4, 16>) -> crate::rpmsg::Endpoint {
    host.bus().open_with(&Config { peer: Some(Address(1024)), ..Config::default() }).unwrap()
}

/// The first descriptors that were offered to the remote.
fn offered(heap: &Heap) -> [u8; 16] {
    let mut ring = [0; 32];
    Bytes::new(&heap.region(), ENTRIES, 32).unwrap().read(0, &mut ring).unwrap();
    core::array::from_fn(|entry| ring[2 * entry])
}

/// `rpmsg_virtio_get_tx_buffer` takes one used buffer for each message, in the order in which they came back.
#[test]
fn buffers_are_recycled_in_the_order_of_c() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let (mut host, mut remote) = (host(&heap, &bells), remote(&heap, &bells));
    let endpoint = opened(&mut host);
    for _ in 0..2 {
        for number in 0..4u8 {
            host.bus().send(endpoint, &[number]).unwrap();
        }
        drain!(remote);
    }
    assert_eq!(offered(&heap)[..8], [0, 1, 2, 3, 0, 1, 2, 3]);
}

#[test]
fn they_are_after_waiting_for_them() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let (mut host, mut remote) = (host(&heap, &bells), remote(&heap, &bells));
    let endpoint = opened(&mut host);
    for _ in 0..2 {
        for number in 0..16u8 {
            host.bus().send(endpoint, &[number]).unwrap();
        }
        assert_eq!(host.bus().send(endpoint, &[]), Err(SendError::NoBuffer));
        drain!(remote);
    }
    assert_eq!(offered(&heap), core::array::from_fn(|id| id as u8));
}

#[test]
fn what_is_too_long_writes_nothing_and_takes_nothing() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let (mut host, mut remote) = (host(&heap, &bells), remote(&heap, &bells));
    let endpoint = opened(&mut host);
    let all = || {
        let mut bytes = vec![0; MEMORY as usize];
        Bytes::new(&heap.region(), 0, MEMORY).unwrap().read(0, &mut bytes).unwrap();
        bytes
    };
    let before = all();
    assert_eq!(host.bus().send(endpoint, &[0; 600]), Err(SendError::TooLong { max: 496 }));
    assert!(before == all());
    for number in 0..4u8 {
        host.bus().send(endpoint, &[number]).unwrap();
    }
    drain!(remote);
    assert_eq!(host.bus().send(endpoint, &[0; 600]), Err(SendError::TooLong { max: 496 }));
    for number in 0..4u8 {
        host.bus().send(endpoint, &[number]).unwrap();
    }
    assert_eq!(offered(&heap)[..8], [0, 1, 2, 3, 0, 1, 2, 3]);
}

/// Writes a word of the memory before the access of that number.
#[derive(Debug)]
struct Breaker<'m> {
    memory: Bytes<Region<'m>>,
    left: Cell<i64>,
    at: u32,
    to: [u8; 2],
}

impl Hook for Breaker<'_> {
    fn before(&self) -> bool {
        if self.left.get() == 0 {
            self.memory.write(self.at, &self.to).unwrap();
        }
        self.left.set(self.left.get() - 1);
        true
    }
}

/// Whatever the remote writes over its index, and whenever: who is told to wait for a doorbell has asked for it.
#[test]
fn there_is_no_buffer_only_where_one_was_asked_for() {
    for (to, after) in [999_u16, 0, 1, 2].into_iter().flat_map(|to| (0..40).map(move |after| (to, after))) {
        let (heap, bells) = (Heap::new(MEMORY), Bells::default());
        let whole = Bytes::new(&heap.region(), 0, MEMORY).unwrap();
        let breaker = Breaker { memory: whole.clone(), left: Cell::new(-1), at: USED_INDEX, to: to.to_le_bytes() };
        let settings = Settings { address: Some(BASE), ..settings(1) };
        let mut host = Host::new(Hooked::new(heap.region(), &breaker), bells.clone(), &settings).unwrap();
        let mut remote = remote(&heap, &bells);
        let endpoint = opened(&mut host);
        for number in 0..16u8 {
            host.bus().send(endpoint, &[number]).unwrap();
        }
        assert_eq!(host.bus().send(endpoint, &[]), Err(SendError::NoBuffer));
        drain!(remote);
        whole.write(USED_INDEX, &1_u16.to_le_bytes()).unwrap();
        breaker.left.set(after);
        let sent = host.bus().send(endpoint, b"x");
        let mut flags = [0; 2];
        whole.read(FLAGS, &mut flags).unwrap();
        assert!(sent != Err(SendError::NoBuffer) || flags == [0; 2], "to {to}, after {after}");
    }
}
