// SPDX-License-Identifier: Apache-2.0
//! Tests two instances in one process. The tests drive them in the same way as the C backend.

use core::cell::{Cell, RefCell};
use core::ffi::{CStr, c_char, c_void};
use core::mem::zeroed;
use core::ptr::{NonNull, null_mut};
use core::slice;

use super::*;

/// A callback for messages.
type OnMessage = Box<dyn FnMut(&Event)>;

/// The context of one side's callbacks.
struct Port {
    now: Cell<u64>,
    /// Address of a byte that is overwritten when this side rings, or 0. Imitates a peer that immediately reuses a
    /// buffer.
    overwritten: Cell<usize>,
    events: RefCell<Vec<Event>>,
    lines: RefCell<Vec<String>>,
    /// Called for each message from within the event callback.
    on_message: Cell<Option<OnMessage>>,
}

unsafe extern "C" fn ring(context: *mut c_void, _: u32, vector: u16) -> i32 {
    // SAFETY: each side's port is leaked, so it stays valid.
    let port = unsafe { &*context.cast::<Port>() };
    if port.overwritten.get() != 0 {
        // SAFETY: the address refers to a byte in leaked memory.
        unsafe { (port.overwritten.get() as *mut u8).write_volatile(b'?') };
    }
    if vector == 0 { 0 } else { -22 }
}

unsafe extern "C" fn now(context: *mut c_void) -> u64 {
    // SAFETY: each side's port is leaked, so it stays valid.
    unsafe { &*context.cast::<Port>() }.now.get()
}

unsafe extern "C" fn log(context: *mut c_void, _: LogLevel, text: *const c_char) {
    // SAFETY: this crate logs only valid C strings.
    let text = unsafe { CStr::from_ptr(text) }.to_str().unwrap().to_owned();
    // SAFETY: each side's port is leaked, so it stays valid.
    unsafe { &*context.cast::<Port>() }.lines.borrow_mut().push(text);
}

unsafe extern "C" fn event(context: *mut c_void, event: *const Event) {
    // SAFETY: each side's port is leaked, so it stays valid.
    let port = unsafe { &*context.cast::<Port>() };
    // SAFETY: the event is valid during the call.
    let event = unsafe { *event };
    port.events.borrow_mut().push(event);
    if event.kind == EventKind::Message
        && let Some(mut callback) = port.on_message.take()
    {
        callback(&event);
        port.on_message.set(Some(callback));
    }
}

static CALLBACKS: Callbacks = Callbacks { ring, now, log, event };

const SIZE: usize = 1 << 16;

struct Side {
    state: NonNull<State>,
    port: &'static Port,
    buffer: NonNull<[u8; 240]>,
}

fn setup(memory: usize, host: bool, id: u32, port: &'static Port) -> Setup {
    Setup {
        callbacks: &CALLBACKS,
        context: core::ptr::from_ref(port).cast_mut().cast(),
        memory: memory as *mut c_void,
        size: SIZE,
        rx_buffer: null_mut(),
        rx_capacity: 0,
        id,
        heartbeat: 100,
        peer_timeout: 0,
        area_offset: 0,
        area_size: 0,
        buffer_size: 256,
        buffer_count: 4,
        link: 0,
        host,
    }
}

fn port() -> &'static Port {
    Box::leak(Box::new(Port {
        now: Cell::new(0),
        overwritten: Cell::new(0),
        events: RefCell::default(),
        lines: RefCell::default(),
        on_message: Cell::new(None),
    }))
}

fn zeroed_state() -> NonNull<State> {
    // SAFETY: all zeros are a valid `State`. C also passes zeroed memory.
    NonNull::from(Box::leak(Box::new(unsafe { zeroed::<State>() })))
}

impl Side {
    /// Opens a side that copies its messages.
    fn open(memory: usize, host: bool, id: u32) -> Self {
        Self::open_as(memory, host, id, true)
    }

