// SPDX-License-Identifier: Apache-2.0
//! A safe interface to the functions in `devices.c`.

use core::ffi::{CStr, c_char, c_int};
use core::fmt;
use core::marker::PhantomData;
use core::ptr::NonNull;

/// `struct amp_rust_device`. Rust only passes pointers to it.
#[repr(C)]
pub struct Opaque {
    bytes: [u8; 0],
    // Only C accesses the members, and C locks them.
    not_auto: PhantomData<*mut u8>,
}

/// Points to the entry of a device in the C table `devices`, which is static.
#[derive(Clone, Copy, PartialEq, Eq)]
#[repr(transparent)]
pub struct Handle(NonNull<Opaque>);

// SAFETY: any thread may call the C functions, because the driver locks its device and Zephyr locks its own data.
// `wait` and `watch` allow only one caller at a time, and only the device's single `Ivshmem` calls them.
unsafe impl Send for Handle {}
// SAFETY: as for `Send`.
unsafe impl Sync for Handle {}

/// The result of [`amp_rust_take`].
#[expect(dead_code, reason = "C makes them")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C)]
pub enum Status {
    /// The caller owns the device.
    Ok = 0,
    /// The caller is an interrupt handler.
    InIsr = 1,
    /// No enabled node with a driver has this ordinal, so `Taken::device` is not set. All later values set it.
    NoDevice = 2,
    /// The driver has not started the device.
    NotReady = 3,
    /// The device does not have a doorbell.
    NoDoorbell = 4,
    /// The device already has an owner.
    Taken = 5,
}

/// A taken device.
#[derive(Clone, Copy)]
#[repr(C)]
pub struct Taken {
    /// The device's handle.
    pub device: Option<Handle>,
    /// The address of the device's memory, which stays mapped.
    pub memory: usize,
    /// The size of the device's memory in bytes.
    pub size: u32,
    /// This machine's peer id on the server.
    pub id: u32,
}

// SAFETY: the declarations match `devices.c`. A `Handle` comes only from `amp_rust_take`, so it is valid.
unsafe extern "C" {
    /// Makes the caller the owner of the device with this devicetree ordinal (`DT_DEP_ORD`). From then on, a doorbell
    /// on any vector of the device ends a wait.
    pub safe fn amp_rust_take(ordinal: u32, taken: &mut Taken) -> Status;
    /// Releases the device, so that it can be taken again.
    pub safe fn amp_rust_give_back(device: Handle);
    safe fn amp_rust_name(device: Handle) -> *const c_char;
    /// Returns the number of vectors, or 0 if the device has no doorbell.
    pub safe fn amp_rust_vectors(device: Handle) -> u16;
    /// Rings doorbell `vector` of `peer`. Returns 0 or -errno.
    pub safe fn amp_rust_ring(device: Handle, peer: u32, vector: u16) -> c_int;
    /// Sleeps until a doorbell rings, or until [`amp_rust_micros`] reaches `until`. Returns at once if a doorbell has
    /// rung since the last sleep, or if called from an interrupt handler. May also return early.
    pub safe fn amp_rust_wait(device: Handle, until: u64);
    // Calls `arrived` with `context` once, in the system work queue, when `amp_rust_wait` would return.
    #[cfg(feature = "async")]
    fn amp_rust_watch(device: Handle, arrived: extern "C" fn(*const u8), context: *const u8, until: u64);
    /// Ends the watch.
    #[cfg(feature = "async")]
    pub safe fn amp_rust_unwatch(device: Handle);
    /// Returns whether the caller is an interrupt handler.
    pub safe fn amp_rust_in_isr() -> bool;
    /// Returns the time since boot in microseconds.
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

/// Returns the name of the device in devicetree.
pub fn name(device: Handle) -> &'static CStr {
    // SAFETY: Zephyr's device names are constant, NUL-terminated strings.
    unsafe { CStr::from_ptr(amp_rust_name(device)) }
}

/// Prints `text` with `printk`.
pub fn print(text: &str) {
    // SAFETY: C reads at most `text.len()` bytes, and does not keep the pointer.
    unsafe { amp_rust_print(text.as_ptr().cast(), text.len()) }
}

/// Logs `text` through Zephyr's logging. `level` is a Zephyr log level: 1 is error, 2 warning, 3 info, and 4 debug.
#[cfg(feature = "log")]
pub fn log(level: u32, text: &CStr) {
    // SAFETY: C reads the string during this call, and copies it if the message is printed later.
    unsafe { amp_rust_log(level, text.as_ptr()) }
}

/// Signals `arrival` once, when `amp_rust_wait` would return.
#[cfg(feature = "async")]
pub fn watch(device: Handle, arrival: &'static amp_ivshmem::rpmsg::tasks::Arrival, until: u64) {
    extern "C" fn arrived(context: *const u8) {
        // SAFETY: `context` points to the `arrival` that was passed to `watch`, which is static.
        let arrival = unsafe { &*context.cast::<amp_ivshmem::rpmsg::tasks::Arrival>() };
        arrival.signal(());
    }
    let context = core::ptr::from_ref(arrival).cast();
    // SAFETY: `arrived` may be called with this context from any thread, because `Arrival` has a lock.
    unsafe { amp_rust_watch(device, arrived, context, until) }
}
