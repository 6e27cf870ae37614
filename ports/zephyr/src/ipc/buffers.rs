//! The buffers of a link that C has pointers into: filled or read in place, and found again by their address, which is a
//! multiple of 8 on a native link, so that C may have any type there. Does not read or write a byte of them.

use amp_ivshmem::rpmsg::{Endpoint, Message, SendError, TxBuffer};

use super::{BUFFERS, Instance, State, Status, ZephyrBus, ZephyrLink};

/// A message that C looks at, or a buffer that it fills.
type Slots<T> = [Option<T>; BUFFERS];

/// What C has of one link. All void once the link has gone down.
#[derive(Debug)]
pub(super) struct Lent {
    /// Where the shared memory is.
    start: usize,
    /// Bytes of it.
    len: usize,
    /// The message whose callback runs, unless it is held.
    current: Option<Message>,
    held: Slots<Message>,
    reserved: Slots<(Endpoint, TxBuffer)>,
}

impl Lent {
    pub(super) const fn new(start: usize, len: usize) -> Self {
        Self { start, len, current: None, held: [const { None }; BUFFERS], reserved: [const { None }; BUFFERS] }
    }

    /// Forgets everything: the link went down.
    pub(super) fn clear(&mut self) {
        self.current = None;
        self.held.fill_with(|| None);
        self.reserved.fill_with(|| None);
    }

    /// Where a message's payload is; `None` on a link that went down since.
    fn address_of(&self, bus: &ZephyrBus, message: &Message) -> Option<usize> {
        Some(self.start + bus.payload_range(message).ok()?.start as usize)
    }

    /// Whether the message at `address` is the one whose callback runs, and not held.
    fn is_current(&self, bus: &ZephyrBus, endpoint: Endpoint, address: usize) -> bool {
        self.current
            .as_ref()
            .is_some_and(|message| message.endpoint == endpoint && self.address_of(bus, message) == Some(address))
    }

    /// Which of the held messages is at `address`, and for `endpoint`.
    fn find_held(&self, bus: &ZephyrBus, endpoint: Endpoint, address: usize) -> Option<usize> {
        self.held.iter().position(|slot| {
            slot.as_ref()
                .is_some_and(|message| message.endpoint == endpoint && self.address_of(bus, message) == Some(address))
        })
    }

    /// Takes the reserved buffer at `address` out.
    fn take_reserved(&mut self, bus: &ZephyrBus, endpoint: Endpoint, address: usize) -> Option<TxBuffer> {
        let at = |reserved: &TxBuffer| Some(self.start + bus.buffer_range(reserved).ok()?.start as usize);
        let found = self.reserved.iter().position(|slot| {
            slot.as_ref().is_some_and(|(of, reserved)| *of == endpoint && at(reserved) == Some(address))
        })?;
        Some(self.reserved.get_mut(found)?.take()?.1)
    }

    /// What to say of a pointer that is none of C's now: inside the memory it may have been once.
    const fn not_lent(&self, address: usize) -> Status {
        if address >= self.start && address - self.start < self.len { Status::NotAnyMore } else { Status::NotLent }
    }

    /// Gives back all that C has for an endpoint that is being closed.
    pub(super) fn close(&mut self, link: &mut ZephyrLink, endpoint: Endpoint) {
        for slot in &mut self.held {
            if let Some(message) = slot.take_if(|message| message.endpoint == endpoint) {
                link.bus().release(message);
            }
        }
        for slot in &mut self.reserved {
            if let Some((_, reserved)) = slot.take_if(|(of, _)| *of == endpoint) {
                link.bus().cancel(reserved);
            }
        }
    }
}

