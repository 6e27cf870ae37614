// SPDX-License-Identifier: Apache-2.0
//! One open link. Its endpoints are addressed by number, and its events are returned one at a time.
//! This code never waits and does not take a lock.

use core::ffi::{CStr, c_void};
use core::mem::MaybeUninit;
use core::num::NonZeroUsize;
use core::ptr::{NonNull, drop_in_place, null};
use core::slice;
use core::time::Duration;

use amp_ivshmem::mem::{Region, Source};
use amp_ivshmem::platform::{Instant, PeerId};
use amp_ivshmem::rpmsg::{self, DownReason, Endpoint, Link, Message, OpenError, Role, Settings, SetupError};
use amp_ivshmem::wire::rpmsg::NAME_SIZE;

use crate::lent::Lent;
use crate::port::{CLink, Port};
use crate::sizes::{BUFFERS, ENDPOINTS};
use crate::types::{BUFFER_WORDS, Callbacks, ENDPOINT_WORDS, Event, EventKind, LINK_WORDS, LogLevel, Setup, Status};
use crate::words;

/// Access to an open instance.
pub struct Instance<'s> {
    pub link: &'s mut CLink,
    pub endpoints: &'s mut [Option<Endpoint>; ENDPOINTS],
    pub lent: &'s mut Lent,
    pub port: Port,
    rx_buffer: Option<NonNull<u8>>,
    rx_capacity: usize,
}

/// The memory that C allocates for an instance, `struct amp_ipc`. It is zeroed before it is first opened.
#[repr(C)]
pub struct State {
    open: Option<NonZeroUsize>,
    rx_buffer: Option<NonNull<u8>>,
    rx_capacity: usize,
    port: MaybeUninit<Port>,
    // The link is created and opened in place, never on a stack. `port`, `endpoints` and `lent` are written once the
    // link is open.
    link: MaybeUninit<CLink>,
    endpoints: MaybeUninit<[Option<Endpoint>; ENDPOINTS]>,
    lent: MaybeUninit<Lent>,
}

/// Maximum number of core events that one call handles without an event for C. Other threads wait for the lock during
/// the call.
const BUDGET: usize = 8;

/// The result of looking for the next event.
pub(crate) enum Next {
    /// An event for C.
    Event(Event),
    /// There may be more events. The port may do other work first.
    More,
    /// There is no event until a doorbell rings or the deadline passes.
    Nothing,
}

/// The size of `struct amp_ipc` in bytes.
const SIZE: usize = 8 * (LINK_WORDS + ENDPOINT_WORDS * ENDPOINTS + BUFFER_WORDS * BUFFERS);

const _: () = assert!(size_of::<State>() <= SIZE, "struct amp_ipc is too small: raise the words in types.rs");
const _: () = assert!(align_of::<State>() <= align_of::<u64>());
// The word counts are upper limits. On 32-bit CPUs, a link takes less memory.
const _: () = assert!(
    cfg!(not(target_pointer_width = "64")) || size_of::<State>() >= SIZE / 8 * 7,
    "struct amp_ipc is larger than needed: lower the words in types.rs"
);

impl State {
    /// Returns the instance, or `None` if it is not open.
    pub(crate) fn get(&mut self) -> Option<Instance<'_>> {
        self.open?;
        // SAFETY: `open` is set only while `link`, `endpoints`, `lent` and `port` are initialised.
        let link = unsafe { self.link.assume_init_mut() };
        // SAFETY: as above.
        let endpoints = unsafe { self.endpoints.assume_init_mut() };
        // SAFETY: as above.
        let lent = unsafe { self.lent.assume_init_mut() };
        // SAFETY: as above.
        let port = unsafe { self.port.assume_init() };
        Some(Instance { link, endpoints, lent, port, rx_buffer: self.rx_buffer, rx_capacity: self.rx_capacity })
    }

    pub(crate) fn open(&mut self, setup: &Setup, callbacks: &'static Callbacks) -> Status {
        let port = Port::new(callbacks, setup.context);
        if self.open.is_some() {
            return Status::AlreadyOpen;
        }
        let (Some(start), Ok(len), Ok(id)) =
            (NonNull::new(setup.memory.cast::<u8>()), u32::try_from(setup.size), u16::try_from(setup.id))
        else {
            port.log(LogLevel::Error, UNUSABLE);
            return Status::Unusable;
        };
        // SAFETY: the contract of `amp_ipc_open` guarantees that the memory is 8-byte aligned, and stays mapped as
        // memory shared with other machines.
        let memory = unsafe { Region::new(start, len) };
        let settings = Settings {
            link: setup.link,
            area: (setup.area_size != 0).then_some((setup.area_offset, setup.area_size)),
            buffer_count: setup.buffer_count,
            buffer_size: setup.buffer_size,
            heartbeat: Duration::from_millis(setup.heartbeat.into()),
            peer_timeout: (setup.peer_timeout != 0).then(|| Duration::from_millis(setup.peer_timeout.into())),
            ..Settings::new(if setup.host { Role::Host } else { Role::Remote })
        };
        // The link is created in place because it does not fit on the stack.
        let link = self.link.write(Link::unopened());
        if link.open(memory, port, PeerId(id), &settings).is_err() {
            port.log(LogLevel::Error, UNUSABLE);
            return Status::Unusable;
        }
        self.endpoints.write([None; ENDPOINTS]);
        self.lent.write(Lent::new(setup.memory as usize, setup.size));
        self.port.write(port);
        (self.rx_buffer, self.rx_capacity) = (NonNull::new(setup.rx_buffer), setup.rx_capacity);
        self.open = Some(NonZeroUsize::MIN);
        Status::Ok
    }

    pub(crate) fn close(&mut self) -> Status {
        if self.open.take().is_none() {
            return Status::NotOpen;
        }
        // SAFETY: the link was initialised when `open` was set, and is not used again before it is
        // initialised again. Dropping the link tells the peer that this side is leaving.
        unsafe { drop_in_place(self.link.as_mut_ptr()) };
        Status::Ok
    }
}

