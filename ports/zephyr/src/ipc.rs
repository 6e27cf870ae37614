//! One link behind Zephyr's `ipc_service`: its endpoints by number, its events one by one. Does not wait, calls no
//! application, and takes no lock.

use core::ffi::c_void;
use core::mem::MaybeUninit;
use core::num::NonZeroUsize;
use core::ptr::{NonNull, drop_in_place};
use core::slice;
use core::time::Duration;

use amp_ivshmem::mem::{Region, Source};
use amp_ivshmem::platform::{Doorbell, Instant, PeerId, Vector, VectorOutOfRange};
use amp_ivshmem::rpmsg::{
    Bus, DownReason, Endpoint, Event, Link, Message, Native, OpenError, Role, SendError, Settings,
};
use amp_ivshmem::wire::rpmsg::NAME_SIZE;

mod buffers;

use self::buffers::Lent;
use crate::header;

/// The most endpoints of an instance: CONFIG_AMP_IVSHMEM_IPC_ENDPOINTS, which Zephyr's build passes on, or 8.
pub const ENDPOINTS: usize = setting(option_env!("AMP_IPC_ENDPOINTS"), 8);

/// The most buffers of each side: CONFIG_AMP_IVSHMEM_IPC_BUFFERS_MAX, likewise, or 16.
pub const BUFFERS: usize = setting(option_env!("AMP_IPC_BUFFERS_MAX"), 16);

/// What the build says, or else `default`.
#[allow(clippy::panic, clippy::indexing_slicing, reason = "evaluated by the compiler only, which reports it")]
const fn setting(value: Option<&str>, default: usize) -> usize {
    let Some(value) = value else { return default };
    match usize::from_str_radix(value, 10) {
        Ok(value) => value,
        Err(_) => panic!("no number"),
    }
}

unsafe extern "C" {
    /// Rings `vector` at `peer` by the ivshmem device `device`: 0, or a negative errno.
    fn amp_zephyr_ring(device: *const c_void, peer: u32, vector: u16) -> i32;
}

/// A Zephyr ivshmem device as the link's doorbell.
#[derive(Debug)]
struct Bell(*const c_void);

impl Doorbell for Bell {
    fn ring(&self, peer: PeerId, vector: Vector) -> Result<(), VectorOutOfRange> {
        // SAFETY: the device lives as long as the system, by `amp_ipc_open`'s contract.
        match unsafe { amp_zephyr_ring(self.0, peer.0.into(), vector.0) } {
            0 => Ok(()),
            // The peer's number is 16 bits wide: what the driver refuses is the vector.
            _ => Err(VectorOutOfRange { vector, vectors: vector.0 }),
        }
    }
}

type ZephyrBus = Bus<Native<Region<'static>, ENDPOINTS, BUFFERS>, Bell>;
type ZephyrLink = Link<Region<'static>, Bell, ENDPOINTS, BUFFERS>;

/// What C is told; it has the errno for each. The numbers are those of `enum amp_ipc_status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Status {
    /// Done.
    Ok = 0,
    /// The instance is not open.
    NotOpen = 1,
    /// It is open already.
    AlreadyOpen = 2,
    /// The settings do not fit the memory, the device, or this build; or the memory holds something else.
    Unusable = 3,
    /// All [`ENDPOINTS`] are registered.
    NoRoom = 4,
    /// The name is empty, too long, or in use.
    BadName = 5,
    /// No such endpoint.
    NoEndpoint = 6,
    /// All buffers are with the peer.
    NoBuffer = 7,
    /// The peer is not there, or has no such endpoint yet.
    NotBound = 8,
    /// The message does not fit a buffer.
    TooLong = 9,
    /// No buffer that was ever lent begins at this address.
    NotLent = 10,
    /// The buffer at this address was given back before, or is held already.
    NotAnyMore = 11,
}

impl From<SendError> for Status {
    fn from(error: SendError) -> Self {
        match error {
            SendError::NoBuffer => Self::NoBuffer,
            SendError::TooLong { .. } => Self::TooLong,
            SendError::NoEndpoint => Self::NoEndpoint,
            _ => Self::NotBound,
        }
    }
}

