//! One ivshmem device behind Zephyr's `ivshmem_driver_api`: its checks, its doorbell, and who waits for which vector. Does
//! not know how it was found, and takes no lock.

use core::cell::Cell;
use core::mem::MaybeUninit;
use core::num::NonZeroUsize;
use core::ptr::{NonNull, null_mut};

use amp_ivshmem::ivshmem::{Device, Registers};
use amp_ivshmem::platform::{Doorbell, PeerId, Vector};
use safe_mmio::UniqueMmioPointer;

use crate::header;

/// The smallest shared memory, in bytes: a page, which is what any peer maps.
pub const MEMORY_MIN: usize = 4096;

/// Zephyr's `struct k_poll_signal`; only ever pointed to.
#[repr(C)]
pub struct Signal {
    opaque: [u8; 0],
}

/// What C is told; it has the errno and the words for each. The numbers are those of `enum amp_ivshmem_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// The device did not start: it is not ready.
    NotStarted = 1,
    /// The device has no doorbell (`ivshmem-plain`).
    NoDoorbell = 2,
    /// The device has no such vector, nor can a peer have it.
    NoSuchVector = 3,
    /// No peer can have this number: they end at 65535.
    NoSuchPeer = 4,
    /// The registers are not at a multiple of 4.
    BadRegisters = 5,
    /// The memory is not a power of two of at least [`MEMORY_MIN`] bytes and below 4 GiB, or not at a multiple of 8.
    BadMemory = 6,
    /// IVPOSITION is no peer's number.
    NoServer = 7,
}

/// Where a device is, and what C has set aside for it: `struct amp_ivshmem_place`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Place {
    /// Address of the mapped registers; 0 where the device has none.
    pub registers: usize,
    /// Address of the mapped shared memory.
    pub memory: usize,
    /// Its size in bytes.
    pub size: usize,
    /// One for each vector, none of them set; NULL where nothing is to be registered.
    pub handlers: *mut *mut Signal,
    /// How many vectors this machine has, each with its interrupt connected; 0 where there is no doorbell.
    pub vectors: u16,
}

/// A device that has started.
struct Started {
    // None where there are no registers.
    device: Option<Device<'static>>,
    memory: usize,
    size: usize,
    handlers: Option<NonNull<*mut Signal>>,
    vectors: u16,
}

/// `struct amp_ivshmem`: room that C sets aside, all zero until the device starts.
#[repr(C)]
pub struct State {
    started: Option<NonZeroUsize>,
    device: MaybeUninit<Started>,
}

/// The bytes of `struct amp_ivshmem`, as C has them.
const SIZE: usize = size_of::<usize>() * header::number(include_str!("../include/amp_ivshmem.h"), "AMP_IVSHMEM_WORDS");

const _: () = assert!(size_of::<State>() == SIZE, "struct amp_ivshmem in include/amp_ivshmem.h is of another size");
const _: () = assert!(align_of::<State>() <= align_of::<usize>());

impl State {
    fn get(&self) -> Option<&Started> {
        self.started?;
        // SAFETY: `started` is set only after `device` was written.
        Some(unsafe { self.device.assume_init_ref() })
    }

    fn start(&mut self, place: &Place) -> Status {
        if !place.registers.is_multiple_of(4) {
            return Status::BadRegisters;
        }
        let fits = place.size.is_power_of_two() && place.size >= MEMORY_MIN && u32::try_from(place.size).is_ok();
        if !fits || place.memory == 0 || !place.memory.is_multiple_of(8) {
            return Status::BadMemory;
        }
        let mut device = None;
        if let Some(registers) = NonNull::new(place.registers as *mut Registers) {
            // SAFETY: by `amp_ivshmem_start`'s contract they are mapped for ever as device memory, and this device's
            // alone.
            let registers = unsafe { UniqueMmioPointer::new(registers) };
            match Device::new(registers, place.vectors) {
                Ok(found) => device = Some(found),
                Err(_) => return Status::NoServer,
            }
        }
        let vectors = device.as_ref().map_or(0, Device::vectors);
        let handlers = NonNull::new(place.handlers);
        self.device.write(Started { device, memory: place.memory, size: place.size, handlers, vectors });
        self.started = Some(NonZeroUsize::MIN);
        Status::Ok
    }
}

impl Started {
    /// The handler of `vector`.
    fn handler(&self, vector: u16) -> Result<&Cell<*mut Signal>, Status> {
        let Some(handlers) = self.handlers.filter(|_| self.vectors > 0) else {
            return Err(Status::NoDoorbell);
        };
        if vector >= self.vectors {
            return Err(Status::NoSuchVector);
        }
        // SAFETY: `vectors` of them are set aside by `amp_ivshmem_start`'s contract, and `vector` is below that.
        let handler = unsafe { handlers.add(usize::from(vector)) };
        // SAFETY: as above; C does not touch them, and locks those that use one.
        Ok(unsafe { handler.cast::<Cell<*mut Signal>>().as_ref() })
    }

    fn ring(&self, peer: u32, vector: u16) -> Status {
        let Some(device) = self.device.as_ref().filter(|_| self.vectors > 0) else {
            return Status::NoDoorbell;
        };
        let Ok(peer) = u16::try_from(peer) else {
            return Status::NoSuchPeer;
        };
        match device.ring(PeerId(peer), Vector(vector)) {
            Ok(()) => Status::Ok,
            Err(_) => Status::NoSuchVector,
        }
    }
}

/// Starts the device at `place`, whose interrupts may come from now on.
///
/// # Safety
/// * `state` is a zeroed `struct amp_ivshmem`, and every other function here gets it only after this one: to ring, to register and to
///   ask who is registered under one lock.
/// * For as long as the system runs: the registers stay mapped as device memory and are nobody else's, `vectors`
///   handlers, where there are any, stay set aside and are nobody else's, and the memory stays mapped.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_ivshmem_start(state: &mut State, place: &Place) -> Status {
    state.start(place)
}

/// The shared memory's size; 0 where the device has not started. Its address goes to `address`, NULL likewise.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_memory(state: &State, address: &mut usize) -> usize {
    let (start, size) = state.get().map_or((0, 0), |device| (device.memory, device.size));
    *address = start;
    size
}

/// This machine's number; 0 without a doorbell.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_id(state: &State) -> u32 {
    let device = state.get().and_then(|started| started.device.as_ref());
    device.map_or(0, |device| u32::from(device.id().0))
}

/// How many vectors there are, counted from 0.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_vectors(state: &State) -> u16 {
    state.get().map_or(0, |device| device.vectors)
}

/// Rings `vector` at `peer`: all stores to shared memory before the call are visible to it when it takes the interrupt.
/// A peer that is absent is not noticed.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_ring(state: &State, peer: u32, vector: u16) -> Status {
    state.get().map_or(Status::NotStarted, |device| device.ring(peer, vector))
}

/// Has [`amp_ivshmem_interrupted`] return `signal` for `vector` from now on; NULL takes it back.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_register(state: &State, signal: *mut Signal, vector: u16) -> Status {
    let Some(device) = state.get() else {
        return Status::NotStarted;
    };
    match device.handler(vector) {
        Ok(handler) => {
            handler.set(signal);
            Status::Ok
        }
        Err(status) => status,
    }
}

/// `vector` has rung: the signal to raise, or NULL.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_interrupted(state: &State, vector: u16) -> *mut Signal {
    state.get().and_then(|device| device.handler(vector).ok()).map_or(null_mut(), Cell::get)
}

#[cfg(test)]
mod tests;