    fn open_as(memory: usize, host: bool, id: u32, copy: bool) -> Self {
        let buffer = NonNull::from(Box::leak(Box::new([0; 240])));
        let mut side = Self { state: zeroed_state(), port: port(), buffer };
        let mut setup = setup(memory, host, id, side.port);
        if copy {
            (setup.rx_buffer, setup.rx_capacity) = (buffer.as_ptr().cast(), 240);
        }
        // SAFETY: the memory, the port and the buffer are leaked, so they stay valid.
        assert_eq!(unsafe { amp_ipc_open(side.state(), &setup) }, Status::Ok);
        // SAFETY: as above.
        assert_eq!(unsafe { amp_ipc_open(side.state(), &setup) }, Status::AlreadyOpen);
        side
    }

    fn state(&mut self) -> &mut State {
        // SAFETY: the state is leaked, and only one thread uses it.
        unsafe { self.state.as_mut() }
    }

    fn received(&self, length: usize) -> Vec<u8> {
        // SAFETY: the buffer is leaked, and nothing writes to it outside a call.
        let buffer = unsafe { self.buffer.as_ref() };
        buffer[..length].to_vec()
    }

    fn register(&mut self, name: &str) -> Result<u32, Status> {
        let mut number = u32::MAX;
        // SAFETY: the bytes of a `str` are readable.
        match unsafe { amp_ipc_register(self.state(), name.as_ptr().cast(), name.len(), &mut number) } {
            Status::Ok => Ok(number),
            status => Err(status),
        }
    }

    fn send(&mut self, number: u32, payload: &[u8]) -> Status {
        // SAFETY: the bytes of a slice are readable.
        unsafe { amp_ipc_send(self.state(), number, payload.as_ptr().cast(), payload.len()) }
    }

    /// Returns the next event, if any.
    fn poll(&mut self) -> Option<Event> {
        self.port.now.set(self.port.now.get() + 1000);
        self.port.events.borrow_mut().clear();
        // SAFETY: the state is leaked, and only one thread uses it.
        let again = unsafe { amp_ipc_poll(self.state) };
        let event = self.port.events.borrow_mut().pop();
        assert_eq!(again == 0, event.is_some(), "{event:?}");
        event
    }

    /// Sets the callback for messages.
    fn on_message(&self, callback: impl FnMut(&Event) + 'static) {
        self.port.on_message.set(Some(Box::new(callback)));
    }

    /// Holds every message, on behalf of endpoint `number`.
    fn hold_all(&self, number: u32) {
        let mut state = self.state;
        self.on_message(move |event| {
            // SAFETY: `amp_ipc_poll` has no borrow of the state while its callback runs.
            assert_eq!(amp_ipc_hold(unsafe { state.as_mut() }, number, at(event.data as usize)), Status::Ok);
        });
    }
}

fn memory() -> usize {
    Box::leak(vec![0u64; SIZE / 8].into_boxed_slice()).as_mut_ptr() as usize
}

/// Polls both sides until `side` has an event of `kind`.
fn until(sides: &mut [Side; 2], side: usize, kind: EventKind) -> Event {
    for _ in 0..1000 {
        let other = sides[1 - side].poll();
        assert!(!other.is_some_and(|other| other.kind == EventKind::Incompatible), "{other:?}");
        if let Some(event) = sides[side].poll().filter(|event| event.kind == kind) {
            return event;
        }
    }
    panic!("no {kind:?}");
}

fn pair() -> ([Side; 2], [u32; 2], usize) {
    pair_of(true)
}

/// Returns two sides that leave messages in place.
fn pair_in_place() -> ([Side; 2], [u32; 2], usize) {
    pair_of(false)
}

