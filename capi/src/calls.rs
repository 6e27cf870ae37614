// SPDX-License-Identifier: Apache-2.0
//! The functions that C calls, except those for zero-copy messages, which are in `buffers.rs`.

use core::ffi::{c_char, c_void};
use core::ptr::NonNull;

use amp_ivshmem::mem::Source;

use crate::instance::{Next, State};
use crate::types::{EventKind, Setup, Status};

/// Opens the instance.
///
/// # Safety
/// * `state` must have been zeroed before it was first used. The port must call all functions that
///   take `state` under one lock.
/// * The shared memory must be 8-byte aligned. It must stay mapped, as memory shared with other
///   machines, until the system is reset.
/// * The callbacks must stay valid until the instance is closed, and must behave as documented in
///   `struct amp_ipc_callbacks`. Until the instance is closed, the receive buffer must be
///   initialised private memory that nothing else uses.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_ipc_open(state: &mut State, setup: &Setup) -> Status {
    // SAFETY: the contract of this function guarantees that the callbacks stay valid until the
    // instance is closed.
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

/// Opens an endpoint and stores its number in `number`. The endpoint's name is the `length` bytes
/// at `name`.
///
/// # Safety
/// The bytes must be readable. They may be in shared memory.
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
    // SAFETY: guaranteed by this function's contract.
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
/// The bytes must be readable. They may be in shared memory, for example in a received message.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_ipc_send(state: &mut State, number: u32, payload: *const c_void, length: usize) -> Status {
    let Some(mut instance) = state.get() else {
        return Status::NotOpen;
    };
    // SAFETY: guaranteed by this function's contract.
    let payload = unsafe { Source::new(payload.cast(), length) };
    instance.send(number, payload)
}

/// Returns the maximum payload length in bytes, or 0 without a peer.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_max_message(state: &mut State) -> u32 {
    state.get().map_or(0, |instance| instance.link.bus().max_message())
}

/// Shows the peer that this side is alive. Normally, `amp_ipc_poll` does this. While an event
/// callback runs, the port calls this function once per heartbeat interval.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_show_life(state: &mut State) {
    if let Some(instance) = state.get() {
        instance.link.show_life();
    }
}

/// Handles at most one event, and calls the event callback for it. Returns the time in microseconds
/// at which to call again even without a doorbell, or 0 if there may be more events now.
///
/// # Safety
/// `state` must meet the contract of `amp_ipc_open`. This function must not be called from a
/// callback.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_ipc_poll(mut state: NonNull<State>) -> u64 {
    // SAFETY: guaranteed by this function's contract. The borrow ends before the callback runs.
    let Some(mut instance) = unsafe { state.as_mut() }.get() else { return u64::MAX };
    let port = instance.port;
    let event = match instance.next(port.now()) {
        Next::Event(event) => event,
        Next::More => return 0,
        Next::Nothing => return instance.link.deadline().as_micros(),
    };
    port.event(&event);
    if event.kind == EventKind::Message {
        // SAFETY: as above.
        if let Some(mut instance) = unsafe { state.as_mut() }.get() {
            instance.done();
        }
    }
    0
}
