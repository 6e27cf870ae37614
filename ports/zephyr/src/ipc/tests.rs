//! Two instances in one process, as the C backend drives them.

use core::mem::zeroed;

use super::*;

#[unsafe(no_mangle)]
extern "C" fn amp_zephyr_ring(_: *const c_void, _: u32, vector: u16) -> i32 {
    if vector == 0 { 0 } else { -22 }
}

const SIZE: usize = 1 << 16;

struct Side {
    state: Box<State>,
    buffer: [u8; 240],
    now: u64,
}

impl Side {
    fn open(memory: usize, host: bool, id: u32) -> Self {
        // SAFETY: all zero is what C hands over.
        let mut state: Box<State> = Box::new(unsafe { zeroed() });
        let setup = Setup {
            device: core::ptr::null(),
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
        Self { state, buffer: [0; 240], now: 0 }
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
        let mut event = Occurrence { deadline: 0, kind: Kind::Nothing, endpoint: 0, length: 0 };
        let buffer = NonNull::from(&mut self.buffer);
        // SAFETY: the buffer is this side's own.
        unsafe { amp_ipc_poll(&mut self.state, self.now, buffer.cast(), 240, &mut event) };
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
    for number in 1..8 {
        assert_eq!(host.register("more"), Ok(number));
    }
    assert_eq!(host.register("more"), Err(Status::NoRoom));
    assert_eq!(amp_ipc_deregister(&mut host.state, 8), Status::NoEndpoint);
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
        Setup { link: 252, ..good },
        Setup { size: 8192, ..good },
        Setup { area_offset: 4096, area_size: 1 << 20, ..good },
    ] {
        // SAFETY: all zero is what C hands over.
        let mut state: Box<State> = Box::new(unsafe { zeroed() });
        // SAFETY: what is there of memory is leaked.
        assert_eq!(unsafe { amp_ipc_open(&mut state, &setup) }, Status::Unusable, "{setup:?}");
    }
}
