//! Two instances in one process, as the C backend drives them.

use core::cell::Cell;
use core::mem::zeroed;
use core::slice;

use super::buffers::*;
use super::*;

/// A device that writes a byte when it rings: a peer that reuses a buffer at once.
struct Device {
    overwritten: Cell<usize>,
}

#[unsafe(no_mangle)]
extern "C" fn amp_zephyr_ring(device: *const c_void, _: u32, vector: u16) -> i32 {
    // SAFETY: where there is one, it lives until its test ends.
    if let Some(device) = unsafe { device.cast::<Device>().as_ref() }
        && device.overwritten.get() != 0
    {
        // SAFETY: the test named a byte of its leaked memory.
        unsafe { (device.overwritten.get() as *mut u8).write_volatile(b'?') };
    }
    if vector == 0 { 0 } else { -22 }
}

const SIZE: usize = 1 << 16;

struct Side {
    state: Box<State>,
    buffer: [u8; 240],
    now: u64,
    /// Whether messages are copied out, or left in place.
    copy: bool,
}

impl Side {
    fn open(memory: usize, host: bool, id: u32) -> Self {
        Self::open_on(core::ptr::null(), memory, host, id)
    }

    fn open_on(device: *const Device, memory: usize, host: bool, id: u32) -> Self {
        // SAFETY: all zero is what C hands over.
        let mut state: Box<State> = Box::new(unsafe { zeroed() });
        let setup = Setup {
            device: device.cast(),
            memory,
            size: SIZE,
            id,
            heartbeat: 100,
            silence: 0,
            area_offset: 0,
            area_size: 0,
            buffer_size: 256,
            buffer_count: 4,
            link: 0,
            host,
        };
        // SAFETY: the memory is leaked.
        assert_eq!(unsafe { amp_ipc_open(&mut state, &setup) }, Status::Ok);
        // SAFETY: as above.
        assert_eq!(unsafe { amp_ipc_open(&mut state, &setup) }, Status::AlreadyOpen);
        Self { state, buffer: [0; 240], now: 0, copy: true }
    }

    fn register(&mut self, name: &str) -> Result<u32, Status> {
        let mut number = u32::MAX;
        // SAFETY: a str can be read.
        match unsafe {
            amp_ipc_register(&mut self.state, NonNull::from(name.as_bytes()).cast(), name.len(), &mut number)
        } {
            Status::Ok => Ok(number),
            status => Err(status),
        }
    }

    fn send(&mut self, number: u32, payload: &[u8]) -> Status {
        // SAFETY: a slice can be read.
        unsafe { amp_ipc_send(&mut self.state, number, NonNull::from(payload).cast(), payload.len()) }
    }

    fn poll(&mut self) -> Occurrence {
        self.now += 1000;
        let mut event = Occurrence { deadline: 0, kind: Kind::Nothing, endpoint: 0, length: 0, data: 0 };
        let buffer = NonNull::from(&mut self.buffer);
        // SAFETY: the buffer is this side's own.
        unsafe { amp_ipc_poll(&mut self.state, self.now, self.copy.then_some(buffer.cast()), 240, &mut event) };
        event
    }
}

fn memory() -> usize {
    Box::leak(vec![0u64; SIZE / 8].into_boxed_slice()).as_mut_ptr() as usize
}

/// Polls both until one of `side` is of `kind`.
fn until(sides: &mut [Side; 2], side: usize, kind: Kind) -> Occurrence {
    for _ in 0..1000 {
        let other = sides[1 - side].poll();
        assert!(!matches!(other.kind, Kind::Fault | Kind::Refused), "{other:?}");
        let event = sides[side].poll();
        if event.kind == kind {
            return event;
        }
    }
    panic!("no {kind:?}");
}

fn pair() -> ([Side; 2], [u32; 2], usize) {
    let memory = memory();
    let mut sides = [Side::open(memory, true, 0), Side::open(memory, false, 1)];
    let numbers = [sides[0].register("echo").unwrap(), sides[1].register("echo").unwrap()];
    assert_eq!(until(&mut sides, 1, Kind::Bound).endpoint, numbers[1]);
    for side in &mut sides {
        while side.poll().kind != Kind::Nothing {}
    }
    (sides, numbers, memory)
}

#[test]
fn messages_go_both_ways() {
    let (mut sides, numbers, _) = pair();
    for from in [0, 1] {
        assert_eq!(sides[from].send(numbers[from], b"hello"), Status::Ok);
        let event = until(&mut sides, 1 - from, Kind::Message);
        assert_eq!((event.endpoint, event.length), (numbers[1 - from], 5));
        assert_eq!(&sides[1 - from].buffer[..5], b"hello");
    }
}

