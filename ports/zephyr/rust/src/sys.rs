//! Zephyr as this crate calls it: the functions of `devices.c`, safe. Knows nothing of links.

use core::ffi::{CStr, c_char, c_int};
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

/// `struct amp_rust_device`; only ever pointed to.
#[repr(C)]
pub struct Opaque {
    bytes: [u8; 0],
    // Only C knows what it is, and C locks it.
    not_auto: PhantomData<*mut u8>,
}

/// A device of devicetree: an entry of the C table, which is there for ever.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Handle(NonNull<Opaque>);

// SAFETY: C's functions may be called from any thread: the driver locks its device, and Zephyr what is its own. What is
// for one owner only, `wait` and `watch`, is reached through the device's one `Ivshmem`.
unsafe impl Send for Handle {}
// SAFETY: as for `Send`.
unsafe impl Sync for Handle {}

/// How [`amp_rust_take`] ended.
#[expect(dead_code, reason = "C makes them")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Status {
    /// The caller owns the device.
    Ok = 0,
    /// This is an interrupt handler.
    InIsr = 1,
    /// No enabled node with a driver has this ordinal; of the other three, `device` is set.
    NoDevice = 2,
    /// Its driver has not started it.
    NotReady = 3,
    /// It has no vector.
    NoDoorbell = 4,
    /// It has an owner.
    Taken = 5,
}

/// A device that was taken.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Taken {
    /// It.
    pub device: Option<Handle>,
    /// Where its memory is, which is mapped for ever.
    pub memory: usize,
    /// Bytes of it.
    pub size: u32,
    /// Its number on the server.
    pub id: u32,
}

// SAFETY: these are the declarations of `devices.c`. A `Handle` comes from `amp_rust_take` only, so it points to an entry.
unsafe extern "C" {
    /// Makes the caller the owner of the node of this ordinal (`DT_DEP_ORD`), whose doorbells of any vector are from now on
    /// what is waited for.
    pub safe fn amp_rust_take(ordinal: u32, taken: &mut Taken) -> Status;
    /// Gives it back.
    pub safe fn amp_rust_give_back(device: Handle);
    safe fn amp_rust_name(device: Handle) -> *const c_char;
    /// How many vectors it has; 0: no doorbell.
    pub safe fn amp_rust_vectors(device: Handle) -> u16;
    /// Rings; 0 or -errno.
    pub safe fn amp_rust_ring(device: Handle, peer: u32, vector: u16) -> c_int;
    /// Sleeps until a doorbell has rung since the last sleep, or to a time of [`amp_rust_micros`]; may end early. In an
    /// interrupt handler it returns at once.
    pub safe fn amp_rust_wait(device: Handle, until: u64);
    // Calls `arrived` with `context`, once, from the system work queue, when `wait` would end.
    #[cfg(feature = "async")]
    fn amp_rust_watch(device: Handle, arrived: extern "C" fn(*const u8), context: *const u8, until: u64);
    /// Forgets what was to be watched.
    #[cfg(feature = "async")]
    pub safe fn amp_rust_unwatch(device: Handle);
    /// Whether this is an interrupt handler.
    pub safe fn amp_rust_in_isr() -> bool;
    /// Microseconds of the system's clock since its start.
    pub safe fn amp_rust_micros() -> u64;
    fn amp_rust_print(text: *const c_char, length: usize);
    #[cfg(feature = "log")]
    fn amp_rust_log(level: u32, text: *const c_char);
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(name(*self).to_str().unwrap_or("?"))
    }
}

/// What devicetree calls the device.
pub fn name(device: Handle) -> &'static CStr {
    // SAFETY: Zephyr gives each device a name, a constant string.
    unsafe { CStr::from_ptr(amp_rust_name(device)) }
}

/// Prints by `printk`.
pub fn print(text: &str) {
    // SAFETY: C reads so many bytes there at most, and keeps nothing.
    unsafe { amp_rust_print(text.as_ptr().cast(), text.len()) }
}

/// Logs by Zephyr's logging; `level` as Zephyr counts: 1 error, 2 warning, 3 information, 4 debug.
#[cfg(feature = "log")]
pub fn log(level: u32, text: &CStr) {
    // SAFETY: C reads the string, and copies it where the line is printed later.
    unsafe { amp_rust_log(level, text.as_ptr()) }
}

/// Has `arrival` signalled once, when `amp_rust_wait` would return.
#[cfg(feature = "async")]
pub fn watch(device: Handle, arrival: &'static amp_ivshmem::rpmsg::tasks::Arrival, until: u64) {
    extern "C" fn arrived(context: *const u8) {
        // SAFETY: `context` is the `arrival` below, which is there for ever.
        let arrival = unsafe { &*context.cast::<amp_ivshmem::rpmsg::tasks::Arrival>() };
        arrival.signal(());
    }
    let context = core::ptr::from_ref(arrival).cast();
    // SAFETY: `arrived` takes what it is given, from any thread: a signal locks itself.
    unsafe { amp_rust_watch(device, arrived, context, until) }
}