fn pair_of(copy: bool) -> ([Side; 2], [u32; 2], usize) {
    let memory = memory();
    let mut sides = [Side::open_as(memory, true, 0, copy), Side::open_as(memory, false, 1, copy)];
    let numbers = [sides[0].register("echo").unwrap(), sides[1].register("echo").unwrap()];
    assert_eq!(until(&mut sides, 1, EventKind::Bound).endpoint, numbers[1]);
    for side in &mut sides {
        while side.poll().is_some() {}
    }
    (sides, numbers, memory)
}

#[test]
fn messages_go_both_ways() {
    let (mut sides, numbers, _) = pair();
    for from in [0, 1] {
        assert_eq!(sides[from].send(numbers[from], b"hello"), Status::Ok);
        let event = until(&mut sides, 1 - from, EventKind::Message);
        assert_eq!((event.endpoint, event.length), (numbers[1 - from], 5));
        assert_eq!(sides[1 - from].received(5), b"hello");
    }
}

#[test]
fn what_cannot_be_sent_is_said() {
    let (mut sides, numbers, _) = pair();
    let host = &mut sides[0];
    assert_eq!(amp_ipc_max_message(host.state()), 240);
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
    assert_eq!(amp_ipc_deregister(host.state(), u32::try_from(ENDPOINTS).unwrap()), Status::NoEndpoint);
    assert_eq!(amp_ipc_deregister(host.state(), numbers[0]), Status::Ok);
    assert_eq!(amp_ipc_deregister(host.state(), numbers[0]), Status::NoEndpoint);
}

#[test]
fn a_side_that_closes_and_comes_back_is_bound_again() {
    let (mut sides, numbers, memory) = pair();
    assert_eq!(amp_ipc_close(sides[1].state()), Status::Ok);
    assert_eq!(amp_ipc_close(sides[1].state()), Status::NotOpen);
    assert_eq!(sides[1].send(numbers[1], b"x"), Status::NotOpen);
    assert_eq!(until(&mut sides, 0, EventKind::Unbound).endpoint, numbers[0]);
    assert_eq!(sides[0].send(numbers[0], b"x"), Status::NotBound);
    sides[1] = Side::open(memory, false, 2);
    sides[1].register("echo").unwrap();
    assert_eq!(until(&mut sides, 0, EventKind::Bound).endpoint, numbers[0]);
}

#[test]
fn what_cannot_be_an_instance_is_not_opened() {
    let port = port();
    let good = setup(memory(), true, 0, port);
    for setup in [
        Setup { memory: null_mut(), ..good },
        Setup { size: 1 << 33, ..good },
        Setup { id: 1 << 16, ..good },
        Setup { buffer_count: 3, ..good },
        Setup { buffer_count: 32, ..good },
        Setup { buffer_size: 100, ..good },
        Setup { link: 126, ..good },
        Setup { size: 8192, ..good },
        Setup { area_offset: 4096, area_size: 1 << 20, ..good },
    ] {
        // SAFETY: the state is leaked, and only one thread uses it.
        let state = unsafe { zeroed_state().as_mut() };
        // SAFETY: the memory of every setup is leaked, or NULL.
        assert_eq!(unsafe { amp_ipc_open(state, &setup) }, Status::Unusable, "{setup:?}");
        assert!(port.lines.borrow_mut().pop().unwrap().starts_with("the shared memory cannot have this link"));
    }
}

fn reserve(side: &mut Side, number: u32, mut size: u32) -> Result<(usize, u32), (Status, u32)> {
    let mut buffer = null_mut();
    match amp_ipc_reserve(side.state(), number, &mut size, &mut buffer) {
        Status::Ok => Ok((buffer as usize, size)),
        status => Err((status, size)),
    }
}

/// Converts `address` to the pointer type that C passes.
fn at(address: usize) -> *const c_void {
    address as *const c_void
}