#[test]
fn what_cannot_be_sent_is_said() {
    let (mut sides, numbers, _) = pair();
    let host = &mut sides[0];
    assert_eq!(amp_ipc_max_message(&mut host.state), 240);
    assert_eq!(host.send(numbers[0], &[0; 241]), Status::TooLong);
    assert_eq!(host.send(7, b"x"), Status::NoEndpoint);
    assert_eq!(host.send(u32::MAX, b"x"), Status::NoEndpoint);
    let statuses: Vec<_> = (0..5).map(|_| host.send(numbers[0], b"x")).collect();
    assert_eq!(statuses.last(), Some(&Status::NoBuffer));
    let lonely = host.register("lonely").unwrap();
    assert_eq!(host.send(lonely, b"x"), Status::NotBound);
}

#[test]
fn names_and_numbers_that_cannot_be() {
    let (mut sides, numbers, _) = pair();
    let host = &mut sides[0];
    assert_eq!(host.register(""), Err(Status::BadName));
    assert_eq!(host.register(&"n".repeat(32)), Err(Status::BadName));
    for number in 1..u32::try_from(ENDPOINTS).unwrap() {
        assert_eq!(host.register("more"), Ok(number));
    }
    assert_eq!(host.register("more"), Err(Status::NoRoom));
    assert_eq!(amp_ipc_deregister(&mut host.state, u32::try_from(ENDPOINTS).unwrap()), Status::NoEndpoint);
    assert_eq!(amp_ipc_deregister(&mut host.state, numbers[0]), Status::Ok);
    assert_eq!(amp_ipc_deregister(&mut host.state, numbers[0]), Status::NoEndpoint);
}

#[test]
fn a_side_that_closes_and_comes_back_is_bound_again() {
    let (mut sides, numbers, memory) = pair();
    assert_eq!(amp_ipc_close(&mut sides[1].state), Status::Ok);
    assert_eq!(amp_ipc_close(&mut sides[1].state), Status::NotOpen);
    assert_eq!(sides[1].send(numbers[1], b"x"), Status::NotOpen);
    assert_eq!(until(&mut sides, 0, Kind::Unbound).endpoint, numbers[0]);
    assert_eq!(sides[0].send(numbers[0], b"x"), Status::NotBound);
    sides[1] = Side::open(memory, false, 2);
    sides[1].register("echo").unwrap();
    assert_eq!(until(&mut sides, 0, Kind::Bound).endpoint, numbers[0]);
}

#[test]
fn what_cannot_be_an_instance_is_not_opened() {
    let good = Setup {
        device: core::ptr::null(),
        memory: memory(),
        size: SIZE,
        id: 0,
        heartbeat: 100,
        silence: 0,
        area_offset: 0,
        area_size: 0,
        buffer_size: 256,
        buffer_count: 4,
        link: 0,
        host: true,
    };
    for setup in [
        Setup { memory: 0, ..good },
        Setup { size: 1 << 33, ..good },
        Setup { id: 1 << 16, ..good },
        Setup { buffer_count: 3, ..good },
        Setup { buffer_count: 32, ..good },
        Setup { buffer_size: 100, ..good },
        Setup { link: 126, ..good },
        Setup { size: 8192, ..good },
        Setup { area_offset: 4096, area_size: 1 << 20, ..good },
    ] {
        // SAFETY: all zero is what C hands over.
        let mut state: Box<State> = Box::new(unsafe { zeroed() });
        // SAFETY: what is there of memory is leaked.
        assert_eq!(unsafe { amp_ipc_open(&mut state, &setup) }, Status::Unusable, "{setup:?}");
    }
}

/// Both sides, with messages left in place.
fn pair_in_place() -> ([Side; 2], [u32; 2], usize) {
    let (mut sides, numbers, memory) = pair();
    for side in &mut sides {
        side.copy = false;
    }
    (sides, numbers, memory)
}

fn reserve(side: &mut Side, number: u32, mut size: u32) -> Result<(usize, u32), (Status, u32)> {
    let mut address = 0;
    match amp_ipc_reserve(&mut side.state, number, &mut size, &mut address) {
        Status::Ok => Ok((address, size)),
        status => Err((status, size)),
    }
}

