// SPDX-License-Identifier: Apache-2.0
//! Buffers of a link that C fills or reads in place, and identifies by their addresses. On a native
//! link, each address is 8-byte aligned, so C may store any type there. This module does not access
//! the contents of the buffers.

use core::ffi::c_void;

use amp_ivshmem::rpmsg::{Message, SendError};

use crate::instance::{Instance, State};
use crate::types::Status;

impl Instance<'_> {
    /// Lends a received message to C in place until [`done`](Self::done) is called. Returns its
    /// address.
    pub(crate) fn lend(&mut self, message: Message) -> usize {
        let address = self.lent.address_of(self.link.bus(), &message).unwrap_or_default();
        self.lent.current = Some(message);
        address
    }

    /// Releases the current message after its callback has returned, unless it is held.
    pub(crate) fn done(&mut self) {
        if let Some(message) = self.lent.current.take() {
            self.link.bus().release(message);
        }
    }

    pub(crate) fn hold(&mut self, number: u32, address: usize) -> Status {
        let Some(endpoint) = self.endpoint(number) else { return Status::NoEndpoint };
        let bus = self.link.bus();
        if !self.lent.is_current(bus, endpoint, address) {
            let held = self.lent.find_held(bus, endpoint, address).is_some();
            return if held { Status::StaleBuffer } else { Status::UnknownBuffer };
        }
        match self.lent.held.iter_mut().find(|slot| slot.is_none()) {
            Some(free) => {
                *free = self.lent.current.take();
                Status::Ok
            }
            None => Status::NoBuffer,
        }
    }

    pub(crate) fn release(&mut self, number: u32, address: usize) -> Status {
        let Some(endpoint) = self.endpoint(number) else { return Status::NoEndpoint };
        let bus = self.link.bus();
        let found = self.lent.find_held(bus, endpoint, address);
        match found.and_then(|found| self.lent.held.get_mut(found)?.take()) {
            Some(message) => {
                bus.release(message);
                Status::Ok
            }
            None if self.lent.is_current(bus, endpoint, address) => Status::UnknownBuffer,
            None => self.lent.not_lent(address),
        }
    }

    /// Reserves a buffer for at least `size` bytes. Returns its address, and stores its capacity in
    /// `size`.
    pub(crate) fn reserve(&mut self, number: u32, size: &mut u32) -> Result<usize, Status> {
        let endpoint = self.endpoint(number).ok_or(Status::NoEndpoint)?;
        let bus = self.link.bus();
        if bus.peer_of(endpoint).is_none() {
            return Err(Status::NotBound);
        }
        let max = bus.max_message();
        if *size > max {
            *size = max;
            return Err(Status::TooLong);
        }
        let free = self.lent.reserved.iter_mut().find(|slot| slot.is_none()).ok_or(Status::NoBuffer)?;
        let reserved = bus.alloc_tx_buffer().map_err(|error| match error {
            SendError::NoBuffer => Status::NoBuffer,
            _ => Status::NotBound,
        })?;
        let room = bus.buffer_range(&reserved).unwrap_or_default();
        *free = Some((endpoint, reserved));
        *size = room.end.saturating_sub(room.start);
        Ok(self.lent.start.wrapping_add(room.start as usize))
    }

    pub(crate) fn drop_reserved(&mut self, number: u32, address: usize) -> Status {
        let Some(endpoint) = self.endpoint(number) else { return Status::NoEndpoint };
        match self.lent.take_reserved(self.link.bus(), endpoint, address) {
            Some(reserved) => {
                self.link.bus().cancel(reserved);
                Status::Ok
            }
            None => self.lent.not_lent(address),
        }
    }

    pub(crate) fn send_reserved(&mut self, number: u32, address: usize, length: usize) -> Status {
        let Some(endpoint) = self.endpoint(number) else { return Status::NoEndpoint };
        let Some(reserved) = self.lent.take_reserved(self.link.bus(), endpoint, address) else {
            return self.lent.not_lent(address);
        };
        let result = match u16::try_from(length) {
            Ok(length) => self.link.bus().send_nocopy(endpoint, reserved, length),
            Err(_) => Err((SendError::TooLong { max: u16::MAX }, reserved)),
        };
        match result {
            Ok(()) => Status::Ok,
            Err((error, reserved)) => {
                // C keeps the buffer, and may send or drop it later. There is a free slot, because
                // `take_reserved` has just freed one.
                if let Some(free) = self.lent.reserved.iter_mut().find(|slot| slot.is_none()) {
                    *free = Some((endpoint, reserved));
                }
                error.into()
            }
        }
    }
}

/// Holds the message at `data` until `amp_ipc_release` is called. Must be called from the message's
/// event callback.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_hold(state: &mut State, number: u32, data: *const c_void) -> Status {
    state.get().map_or(Status::NotOpen, |mut instance| instance.hold(number, data as usize))
}

/// Returns the held message at `data` to the peer.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_release(state: &mut State, number: u32, data: *const c_void) -> Status {
    state.get().map_or(Status::NotOpen, |mut instance| instance.release(number, data as usize))
}

/// Reserves a buffer for at least `size` bytes, and stores its address in `buffer`. Also stores the
/// buffer's capacity in `size`, even if the result is AMP_IPC_STATUS_TOO_LONG. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_reserve(state: &mut State, number: u32, size: &mut u32, buffer: &mut *mut c_void) -> Status {
    match state.get().map_or(Err(Status::NotOpen), |mut instance| instance.reserve(number, size)) {
        Ok(found) => {
            *buffer = found as *mut c_void;
            Status::Ok
        }
        Err(status) => status,
    }
}

/// Drops the reserved buffer at `buffer` without sending it.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_drop(state: &mut State, number: u32, buffer: *const c_void) -> Status {
    state.get().map_or(Status::NotOpen, |mut instance| instance.drop_reserved(number, buffer as usize))
}

/// Sends the first `length` bytes of the reserved buffer at `buffer`. If sending fails, the buffer
/// stays reserved.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_send_reserved(
    state: &mut State,
    number: u32,
    buffer: *const c_void,
    length: usize,
) -> Status {
    state.get().map_or(Status::NotOpen, |mut instance| instance.send_reserved(number, buffer as usize, length))
}