/// How an instance is to be: `struct amp_ipc_setup`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Setup {
    /// The ivshmem device that rings.
    pub device: *const c_void,
    /// Address of its shared memory.
    pub memory: usize,
    /// Bytes of it.
    pub size: usize,
    /// Its number on the server.
    pub id: u32,
    /// How often to show life, in milliseconds.
    pub heartbeat: u32,
    /// After how many milliseconds of silence the peer is dead; 0 for never.
    pub silence: u32,
    /// Host only: where the link's area begins in the memory.
    pub area_offset: u32,
    /// Host only: bytes of it; 0 for all of the memory.
    pub area_size: u32,
    /// Bytes of each buffer, header included.
    pub buffer_size: u32,
    /// How many buffers to send with.
    pub buffer_count: u16,
    /// Which link of the memory.
    pub link: u8,
    /// Whether this side is the host.
    pub host: bool,
}

/// What an [`Occurrence`] is. The numbers are those of `enum amp_ipc_kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Kind {
    /// Nothing: wait, but not beyond the deadline.
    Nothing = 0,
    /// A message of `length` bytes for `endpoint` is at `data`: in C's own buffer, or where the peer put it.
    Message = 1,
    /// A message of `length` bytes for `endpoint` does not fit there; it is lost.
    TooLong = 2,
    /// `endpoint` can send.
    Bound = 3,
    /// `endpoint` cannot send any more.
    Unbound = 4,
    /// The peer, whose number is `length`, is there.
    Up = 5,
    /// The peer has left, restarted or been silent.
    Down = 6,
    /// The peer broke the protocol.
    Fault = 7,
    /// The link cannot come up as things are.
    Refused = 8,
}

/// One event: `struct amp_ipc_event`.
#[derive(Clone, Copy, Debug)]
#[repr(C)]
pub struct Occurrence {
    /// When to poll again without a doorbell, in microseconds of the clock that C tells.
    pub deadline: u64,
    /// What happened.
    pub kind: Kind,
    /// The endpoint's number.
    pub endpoint: u32,
    /// See [`Kind`].
    pub length: u32,
    /// Address of a message.
    pub data: usize,
}

/// An open instance, where it lies.
struct Instance<'s> {
    link: &'s mut ZephyrLink,
    endpoints: &'s mut [Option<Endpoint>; ENDPOINTS],
    lent: &'s mut Lent,
}

/// `struct amp_ipc`: room that C sets aside, all zero until the instance is first opened.
#[repr(C)]
pub struct State {
    open: Option<NonZeroUsize>,
    // The link is made and opened in this place, and never on a stack; the other two are written once it is open.
    link: MaybeUninit<ZephyrLink>,
    endpoints: MaybeUninit<[Option<Endpoint>; ENDPOINTS]>,
    lent: MaybeUninit<Lent>,
}

/// The bytes of `struct amp_ipc`, as C has them.
const SIZE: usize = {
    const HEADER: &str = include_str!("../include/amp_ipc.h");
    8 * (header::number(HEADER, "AMP_IPC_LINK_WORDS")
        + header::number(HEADER, "AMP_IPC_ENDPOINT_WORDS") * ENDPOINTS
        + header::number(HEADER, "AMP_IPC_BUFFER_WORDS") * BUFFERS)
};

const _: () = assert!(size_of::<State>() <= SIZE, "struct amp_ipc in include/amp_ipc.h is too small");
const _: () = assert!(align_of::<State>() <= align_of::<u64>());
// A link that has shrunk since; a 32-bit CPU's is smaller.
const _: () = assert!(
    cfg!(not(target_pointer_width = "64")) || size_of::<State>() >= SIZE / 8 * 7,
    "struct amp_ipc in include/amp_ipc.h is larger than it need be"
);