impl Instance<'_> {
    pub(crate) fn endpoint(&self, number: u32) -> Option<Endpoint> {
        *self.endpoints.get(usize::try_from(number).ok()?)?
    }

    fn number(&self, endpoint: Endpoint) -> Option<u32> {
        let number = self.endpoints.iter().position(|known| *known == Some(endpoint))?;
        u32::try_from(number).ok()
    }

    pub(crate) fn register(&mut self, name: Source<'_>) -> Result<u32, Status> {
        // Copy the name before checking it, because the peer may change it at any time.
        let mut private = [0; NAME_SIZE];
        if !name.read(&mut private) {
            return Err(Status::BadName);
        }
        let name = str::from_utf8(private.get(..name.len()).unwrap_or_default()).map_err(|_| Status::BadName)?;
        let free = self.endpoints.iter().position(Option::is_none).ok_or(Status::NoRoom)?;
        let endpoint = self.link.bus().open(name).map_err(|error| match error {
            OpenError::Full => Status::NoRoom,
            _ => Status::BadName,
        })?;
        if let Some(slot) = self.endpoints.get_mut(free) {
            *slot = Some(endpoint);
        }
        u32::try_from(free).map_err(|_| Status::NoRoom)
    }

    pub(crate) fn send(&mut self, number: u32, payload: Source<'_>) -> Status {
        let Some(endpoint) = self.endpoint(number) else {
            return Status::NoEndpoint;
        };
        match self.link.bus().send_from(endpoint, payload) {
            Ok(()) => Status::Ok,
            Err(error) => error.into(),
        }
    }

    /// Returns the next event for C.
    pub(crate) fn next(&mut self, now: Instant) -> Next {
        let event = |kind, endpoint, length| Next::Event(Event { kind, endpoint, length, data: null() });
        for _ in 0..BUDGET {
            let Some(next) = self.link.poll(now) else { return Next::Nothing };
            match next {
                rpmsg::Event::Up { peer } => return event(EventKind::Up, 0, peer.0.into()),
                rpmsg::Event::Down(DownReason::RoleConflict { peer }) => {
                    self.lent.clear();
                    return event(EventKind::RoleConflict, 0, peer.0.into());
                }
                rpmsg::Event::Incompatible(SetupError::RoleConflict { peer }) => {
                    return event(EventKind::RoleConflict, 0, peer.0.into());
                }
                rpmsg::Event::Down(reason) => {
                    self.lent.clear();
                    let (level, text) = words::of_down(reason);
                    self.port.log(level, text);
                    return event(EventKind::Down, 0, 0);
                }
                rpmsg::Event::Incompatible(error) => {
                    self.port.log(LogLevel::Error, words::of_incompatible(error));
                    return event(EventKind::Incompatible, 0, 0);
                }
                rpmsg::Event::Message(message) => {
                    // Skip a message for an endpoint that has been deregistered.
                    let Some(number) = self.number(message.endpoint) else {
                        self.link.bus().release(message);
                        continue;
                    };
                    let length = message.length.into();
                    let (kind, data) = match self.rx_buffer {
                        Some(buffer) => self.copy(message, buffer),
                        None => (EventKind::Message, self.lend(message) as *const c_void),
                    };
                    return Next::Event(Event { kind, endpoint: number, length, data });
                }
                rpmsg::Event::Bound { endpoint, .. } => {
                    if let Some(number) = self.number(endpoint) {
                        return event(EventKind::Bound, number, 0);
                    }
                }
                rpmsg::Event::Unbound { endpoint } => {
                    if let Some(number) = self.number(endpoint) {
                        return event(EventKind::Unbound, number, 0);
                    }
                }
                // Ignore announcements. If the application registers such an endpoint later, the
                // peer announces its endpoint again, and the two are then bound.
                _ => {}
            }
        }
        Next::More
    }

    /// Copies a message into the receive buffer, and releases it.
    fn copy(&mut self, message: Message, buffer: NonNull<u8>) -> (EventKind, *const c_void) {
        // SAFETY: the contract of `amp_ipc_open` guarantees that the buffer is initialised private memory that nothing
        // else uses while the instance is open.
        let to = unsafe { slice::from_raw_parts_mut(buffer.as_ptr(), self.rx_capacity) };
        let to = to.get_mut(..usize::from(message.length));
        let copied = to.is_some_and(|to| self.link.bus().read(&message, 0, to).is_ok());
        self.link.bus().release(message);
        match copied {
            true => (EventKind::Message, buffer.as_ptr().cast_const().cast()),
            false => (EventKind::MessageTooLong, null()),
        }
    }
}

const UNUSABLE: &CStr = c"the shared memory cannot have this link: it is too small for area and buffers, or something else is in it; restart the server to clear it";
