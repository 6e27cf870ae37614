// SPDX-License-Identifier: Apache-2.0
//! The Rust code behind Zephyr's `ivshmem_driver_api` for one device: argument checks, the doorbell, and one handler
//! per vector. It takes no locks.

use core::cell::Cell;
use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::num::NonZeroUsize;
use core::ptr::{NonNull, null_mut};

use amp_ivshmem::ivshmem::{Device, Registers};
use amp_ivshmem::platform::{Doorbell, PeerId, Vector};
use safe_mmio::UniqueMmioPointer;

/// Minimum size of the shared memory in bytes: one page, because peers map whole pages.
pub const MEMORY_MIN: usize = 4096;

/// Zephyr's `struct k_poll_signal`. Rust only passes pointers to it.
#[repr(C)]
pub struct Signal {
    opaque: [u8; 0],
}

/// The result of a call. The C code maps each value to an errno and a log message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Status {
    /// The call succeeded.
    Ok = 0,
    /// The device has not started.
    NotStarted = 1,
    /// The device has no doorbell (`ivshmem-plain`).
    NoDoorbell = 2,
    /// The vector number is out of range.
    NoSuchVector = 3,
    /// The peer id is above 65535.
    NoSuchPeer = 4,
    /// The registers are not 4-byte aligned.
    BadRegisters = 5,
    /// The shared memory is not 8-byte aligned, or its size is not a power of two from
    /// 4096 bytes to 2 GiB.
    BadMemory = 6,
    /// IVPOSITION does not hold a valid peer id.
    NoServer = 7,
}

/// The addresses of a device, and the handler table that C supplies for it.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Place {
    /// Address of the mapped registers, or 0 if the device has none.
    pub registers: usize,
    /// Address of the mapped shared memory.
    pub memory: usize,
    /// Size of the shared memory in bytes.
    pub size: usize,
    /// Table with one handler per vector, initially all NULL. The pointer itself is NULL if no
    /// handler is ever registered.
    pub handlers: *mut *mut Signal,
    /// Number of vectors with a connected interrupt, or 0 if the device has no doorbell.
    pub vectors: u16,
}

/// A device that has started.
struct Started {
    // `None` if the device has no registers.
    device: Option<Device<'static>>,
    memory: usize,
    size: usize,
    handlers: Option<NonNull<*mut Signal>>,
    vectors: u16,
}

/// `struct amp_ivshmem`. C allocates it, and it is all zeros until the device starts.
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
        // SAFETY: `started` is set only after `device` has been initialised.
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
            // SAFETY: the contract of `amp_ivshmem_start` guarantees that the registers stay
            // mapped as device memory, and that nothing else accesses them.
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
        // SAFETY: the contract of `amp_ivshmem_start` guarantees `vectors` handlers, and
        // `vector < vectors`.
        let handler = unsafe { handlers.add(usize::from(vector)) };
        // SAFETY: `handler` is in bounds, as above. C does not access the handlers itself, and
        // holds a lock while it calls the functions that use them.
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

/// Starts the device at `place`. Interrupts may arrive before this function returns.
///
/// # Safety
/// * `state` must be zeroed. C may call the other functions with `state` only after this call.
///   C must hold one lock while it rings, registers a handler, or looks up a handler.
/// * The registers must stay mapped as device memory, the shared memory must stay mapped, and
///   the handlers must stay valid. Nothing else may access the registers or the handlers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_ivshmem_start(state: &mut State, place: &Place) -> Status {
    state.start(place)
}

/// Returns the size of the shared memory in bytes, and stores its address in `address`. Both are
/// 0 if the device has not started.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_memory(state: &State, address: &mut *mut c_void) -> usize {
    let (start, size) = state.get().map_or((0, 0), |device| (device.memory, device.size));
    *address = start as *mut c_void;
    size
}

/// Returns this machine's peer id, or 0 if the device has no doorbell.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_id(state: &State) -> u32 {
    let device = state.get().and_then(|started| started.device.as_ref());
    device.map_or(0, |device| u32::from(device.id().0))
}

/// Returns the number of doorbell vectors, or 0 if the device has not started.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_vectors(state: &State) -> u16 {
    state.get().map_or(0, |device| device.vectors)
}

/// Rings doorbell `vector` of `peer`. When the peer takes the interrupt, it sees all stores to
/// the shared memory that precede this call. It is not an error if the peer is absent.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_ring(state: &State, peer: u32, vector: u16) -> Status {
    state.get().map_or(Status::NotStarted, |device| device.ring(peer, vector))
}

/// Registers `signal` for `vector`, so that `amp_ivshmem_interrupted` returns it. NULL removes
/// the signal.
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

/// Returns the signal to raise for a doorbell on `vector`, or NULL if none is registered.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ivshmem_interrupted(state: &State, vector: u16) -> *mut Signal {
    state.get().and_then(|device| device.handler(vector).ok()).map_or(null_mut(), Cell::get)
}

#[cfg(test)]
mod tests;