impl State {
    fn get(&mut self) -> Option<Instance<'_>> {
        self.open?;
        // SAFETY: `open` is set only while all three are written.
        let link = unsafe { self.link.assume_init_mut() };
        // SAFETY: likewise.
        let endpoints = unsafe { self.endpoints.assume_init_mut() };
        // SAFETY: likewise.
        let lent = unsafe { self.lent.assume_init_mut() };
        Some(Instance { link, endpoints, lent })
    }

    fn open(&mut self, setup: &Setup) -> Status {
        if self.open.is_some() {
            return Status::AlreadyOpen;
        }
        let (Some(start), Ok(len), Ok(id)) =
            (NonNull::new(setup.memory as *mut u8), u32::try_from(setup.size), u16::try_from(setup.id))
        else {
            return Status::Unusable;
        };
        // SAFETY: mapped for ever as memory shared with other machines, by `amp_ipc_open`'s contract; the drivers give out
        // only memory at a multiple of 8.
        let memory = unsafe { Region::new(start, len) };
        let settings = Settings {
            link: setup.link,
            area: (setup.area_size != 0).then_some((setup.area_offset, setup.area_size)),
            buffer_count: setup.buffer_count,
            buffer_size: setup.buffer_size,
            heartbeat: Duration::from_millis(setup.heartbeat.into()),
            peer_timeout: (setup.silence != 0).then(|| Duration::from_millis(setup.silence.into())),
            ..Settings::new(if setup.host { Role::Host } else { Role::Remote })
        };
        // Made where it lies: the stack has no room for one.
        let link = self.link.write(Link::unopened());
        if link.open(memory, Bell(setup.device), PeerId(id), &settings).is_err() {
            return Status::Unusable;
        }
        self.endpoints.write([None; ENDPOINTS]);
        self.lent.write(Lent::new(setup.memory, setup.size));
        self.open = Some(NonZeroUsize::MIN);
        Status::Ok
    }

    fn close(&mut self) -> Status {
        if self.open.take().is_none() {
            return Status::NotOpen;
        }
        // SAFETY: it was written when `open` was set, and is not looked at again before it is written anew. Dropping the
        // link tells the peer.
        unsafe { drop_in_place(self.link.as_mut_ptr()) };
        Status::Ok
    }
}

impl Instance<'_> {
    fn endpoint(&self, number: u32) -> Option<Endpoint> {
        *self.endpoints.get(usize::try_from(number).ok()?)?
    }

    fn number(&self, endpoint: Endpoint) -> Option<u32> {
        let number = self.endpoints.iter().position(|known| *known == Some(endpoint))?;
        u32::try_from(number).ok()
    }

    fn register(&mut self, name: Source<'_>) -> Result<u32, Status> {
        // Copied before it is checked, because it may change meanwhile.
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

    fn send(&mut self, number: u32, payload: Source<'_>) -> Status {
        let Some(endpoint) = self.endpoint(number) else {
            return Status::NoEndpoint;
        };
        match self.link.bus().send_from(endpoint, payload) {
            Ok(()) => Status::Ok,
            Err(error) => error.into(),
        }
    }

    /// The next event that C has a use for.
    fn poll(&mut self, now: Instant, buffer: &mut Option<&mut [u8]>) -> (Kind, u32, u32, usize) {
        while let Some(event) = self.link.poll(now) {
            match event {
                Event::Up { peer } => return (Kind::Up, 0, peer.0.into(), 0),
                Event::Down(reason) => {
                    self.lent.clear();
                    let kind = if matches!(reason, DownReason::Fault(_)) { Kind::Fault } else { Kind::Down };
                    return (kind, 0, 0, 0);
                }
                Event::Incompatible(_) => return (Kind::Refused, 0, 0, 0),
                Event::Message(message) => {
                    // One whose endpoint was deregistered meanwhile is nobody's.
                    let Some(number) = self.number(message.endpoint) else {
                        self.link.bus().release(message);
                        continue;
                    };
                    let length = message.length.into();
                    let (kind, data) = match buffer {
                        Some(buffer) => self.copy(message, buffer),
                        None => (Kind::Message, self.lend(message)),
                    };
                    return (kind, number, length, data);
                }
                Event::Bound { endpoint, .. } => {
                    if let Some(number) = self.number(endpoint) {
                        return (Kind::Bound, number, 0, 0);
                    }
                }
                Event::Unbound { endpoint } => {
                    if let Some(number) = self.number(endpoint) {
                        return (Kind::Unbound, number, 0, 0);
                    }
                }
                // An endpoint that is registered later is bound to the peer's then: the peer is told of it.
                _ => {}
            }
        }
        (Kind::Nothing, 0, 0, 0)
    }

    /// Copies a message out and gives its buffer back.
    fn copy(&mut self, message: Message, to: &mut [u8]) -> (Kind, usize) {
        let to = to.get_mut(..usize::from(message.length));
        let copied = to.and_then(|to| self.link.bus().read(&message, 0, to).ok().map(|()| to.as_ptr() as usize));
        self.link.bus().release(message);
        copied.map_or((Kind::TooLong, 0), |data| (Kind::Message, data))
    }
}