/// Writes as C does with a pointer that it was given.
fn fill(address: usize, bytes: &[u8]) {
    // SAFETY: it is in leaked memory, with room for as much, and this test has one thread.
    unsafe { slice::from_raw_parts_mut(address as *mut u8, bytes.len()) }.copy_from_slice(bytes);
}

fn bytes_at(address: usize, length: u32) -> Vec<u8> {
    // SAFETY: as for `fill`.
    unsafe { slice::from_raw_parts(address as *const u8, length as usize) }.to_vec()
}

#[test]
fn a_message_is_written_held_and_read_in_place() {
    let (mut sides, numbers, _) = pair_in_place();
    for from in [0, 1] {
        let to = 1 - from;
        let (address, size) = reserve(&mut sides[from], numbers[from], 0).unwrap();
        assert_eq!((size, address % 8), (240, 0));
        fill(address, b"in place");
        assert_eq!(amp_ipc_send_reserved(&mut sides[from].state, numbers[from], address, 8), Status::Ok);
        assert_eq!(amp_ipc_send_reserved(&mut sides[from].state, numbers[from], address, 8), Status::NotAnyMore);
        assert_eq!(amp_ipc_drop(&mut sides[from].state, numbers[from], address), Status::NotAnyMore);

        let event = until(&mut sides, to, Kind::Message);
        assert_eq!((event.data, event.length), (address, 8));
        let state = &mut *sides[to].state;
        assert_eq!(amp_ipc_release(state, numbers[to], event.data), Status::NotLent, "not held");
        assert_eq!(amp_ipc_hold(state, numbers[to], event.data + 8), Status::NotLent);
        assert_eq!(amp_ipc_hold(state, 5, event.data), Status::NoEndpoint);
        assert_eq!(amp_ipc_hold(state, numbers[to], event.data), Status::Ok);
        assert_eq!(amp_ipc_hold(state, numbers[to], event.data), Status::NotAnyMore);
        amp_ipc_done(state);
        assert_eq!(bytes_at(event.data, 8), b"in place");
        assert_eq!(amp_ipc_release(state, numbers[to], event.data), Status::Ok);
        assert_eq!(amp_ipc_release(state, numbers[to], event.data), Status::NotAnyMore);
        assert_eq!(amp_ipc_release(state, numbers[to], 8), Status::NotLent);
        assert_eq!(amp_ipc_release(state, numbers[to], usize::MAX - 7), Status::NotLent);
    }
}

/// Miri finds a reference to the received message, which the peer may write at any time.
#[test]
fn a_message_is_answered_from_the_buffer_that_it_came_in() {
    let (memory, device) = (memory(), Box::leak(Box::new(Device { overwritten: Cell::new(0) })));
    let mut sides = [Side::open(memory, true, 0), Side::open_on(device, memory, false, 1)];
    let numbers = [sides[0].register("echo").unwrap(), sides[1].register("echo").unwrap()];
    until(&mut sides, 1, Kind::Bound);
    sides[1].copy = false;
    assert_eq!(sides[0].send(numbers[0], b"asked"), Status::Ok);
    let event = until(&mut sides, 1, Kind::Message);
    // The host waits for the answer's doorbell.
    while sides[0].poll().kind != Kind::Nothing {}
    device.overwritten.set(event.data);
    let bytes = NonNull::new(event.data as *mut u8).unwrap();
    // SAFETY: the message's bytes can be read.
    let sent = unsafe { amp_ipc_send(&mut sides[1].state, numbers[1], bytes, event.length as usize) };
    assert_eq!((sent, bytes_at(event.data, 1)), (Status::Ok, b"?".to_vec()), "and it rang");
    amp_ipc_done(&mut sides[1].state);
    until(&mut sides, 0, Kind::Message);
    assert_eq!(&sides[0].buffer[..5], b"asked");
    // A name may lie there, too.
    fill(event.data, b"name");
    let mut number = 0;
    // SAFETY: as above.
    assert_eq!(unsafe { amp_ipc_register(&mut sides[1].state, bytes, 4, &mut number) }, Status::Ok);
}

