// SPDX-License-Identifier: Apache-2.0
//! The functions that C calls. The functions for messages without a copy are in `buffers.rs`.

use core::ffi::{c_char, c_void};
use core::ptr::NonNull;

use amp_ivshmem::mem::Source;

use crate::{EventKind, Setup, State, Status};

/// Opens the instance.
///
/// # Safety
/// * `state` was zeroed before its first use. The port calls all functions for it under one lock.
/// * The setup's memory is at a multiple of 8, and stays mapped as memory that is shared with
///   other machines as long as the system runs.
/// * The callbacks stay valid until the instance is closed, and do what `struct amp_ipc_callbacks`
///   says. The receive buffer is private memory that nobody else uses until then, and was written
///   before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_ipc_open(state: &mut State, setup: &Setup) -> Status {
    // SAFETY: valid until the instance is closed, by this function's contract.
    match unsafe { setup.callbacks.as_ref() } {
        Some(callbacks) => state.open(setup, callbacks),
        None => Status::Unusable,
    }
}

/// Closes the instance and all its endpoints, and tells the peer.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_close(state: &mut State) -> Status {
    state.close()
}

/// Opens an endpoint whose name is the `length` bytes at `name`, and stores its number in `number`.
///
/// # Safety
/// The bytes can be read. They may lie in the shared memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_ipc_register(
    state: &mut State,
    name: *const c_char,
    length: usize,
    number: &mut u32,
) -> Status {
    let Some(mut instance) = state.get() else {
        return Status::NotOpen;
    };
    // SAFETY: by this function's contract.
    let name = unsafe { Source::new(name.cast(), length) };
    match instance.register(name) {
        Ok(new) => {
            *number = new;
            Status::Ok
        }
        Err(status) => status,
    }
}

/// Closes an endpoint, and tells the peer.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_deregister(state: &mut State, number: u32) -> Status {
    let Some(instance) = state.get() else {
        return Status::NotOpen;
    };
    let slot = usize::try_from(number).ok().and_then(|number| instance.endpoints.get_mut(number));
    match slot.and_then(Option::take) {
        Some(endpoint) => {
            instance.lent.close(instance.link, endpoint);
            instance.link.bus().close(endpoint);
            Status::Ok
        }
        None => Status::NoEndpoint,
    }
}

/// Sends the `length` bytes at `payload`. Never blocks.
///
/// # Safety
/// The bytes can be read. They may lie in the shared memory, for example in a received message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_ipc_send(state: &mut State, number: u32, payload: *const c_void, length: usize) -> Status {
    let Some(mut instance) = state.get() else {
        return Status::NotOpen;
    };
    // SAFETY: by this function's contract.
    let payload = unsafe { Source::new(payload.cast(), length) };
    instance.send(number, payload)
}

/// Returns the bytes of the longest message that can be sent now; 0 without a peer.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_max_message(state: &mut State) -> u32 {
    state.get().map_or(0, |instance| instance.link.bus().max_message())
}

/// Handles at most one event, and calls the event callback for it. Returns the time at which to
/// call again without a doorbell, in microseconds; 0 if there may be more events now.
///
/// # Safety
/// `state` is as for `amp_ipc_open`, and the function is not called from a callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_ipc_poll(mut state: NonNull<State>) -> u64 {
    // SAFETY: by this function's contract. The borrow ends before the callback runs.
    let Some(mut instance) = unsafe { state.as_mut() }.get() else { return u64::MAX };
    let port = instance.port;
    let Some(event) = instance.next(port.now()) else { return instance.link.deadline().as_micros() };
    port.event(&event);
    if event.kind == EventKind::Message {
        // SAFETY: as above.
        if let Some(mut instance) = unsafe { state.as_mut() }.get() {
            instance.done();
        }
    }
    0
}