/// Opens the instance.
///
/// # Safety
/// * `state` is a `struct amp_ipc`, zeroed before its first use; every function here gets it under one lock.
/// * `setup.device` is a Zephyr ivshmem device that is ready, and memory and number are what it says: mapped for as long as
///   the system runs.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_ipc_open(state: &mut State, setup: &Setup) -> Status {
    state.open(setup)
}

/// Closes the instance and all its endpoints, and tells the peer.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_close(state: &mut State) -> Status {
    state.close()
}

/// Opens an endpoint whose name is the `length` bytes at `name`; its number goes to `number`.
///
/// # Safety
/// The bytes can be read. They may lie in the shared memory.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_ipc_register(
    state: &mut State,
    name: NonNull<u8>,
    length: usize,
    number: &mut u32,
) -> Status {
    let Some(mut instance) = state.get() else {
        return Status::NotOpen;
    };
    // SAFETY: by this function's contract.
    let name = unsafe { Source::new(name.as_ptr(), length) };
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

/// Sends the `length` bytes at `payload`; never blocks.
///
/// # Safety
/// The bytes can be read. They may lie in the shared memory, as the message does that a callback answers.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_ipc_send(state: &mut State, number: u32, payload: NonNull<u8>, length: usize) -> Status {
    let Some(mut instance) = state.get() else {
        return Status::NotOpen;
    };
    // SAFETY: by this function's contract.
    let payload = unsafe { Source::new(payload.as_ptr(), length) };
    instance.send(number, payload)
}

/// The longest message that can be sent now, in bytes; 0 while there is no peer.
#[unsafe(no_mangle)]
pub extern "C" fn amp_ipc_max_message(state: &mut State) -> u32 {
    state.get().map_or(0, |instance| instance.link.bus().max_message())
}

/// The next event, at `now` microseconds; a message is copied to the `capacity` bytes at `buffer`, or left where it is
/// where there is no buffer: then `amp_ipc_done` must be called before the next event.
///
/// # Safety
/// The bytes at `buffer` can be written, are nobody else's for the call, and have been written before.
#[unsafe(no_mangle)]
pub unsafe extern "C" fn amp_ipc_poll(
    state: &mut State,
    now: u64,
    buffer: Option<NonNull<u8>>,
    capacity: usize,
    event: &mut Occurrence,
) {
    *event = Occurrence { deadline: u64::MAX, kind: Kind::Nothing, endpoint: 0, length: 0, data: 0 };
    if let Some(mut instance) = state.get() {
        // SAFETY: by this function's contract.
        let mut buffer = buffer.map(|buffer| unsafe { slice::from_raw_parts_mut(buffer.as_ptr(), capacity) });
        (event.kind, event.endpoint, event.length, event.data) = instance.poll(Instant::from_micros(now), &mut buffer);
        event.deadline = instance.link.deadline().as_micros();
    }
}

#[cfg(test)]
mod tests;
