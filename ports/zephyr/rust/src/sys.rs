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
#[derive(Clone, Copy)]
#[repr(transparent)]
pub struct Handle(NonNull<Opaque>);

// SAFETY: C's functions may be called from any thread: the driver locks its device, and Zephyr what is its own. What is
// for one owner only, `wait` and `watch`, is reached through the device's one `Ivshmem`.
unsafe impl Send for Handle {}
// SAFETY: as for `Send`.
unsafe impl Sync for Handle {}

// SAFETY: these are the declarations of `devices.c`. A `Handle` comes from `amp_rust_find` only, so it points to an entry.
unsafe extern "C" {
    /// The enabled node of this ordinal (`DT_DEP_ORD`) that has a driver.
    pub safe fn amp_rust_find(ordinal: u32) -> Option<Handle>;
    /// Makes the caller its owner; false where it has one.
    pub safe fn amp_rust_claim(device: Handle) -> bool;
    /// Gives it back.
    pub safe fn amp_rust_unclaim(device: Handle);
    safe fn amp_rust_name(device: Handle) -> *const c_char;
    /// Whether its driver has started it.
    pub safe fn amp_rust_is_ready(device: Handle) -> bool;
    /// Bytes of its memory, which is mapped for ever; 0 where there is none. Where it is goes to `address`.
    pub safe fn amp_rust_memory(device: Handle, address: &mut usize) -> usize;
    /// Its number on the server.
    pub safe fn amp_rust_id(device: Handle) -> u32;
    /// How many vectors it has; 0: no doorbell.
    pub safe fn amp_rust_vectors(device: Handle) -> u16;
    /// Rings; 0 or -errno.
    pub safe fn amp_rust_ring(device: Handle, peer: u32, vector: u16) -> c_int;
    /// Makes what is waited for anew: a doorbell of any vector, from now on. By a new owner, before all that follows.
    pub safe fn amp_rust_prepare(device: Handle);
    /// Sleeps until a doorbell has rung since the last sleep, or so many microseconds; below 0: without limit.
    pub safe fn amp_rust_wait(device: Handle, micros: i64);
    // Calls `arrived` with `context`, once, from the system work queue, when `wait` would end.
    #[cfg(feature = "async")]
    fn amp_rust_watch(device: Handle, arrived: extern "C" fn(*const u8), context: *const u8, micros: i64);
    /// Forgets what was to be watched.
    #[cfg(feature = "async")]
    pub safe fn amp_rust_unwatch(device: Handle);
    /// Whether this is an interrupt handler.
    pub safe fn amp_rust_in_isr() -> bool;
    /// The system clock's cycles since the system's start, and how many of them a second has.
    pub safe fn amp_rust_cycles(per_second: &mut u32) -> u64;
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

/// Microseconds of the system's clock since its start.
pub fn micros() -> u64 {
    let mut per_second = 0;
    let cycles = amp_rust_cycles(&mut per_second);
    let per_second = u64::from(per_second.max(1));
    cycles / per_second * 1_000_000 + cycles % per_second * 1_000_000 / per_second
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
pub fn watch(device: Handle, arrival: &'static amp_ivshmem::link::Arrival, micros: i64) {
    extern "C" fn arrived(context: *const u8) {
        // SAFETY: `context` is the `arrival` below, which is there for ever.
        let arrival = unsafe { &*context.cast::<amp_ivshmem::link::Arrival>() };
        arrival.signal(());
    }
    let context = core::ptr::from_ref(arrival).cast();
    // SAFETY: `arrived` takes what it is given, from any thread: a signal locks itself.
    unsafe { amp_rust_watch(device, arrived, context, micros) }
}