/// Writes `bytes` through a pointer, as C does.
fn fill(address: usize, bytes: &[u8]) {
    // SAFETY: the buffer at `address` is in leaked memory and large enough, and only one thread uses it.
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
        assert_eq!(amp_ipc_send_reserved(sides[from].state(), numbers[from], at(address), 8), Status::Ok);
        assert_eq!(amp_ipc_send_reserved(sides[from].state(), numbers[from], at(address), 8), Status::StaleBuffer);
        assert_eq!(amp_ipc_drop(sides[from].state(), numbers[from], at(address)), Status::StaleBuffer);

        let (mut state, number) = (sides[to].state, numbers[to]);
        sides[to].on_message(move |event| {
            // SAFETY: `amp_ipc_poll` has no borrow of the state while its callback runs.
            let (state, data) = (unsafe { state.as_mut() }, event.data as usize);
            assert_eq!(amp_ipc_release(state, number, at(data)), Status::UnknownBuffer, "not held");
            assert_eq!(amp_ipc_hold(state, number, at(data + 8)), Status::UnknownBuffer);
            assert_eq!(amp_ipc_hold(state, 5, at(data)), Status::NoEndpoint);
            assert_eq!(amp_ipc_hold(state, number, at(data)), Status::Ok);
            assert_eq!(amp_ipc_hold(state, number, at(data)), Status::StaleBuffer);
        });
        let event = until(&mut sides, to, EventKind::Message);
        let data = event.data as usize;
        assert_eq!((data, event.length), (address, 8));
        assert_eq!(bytes_at(data, 8), b"in place");
        let state = sides[to].state();
        assert_eq!(amp_ipc_release(state, number, at(data)), Status::Ok);
        assert_eq!(amp_ipc_release(state, number, at(data)), Status::StaleBuffer);
        assert_eq!(amp_ipc_release(state, number, at(8)), Status::UnknownBuffer);
        assert_eq!(amp_ipc_release(state, number, at(usize::MAX - 7)), Status::UnknownBuffer);
    }
}

/// Checks under Miri that there is no reference to a received message, because the peer may write
/// to the message at any time.
#[test]
fn a_message_is_answered_from_the_buffer_that_it_came_in() {
    let (mut sides, numbers, _) = pair_in_place();
    let (mut state, number, port) = (sides[1].state, numbers[1], sides[1].port);
    sides[1].on_message(move |event| {
        port.overwritten.set(event.data as usize);
        // SAFETY: `amp_ipc_poll` has no borrow of the state while its callback runs.
        let state = unsafe { state.as_mut() };
        // SAFETY: the message's bytes are readable.
        let sent = unsafe { amp_ipc_send(state, number, event.data, event.length as usize) };
        assert_eq!((sent, bytes_at(event.data as usize, 1)), (Status::Ok, b"?".to_vec()), "and it rang");
        // An endpoint's name may also be read directly from the message.
        fill(event.data as usize, b"name");
        let mut other = 0;
        // SAFETY: as above.
        assert_eq!(unsafe { amp_ipc_register(state, event.data.cast(), 4, &mut other) }, Status::Ok);
        port.overwritten.set(0);
    });
    assert_eq!(sides[0].send(numbers[0], b"asked"), Status::Ok);
    // The host now waits for the answer's doorbell.
    while sides[0].poll().is_some() {}
    sides[0].hold_all(numbers[0]);
    let back = until(&mut sides, 0, EventKind::Message);
    assert_eq!(bytes_at(back.data as usize, 5), b"asked");
}

/// Checks that the reasons reported by the core are logged.
#[test]
fn reasons_are_logged() {
    let (mut sides, _, memory) = pair();
    assert_eq!(amp_ipc_close(sides[1].state()), Status::Ok);
    until(&mut sides, 0, EventKind::Down);
    assert_eq!(sides[0].port.lines.take(), ["the peer has left"]);
    sides[1] = Side::open(memory, false, 2);
    until(&mut sides, 0, EventKind::Up);
    // A second side in the remote's role overwrites the remote's block.
    let rival = Side::open(memory, false, 3);
    let mut sides = [rival, sides.into_iter().nth(1).unwrap()];
    for _ in 0..1000 {
        let _ = (sides[0].poll(), sides[1].poll());
    }
    let lines: Vec<String> = sides.iter().flat_map(|side| side.port.lines.take()).collect();
    assert!(!lines.iter().any(|line| line.starts_with("another peer")), "{lines:?}");
}

