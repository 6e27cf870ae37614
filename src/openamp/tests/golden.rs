// SPDX-License-Identifier: Apache-2.0
//! Compares the bytes that this profile writes with a trace of the bytes that C OpenAMP writes.

use super::*;

const GOLDEN: &str = include_str!("../../../tests/golden/dual_qemu_ivshmem.txt");

/// Compares the memory with one step of the golden trace.
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

/// Replays the steps of the trace in both roles, and compares the memory after each step.
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
    let announced = Event::Announced { name, address: Address(1024) };
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
    assert!(log.contains(&std::format!("{:?}", Event::Unbound { endpoint: at_host })), "{log:?}");
    assert_eq!(host.bus().send(at_host, b"x"), Err(SendError::NotBound));
}