impl Instance<'_> {
    /// Has C look at `message`, which has just come, where it is, until [`done`](Self::done): its address.
    pub(super) fn lend(&mut self, message: Message) -> usize {
        let address = self.lent.address_of(self.link.bus(), &message).unwrap_or_default();
        self.lent.current = Some(message);
        address
    }

    /// The callback has returned: gives its message back, unless it is held.
    pub(super) fn done(&mut self) {
        if let Some(message) = self.lent.current.take() {
            self.link.bus().release(message);
        }
    }

    pub(super) fn hold(&mut self, number: u32, address: usize) -> Status {
        let Some(endpoint) = self.endpoint(number) else { return Status::NoEndpoint };
        let bus = self.link.bus();
        if !self.lent.is_current(bus, endpoint, address) {
            let held = self.lent.find_held(bus, endpoint, address).is_some();
            return if held { Status::NotAnyMore } else { Status::NotLent };
        }
        match self.lent.held.iter_mut().find(|slot| slot.is_none()) {
            Some(free) => {
                *free = self.lent.current.take();
                Status::Ok
            }
            None => Status::NoBuffer,
        }
    }

    pub(super) fn release(&mut self, number: u32, address: usize) -> Status {
        let Some(endpoint) = self.endpoint(number) else { return Status::NoEndpoint };
        let bus = self.link.bus();
        let found = self.lent.find_held(bus, endpoint, address);
        match found.and_then(|found| self.lent.held.get_mut(found)?.take()) {
            Some(message) => {
                bus.release(message);
                Status::Ok
            }
            None if self.lent.is_current(bus, endpoint, address) => Status::NotLent,
            None => self.lent.not_lent(address),
        }
    }

    /// A buffer for `size` bytes: its address, and how many bytes fit.
    pub(super) fn reserve(&mut self, number: u32, size: &mut u32) -> Result<usize, Status> {
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
        *size = room.end - room.start;
        Ok(self.lent.start + room.start as usize)
    }

    pub(super) fn drop_reserved(&mut self, number: u32, address: usize) -> Status {
        let Some(endpoint) = self.endpoint(number) else { return Status::NoEndpoint };
        match self.lent.take_reserved(self.link.bus(), endpoint, address) {
            Some(reserved) => {
                self.link.bus().cancel(reserved);
                Status::Ok
            }
            None => self.lent.not_lent(address),
        }
    }

    pub(super) fn send_reserved(&mut self, number: u32, address: usize, length: usize) -> Status {
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
                // Still C's, to be sent otherwise or dropped. There is room: it has just left it.
                if let Some(free) = self.lent.reserved.iter_mut().find(|slot| slot.is_none()) {
                    *free = Some((endpoint, reserved));
                }
                error.into()
            }
        }
    }
}

/// The callback of the last [`super::Kind::Message`] has returned: its buffer goes back to the peer, unless it is held.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_done(state: &mut State) {
    if let Some(mut instance) = state.get() {
        instance.done();
    }
}

/// Keeps the message at `address`, whose callback runs, until [`amp_ipc_release`].
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_hold(state: &mut State, number: u32, address: usize) -> Status {
    state.get().map_or(Status::NotOpen, |mut instance| instance.hold(number, address))
}

/// Gives the held message at `address` back to the peer.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_release(state: &mut State, number: u32, address: usize) -> Status {
    state.get().map_or(Status::NotOpen, |mut instance| instance.release(number, address))
}

/// Takes a buffer for at least `size` bytes; its place goes to `address`, and how many bytes it has to `size`, also with
/// [`Status::TooLong`]. Never blocks.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_reserve(state: &mut State, number: u32, size: &mut u32, address: &mut usize) -> Status {
    match state.get().map_or(Err(Status::NotOpen), |mut instance| instance.reserve(number, size)) {
        Ok(found) => {
            *address = found;
            Status::Ok
        }
        Err(status) => status,
    }
}

/// Gives the reserved buffer at `address` up, unsent.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_drop(state: &mut State, number: u32, address: usize) -> Status {
    state.get().map_or(Status::NotOpen, |mut instance| instance.drop_reserved(number, address))
}

/// Sends the first `length` bytes of the reserved buffer at `address`. It stays reserved where it is not sent.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_send_reserved(state: &mut State, number: u32, address: usize, length: usize) -> Status {
    state.get().map_or(Status::NotOpen, |mut instance| instance.send_reserved(number, address, length))
}