/// Checks that C is told which peer has this side's role.
#[test]
fn a_side_in_the_same_role_is_named() {
    let (mut sides, _, memory) = pair();
    let rival = Side::open(memory, true, 3);
    let mut conflicts = Vec::new();
    sides[1] = rival;
    for _ in 0..1000 {
        conflicts.extend(sides[0].poll().filter(|event| event.kind == EventKind::RoleConflict));
        sides[1].poll();
    }
    assert_eq!(conflicts.iter().map(|event| event.length).collect::<Vec<_>>(), [3]);
}

/// Checks that a peer that sends only announcements cannot make a call hold the port's lock for long.
#[test]
fn a_flood_of_announcements_does_not_keep_a_poll() {
    let memory = memory();
    let open = |host, id| {
        let mut side =
            Side { state: zeroed_state(), port: port(), buffer: NonNull::from(Box::leak(Box::new([0; 240]))) };
        let setup = Setup { buffer_count: 16, ..setup(memory, host, id, side.port) };
        // SAFETY: the memory and the port are leaked.
        assert_eq!(unsafe { amp_ipc_open(side.state(), &setup) }, Status::Ok);
        side
    };
    let mut sides = [open(true, 0), open(false, 1)];
    until(&mut sides, 0, EventKind::Up);
    for _ in 0..20 {
        let _ = (sides[0].poll(), sides[1].poll());
    }
    for _ in 0..2 {
        let numbers: Vec<_> = (0..8).map(|index| sides[1].register(&format!("of no use {index}")).unwrap()).collect();
        sides[1].poll();
        for number in numbers {
            assert_eq!(amp_ipc_deregister(sides[1].state(), number), Status::Ok);
        }
        sides[1].poll();
        // SAFETY: only one thread uses the state.
        let polls = (0..).take_while(|_| unsafe { amp_ipc_poll(sides[0].state) } == 0).count();
        assert!((1..=3).contains(&polls), "16 announcements in {polls} polls");
    }
    assert!(sides[0].port.events.borrow().iter().all(|event| event.kind == EventKind::Up));
}

/// Checks that a side that cannot poll still counts as alive if its port calls `amp_ipc_show_life`.
#[test]
fn a_side_shows_life_while_it_cannot_poll() {
    let memory = memory();
    let open = |host, id| {
        let mut side =
            Side { state: zeroed_state(), port: port(), buffer: NonNull::from(Box::leak(Box::new([0; 240]))) };
        let setup = Setup { peer_timeout: 1000, ..setup(memory, host, id, side.port) };
        // SAFETY: the memory and the port are leaked.
        assert_eq!(unsafe { amp_ipc_open(side.state(), &setup) }, Status::Ok);
        side
    };
    let mut sides = [open(true, 0), open(false, 1)];
    until(&mut sides, 0, EventKind::Up);
    for _ in 0..20 {
        let _ = (sides[0].poll(), sides[1].poll());
    }
    for tenth in 0..100 {
        amp_ipc_show_life(sides[1].state());
        for _ in 0..100 {
            let event = sides[0].poll();
            assert!(event.is_none_or(|event| event.kind != EventKind::Down), "after {tenth} tenths of a second");
        }
    }
    // Without further calls, the peer counts as dead.
    let down = (0..2000).find_map(|_| sides[0].poll().filter(|event| event.kind == EventKind::Down));
    assert!(down.is_some());
}