#[test]
fn held_buffers_keep_the_peer_waiting_until_they_are_released() {
    let (mut sides, numbers, _) = pair_in_place();
    let mut held = Vec::new();
    for round in 0..4u8 {
        assert_eq!(sides[0].send(numbers[0], &[round]), Status::Ok);
        let event = until(&mut sides, 1, Kind::Message);
        assert_eq!(amp_ipc_hold(&mut sides[1].state, numbers[1], event.data), Status::Ok);
        amp_ipc_done(&mut sides[1].state);
        held.push(event.data);
    }
    assert_eq!(sides[0].send(numbers[0], b"x"), Status::NoBuffer);
    assert_eq!(reserve(&mut sides[0], numbers[0], 1), Err((Status::NoBuffer, 1)));
    assert_eq!(bytes_at(held[2], 1), [2]);
    assert_eq!(amp_ipc_release(&mut sides[1].state, numbers[1], held[2]), Status::Ok);
    assert_eq!(sides[0].send(numbers[0], b"x"), Status::Ok);
    let event = until(&mut sides, 1, Kind::Message);
    assert_eq!(event.data, held[2], "the only free one");
    amp_ipc_done(&mut sides[1].state);
    // What its endpoint still holds goes back when it is deregistered.
    assert_eq!(amp_ipc_deregister(&mut sides[1].state, numbers[1]), Status::Ok);
    for _ in 0..10 {
        sides[1].poll();
        sides[0].poll();
    }
    let number = sides[1].register("echo").unwrap();
    until(&mut sides, 0, Kind::Bound);
    for _ in 0..4 {
        assert!(reserve(&mut sides[0], numbers[0], 0).is_ok());
    }
    assert_eq!(amp_ipc_release(&mut sides[1].state, number, held[0]), Status::NotAnyMore);
}

#[test]
fn buffers_that_cannot_be_had_or_sent_are_named() {
    let (mut sides, numbers, _) = pair_in_place();
    let host = &mut sides[0];
    assert_eq!(reserve(host, numbers[0], 241), Err((Status::TooLong, 240)));
    assert_eq!(reserve(host, 7, 1), Err((Status::NoEndpoint, 1)));
    let lonely = host.register("lonely").unwrap();
    assert_eq!(reserve(host, lonely, 1), Err((Status::NotBound, 1)));
    let (address, size) = reserve(host, numbers[0], 240).unwrap();
    assert_eq!(size, 240);
    assert_eq!(amp_ipc_drop(&mut host.state, lonely, address), Status::NotAnyMore, "another's");
    assert_eq!(amp_ipc_send_reserved(&mut host.state, numbers[0], address, 241), Status::TooLong);
    assert_eq!(amp_ipc_send_reserved(&mut host.state, numbers[0], address, usize::MAX), Status::TooLong);
    assert_eq!(amp_ipc_send_reserved(&mut host.state, numbers[0], address + 1, 1), Status::NotAnyMore);
    assert_eq!(amp_ipc_drop(&mut host.state, numbers[0], address), Status::Ok, "still C's after a failure");
    assert_eq!(amp_ipc_drop(&mut host.state, numbers[0], address), Status::NotAnyMore);
    let all: Vec<_> = (0..4).map(|_| reserve(host, numbers[0], 0).unwrap().0).collect();
    assert_eq!(reserve(host, numbers[0], 0), Err((Status::NoBuffer, 0)));
    for address in all {
        assert_eq!(amp_ipc_drop(&mut host.state, numbers[0], address), Status::Ok);
    }
}

#[test]
fn pointers_into_a_link_that_went_down_are_void() {
    let (mut sides, numbers, memory) = pair_in_place();
    assert_eq!(sides[1].send(numbers[1], b"old"), Status::Ok);
    let event = until(&mut sides, 0, Kind::Message);
    assert_eq!(amp_ipc_hold(&mut sides[0].state, numbers[0], event.data), Status::Ok);
    amp_ipc_done(&mut sides[0].state);
    let (reserved, _) = reserve(&mut sides[0], numbers[0], 0).unwrap();
    assert_eq!(amp_ipc_close(&mut sides[1].state), Status::Ok);
    sides[1] = Side::open(memory, false, 2);
    let void = |host: &mut Side| {
        assert_eq!(amp_ipc_release(&mut host.state, numbers[0], event.data), Status::NotAnyMore);
        assert_eq!(amp_ipc_drop(&mut host.state, numbers[0], reserved), Status::NotAnyMore);
        assert_eq!(amp_ipc_send_reserved(&mut host.state, numbers[0], reserved, 1), Status::NotAnyMore);
    };
    until(&mut sides, 0, Kind::Down);
    void(&mut sides[0]);
    sides[1].register("echo").unwrap();
    until(&mut sides, 0, Kind::Bound);
    void(&mut sides[0]);
    assert_eq!(sides[0].send(numbers[0], b"new"), Status::Ok);
    assert_eq!(until(&mut sides, 1, Kind::Message).length, 3);
}
