// SPDX-License-Identifier: Apache-2.0
//! Implements Zephyr's `ivshmem_driver_api` for one device: its checks, its doorbell, and the handler of each vector.
//! Takes no lock.

use core::cell::Cell;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::num::NonZeroUsize;
use core::ptr::{NonNull, null_mut};

use amp_ivshmem::ivshmem::{Device, Registers};
use amp_ivshmem::platform::{Doorbell, PeerId, Vector};
use safe_mmio::UniqueMmioPointer;

/// The smallest shared memory in bytes: a page, because a peer maps whole pages.
pub const MEMORY_MIN: usize = 4096;

/// Zephyr's `struct k_poll_signal`, used through pointers only.
#[repr(C)]
pub struct Signal {
    opaque: [u8; 0],
}

/// The result of a call. C has the errno and the log line for each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// The device did not start: it is not ready.
    NotStarted = 1,
    /// The device has no doorbell (`ivshmem-plain`).
    NoDoorbell = 2,
    /// Neither this device nor a peer can have this vector.
    NoSuchVector = 3,
    /// No peer can have this id: the last one is 65535.
    NoSuchPeer = 4,
    /// The registers are not at a multiple of 4.
    BadRegisters = 5,
    /// The memory's size is not a power of two from 4096 bytes to 2 GiB, or it is not at a
    /// multiple of 8.
    BadMemory = 6,
    /// IVPOSITION holds no peer id.
    NoServer = 7,
}

/// The addresses of a device, and C's memory for its handlers.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Place {
    /// Address of the mapped registers; 0 if the device has none.
    pub registers: usize,
    /// Address of the mapped shared memory.
    pub memory: usize,
    /// Its size in bytes.
    pub size: usize,
    /// A handler for each vector, all NULL; or NULL if none is ever registered.
    pub handlers: *mut *mut Signal,
    /// The vectors of this machine, each with its interrupt connected; 0 without a doorbell.
    pub vectors: u16,
}

/// A device that has started.
struct Started {
    // `None` if there are no registers.
    device: Option<Device<'static>>,
    memory: usize,
    size: usize,
    handlers: Option<NonNull<*mut Signal>>,
    vectors: u16,
}

/// `struct amp_ivshmem`: memory that C supplies, all zero until the device starts.
#[repr(C)]
pub struct State {
    started: Option<NonZeroUsize>,
    device: MaybeUninit<Started>,
}

/// Size of a `struct amp_ivshmem`, in pointer-sized words.
pub const WORDS: usize = 8;

const _: () = assert!(size_of::<State>() == WORDS * size_of::<usize>(), "correct WORDS");
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
            // SAFETY: by `amp_ivshmem_start`'s contract they stay mapped as device memory, and
            // belong to this device alone.
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
    /// Returns the handler of `vector`.
    fn handler(&self, vector: u16) -> Result<&Cell<*mut Signal>, Status> {
        let Some(handlers) = self.handlers.filter(|_| self.vectors > 0) else {
            return Err(Status::NoDoorbell);
        };
        if vector >= self.vectors {
            return Err(Status::NoSuchVector);
        }
        // SAFETY: by `amp_ivshmem_start`'s contract there are `vectors` of them, and `vector`
        // is below that.
        let handler = unsafe { handlers.add(usize::from(vector)) };
        // SAFETY: as above. C does not access them, and calls the functions that use one under
        // a lock.
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

/// Starts the device at `place`. Interrupts may occur from now on.
///
/// # Safety
/// * `state` is zeroed, and C passes it to the other functions only after this one. C rings,
///   registers handlers and looks them up under one lock.
/// * The registers stay mapped as device memory, and the shared memory stays mapped. Nobody
///   else uses the registers and the handlers, and the handlers stay valid.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_ivshmem_start(state: &mut State, place: &Place) -> Status {
    state.start(place)
}

/// Returns the shared memory's size and stores its address in `address`; both are 0 if the device
/// has not started.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_memory(state: &State, address: &mut *mut c_void) -> usize {
    let (start, size) = state.get().map_or((0, 0), |device| (device.memory, device.size));
    *address = start as *mut c_void;
    size
}

/// Returns this machine's peer id; 0 without a doorbell.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_id(state: &State) -> u32 {
    let device = state.get().and_then(|started| started.device.as_ref());
    device.map_or(0, |device| u32::from(device.id().0))
}

/// Returns the number of vectors.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_vectors(state: &State) -> u16 {
    state.get().map_or(0, |device| device.vectors)
}

/// Rings `vector` at `peer`. When the peer takes the interrupt, it sees all stores to the
/// shared memory that were made before the call. An absent peer is not an error.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_ring(state: &State, peer: u32, vector: u16) -> Status {
    state.get().map_or(Status::NotStarted, |device| device.ring(peer, vector))
}

/// Makes `amp_ivshmem_interrupted` return `signal` for `vector` from now on. NULL removes the
/// signal.
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

/// Returns the signal to raise when `vector` has rung, or NULL.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_interrupted(state: &State, vector: u16) -> *mut Signal {
    state.get().and_then(|device| device.handler(vector).ok()).map_or(null_mut(), Cell::get)
}

#[cfg(test)]
mod tests;