#[test]
fn held_buffers_keep_the_peer_waiting_until_they_are_released() {
    let (mut sides, numbers, _) = pair_in_place();
    let mut held = Vec::new();
    sides[1].hold_all(numbers[1]);
    for round in 0..4u8 {
        assert_eq!(sides[0].send(numbers[0], &[round]), Status::Ok);
        held.push(until(&mut sides, 1, EventKind::Message).data as usize);
    }
    sides[1].on_message(|_| {});
    assert_eq!(sides[0].send(numbers[0], b"x"), Status::NoBuffer);
    assert_eq!(reserve(&mut sides[0], numbers[0], 1), Err((Status::NoBuffer, 1)));
    assert_eq!(bytes_at(held[2], 1), [2]);
    assert_eq!(amp_ipc_release(sides[1].state(), numbers[1], at(held[2])), Status::Ok);
    assert_eq!(sides[0].send(numbers[0], b"x"), Status::Ok);
    let event = until(&mut sides, 1, EventKind::Message);
    assert_eq!(event.data as usize, held[2], "the only free one");
    // Deregistering an endpoint releases the messages that it holds.
    assert_eq!(amp_ipc_deregister(sides[1].state(), numbers[1]), Status::Ok);
    for _ in 0..10 {
        sides[1].poll();
        sides[0].poll();
    }
    let number = sides[1].register("echo").unwrap();
    until(&mut sides, 0, EventKind::Bound);
    for _ in 0..4 {
        assert!(reserve(&mut sides[0], numbers[0], 0).is_ok());
    }
    assert_eq!(amp_ipc_release(sides[1].state(), number, at(held[0])), Status::StaleBuffer);
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
    assert_eq!(amp_ipc_drop(host.state(), lonely, at(address)), Status::StaleBuffer, "another's");
    assert_eq!(amp_ipc_send_reserved(host.state(), numbers[0], at(address), 241), Status::TooLong);
    assert_eq!(amp_ipc_send_reserved(host.state(), numbers[0], at(address), usize::MAX), Status::TooLong);
    assert_eq!(amp_ipc_send_reserved(host.state(), numbers[0], at(address + 1), 1), Status::StaleBuffer);
    assert_eq!(amp_ipc_drop(host.state(), numbers[0], at(address)), Status::Ok, "still C's after a failure");
    assert_eq!(amp_ipc_drop(host.state(), numbers[0], at(address)), Status::StaleBuffer);
    let all: Vec<_> = (0..4).map(|_| reserve(host, numbers[0], 0).unwrap().0).collect();
    assert_eq!(reserve(host, numbers[0], 0), Err((Status::NoBuffer, 0)));
    for address in all {
        assert_eq!(amp_ipc_drop(host.state(), numbers[0], at(address)), Status::Ok);
    }
}

#[test]
fn pointers_into_a_link_that_went_down_are_void() {
    let (mut sides, numbers, memory) = pair_in_place();
    sides[0].hold_all(numbers[0]);
    assert_eq!(sides[1].send(numbers[1], b"old"), Status::Ok);
    let held = until(&mut sides, 0, EventKind::Message).data as usize;
    let (reserved, _) = reserve(&mut sides[0], numbers[0], 0).unwrap();
    assert_eq!(amp_ipc_close(sides[1].state()), Status::Ok);
    sides[1] = Side::open(memory, false, 2);
    let void = |host: &mut Side| {
        assert_eq!(amp_ipc_release(host.state(), numbers[0], at(held)), Status::StaleBuffer);
        assert_eq!(amp_ipc_drop(host.state(), numbers[0], at(reserved)), Status::StaleBuffer);
        assert_eq!(amp_ipc_send_reserved(host.state(), numbers[0], at(reserved), 1), Status::StaleBuffer);
    };
    until(&mut sides, 0, EventKind::Down);
    void(&mut sides[0]);
    sides[1].register("echo").unwrap();
    until(&mut sides, 0, EventKind::Bound);
    void(&mut sides[0]);
    assert_eq!(sides[0].send(numbers[0], b"new"), Status::Ok);
    assert_eq!(until(&mut sides, 1, EventKind::Message).length, 3);
}
