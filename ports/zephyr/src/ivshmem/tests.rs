// SPDX-License-Identifier: Apache-2.0
//! Tests the functions as the C drivers call them, with the registers in ordinary memory.

use core::mem::zeroed;
use core::ptr::null_mut;

use super::*;

/// The registers INTRMASK, INTRSTATUS, IVPOSITION and DOORBELL.
type Plain = [u32; 4];

const RUNG: u32 = 0xdead_beef;

struct Rig {
    registers: &'static mut Plain,
    state: State,
    handlers: &'static mut [*mut Signal; 3],
}

impl Rig {
    fn new(ivposition: u32) -> Self {
        let registers = Box::leak(Box::new([0, 0, ivposition.to_le(), RUNG]));
        // SAFETY: all zeros are a valid `State`: `started` is `None`, and `device` may be uninitialised.
        let state = unsafe { zeroed() };
        Self { registers, state, handlers: Box::leak(Box::new([null_mut(); 3])) }
    }

    fn place(&mut self, vectors: u16) -> Place {
        let registers = self.registers.as_mut_ptr() as usize;
        let handlers = self.handlers.as_mut_ptr();
        Place { registers, memory: 0x6000_0000, size: 1 << 20, handlers, vectors }
    }

    fn start(&mut self, place: &Place) -> Status {
        // SAFETY: the registers and handlers are leaked, and the test does not access them during a call.
        unsafe { amp_ivshmem_start(&mut self.state, place) }
    }
}

#[test]
fn a_device_that_has_not_started_answers_every_call() {
    let rig = Rig::new(1);
    let state = &rig.state;
    let mut address = core::ptr::dangling_mut();
    assert_eq!((amp_ivshmem_memory(state, &mut address), address), (0, null_mut()));
    assert_eq!((amp_ivshmem_id(state), amp_ivshmem_vectors(state)), (0, 0));
    assert_eq!(amp_ivshmem_ring(state, 0, 0), Status::NotStarted);
    assert_eq!(amp_ivshmem_register(state, null_mut(), 0), Status::NotStarted);
    assert!(amp_ivshmem_interrupted(state, 0).is_null());
}

#[test]
fn a_doorbell_device() {
    let mut rig = Rig::new(7);
    let place = rig.place(3);
    assert_eq!(rig.start(&place), Status::Ok);
    let mut address = null_mut();
    assert_eq!((amp_ivshmem_memory(&rig.state, &mut address), address as usize), (1 << 20, 0x6000_0000));
    assert_eq!((amp_ivshmem_id(&rig.state), amp_ivshmem_vectors(&rig.state)), (7, 3));

    for (peer, vector, status) in
        [(0x1_0000, 0, Status::NoSuchPeer), (u32::MAX, 0, Status::NoSuchPeer), (0, 3, Status::NoSuchVector)]
    {
        assert_eq!(amp_ivshmem_ring(&rig.state, peer, vector), status);
        assert_eq!(rig.registers[3], RUNG);
    }
    assert_eq!(amp_ivshmem_ring(&rig.state, 0xffff, 2), Status::Ok);
    assert_eq!(u32::from_le(rig.registers[3]), 0xffff_0002);
}

#[test]
fn a_handler_is_told_its_vector_only_and_until_it_is_taken_back() {
    let mut rig = Rig::new(7);
    let place = rig.place(3);
    assert_eq!(rig.start(&place), Status::Ok);
    let signal: *mut Signal = core::ptr::without_provenance_mut(0x1000);
    assert_eq!(amp_ivshmem_register(&rig.state, signal, 3), Status::NoSuchVector);
    assert_eq!(amp_ivshmem_register(&rig.state, signal, 1), Status::Ok);
    let rung = [0, 1, 2, 3].map(|vector| amp_ivshmem_interrupted(&rig.state, vector));
    assert_eq!(rung, [null_mut(), signal, null_mut(), null_mut()]);
    assert_eq!(amp_ivshmem_register(&rig.state, null_mut(), 1), Status::Ok);
    assert!(amp_ivshmem_interrupted(&rig.state, 1).is_null());
}

#[test]
fn a_plain_device_has_memory_but_no_doorbell() {
    for registers in [false, true] {
        let mut rig = Rig::new(0);
        let mut place = rig.place(0);
        place.handlers = null_mut();
        if !registers {
            // ACRN's plain device has no BAR0.
            place.registers = 0;
        }
        assert_eq!(rig.start(&place), Status::Ok);
        assert_eq!((amp_ivshmem_id(&rig.state), amp_ivshmem_vectors(&rig.state)), (0, 0));
        assert_eq!(amp_ivshmem_ring(&rig.state, 1, 0), Status::NoDoorbell);
        assert_eq!(amp_ivshmem_register(&rig.state, null_mut(), 0), Status::NoDoorbell);
        assert!(amp_ivshmem_interrupted(&rig.state, 0).is_null());
        assert_eq!(rig.registers[3], RUNG);
    }
}

#[test]
fn what_cannot_be_a_device_does_not_start() {
    for size in [0, 1, 2048, 4097, (1 << 20) - 4096, 1 << 32, usize::MAX] {
        let mut rig = Rig::new(1);
        let place = Place { size, ..rig.place(1) };
        assert_eq!(rig.start(&place), Status::BadMemory, "{size}");
        assert_eq!(amp_ivshmem_ring(&rig.state, 1, 0), Status::NotStarted);
    }
    for memory in [0, 4, 0x6000_0001] {
        let mut rig = Rig::new(1);
        let place = Place { memory, ..rig.place(1) };
        assert_eq!(rig.start(&place), Status::BadMemory, "{memory}");
    }
    let mut rig = Rig::new(1);
    let place = rig.place(1);
    assert_eq!(rig.start(&Place { registers: place.registers + 1, ..place }), Status::BadRegisters);
    for ivposition in [0x1_0000, u32::MAX] {
        let mut rig = Rig::new(ivposition);
        let place = rig.place(1);
        assert_eq!(rig.start(&place), Status::NoServer);
    }
}
