// SPDX-License-Identifier: Apache-2.0
//! Rings and clears eventfds that are shared with other processes, and never blocks.
//!
//! O_NONBLOCK belongs to the open file and not to a descriptor, so any process that has an eventfd can clear the flag
//! for all processes. `write` then blocks while the counter is full. Checking the counter first would leave a race, and
//! writes to an eventfd do not support `RWF_NOWAIT`. However, the kernel also adds to an eventfd when an asynchronous
//! operation completes, and this never blocks.
#![allow(unsafe_code, reason = "no crate offers the kernel's asynchronous operations with an eventfd")]

use std::ffi::{c_long, c_ulong};
use std::io::IoSliceMut;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd};
use std::sync::OnceLock;

use rustix::event::{EventfdFlags, PollFd, PollFlags, eventfd, poll};
use rustix::fs::Timespec;
use rustix::io::{Errno, ReadWriteFlags};

use crate::error::ConnectError;

/// Requested size of the result queue. The kernel allocates more entries than requested.
const RESULTS: usize = 64;
/// Maximum number of attempts to ring. An attempt fails only if other threads have filled the result queue in the
/// meantime.
const ATTEMPTS: usize = 64;

/// The operation code for a poll (`IOCB_CMD_POLL`).
const POLL: u16 = 5;
/// The flag that marks `eventfd` as valid (`IOCB_FLAG_RESFD`).
const WITH_EVENTFD: u32 = 1;

/// An asynchronous operation, which is the kernel's `struct iocb`.
#[repr(C)]
#[derive(Default)]
struct Operation {
    data: u64,
    key_and_flags: [u32; 2],
    opcode: u16,
    priority: i16,
    descriptor: u32,
    /// For a poll, the events to wait for.
    buffer: u64,
    length: u64,
    offset: i64,
    reserved: u64,
    flags: u32,
    /// The eventfd that the kernel rings when the operation completes.
    eventfd: u32,
}

/// The result of an operation, which is the kernel's `struct io_event`.
#[repr(C)]
#[derive(Clone, Copy, Default)]
struct Completion {
    words: [u64; 4],
}

/// The method that this process uses to ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// An asynchronous operation in this context.
    Asynchronous(c_ulong),
    /// A `write`, because the kernel does not support or does not permit asynchronous operations.
    Write,
}

/// The method for all peers of this process, which the first peer selects. Its context lasts until the process exits.
static WAY: OnceLock<Way> = OnceLock::new();

/// Whether this kernel reads an eventfd without blocking, independently of O_NONBLOCK. Linux does since version 5.8.
static READS_WITHOUT_BLOCKING: OnceLock<bool> = OnceLock::new();

/// Selects the method to ring, unless it has already been selected.
///
/// # Errors
/// Returns an error if the system cannot create another context.
pub fn prepare() -> Result<(), ConnectError> {
    if WAY.get().is_some() {
        return Ok(());
    }
    let way = match new_context() {
        Ok(context) if rings(context) => Way::Asynchronous(context),
        // The context stays unused.
        Ok(_) => Way::Write,
        Err(Errno::NOSYS | Errno::PERM | Errno::ACCESS) => Way::Write,
        Err(errno) => return Err(ConnectError::NoContext { errno }),
    };
    // If another thread was faster, all peers use its context, and this context stays unused.
    let _ = WAY.set(way);
    Ok(())
}

/// Returns true if an asynchronous operation in this context rings an eventfd of this process within 100 ms. Some
/// kernels, such as gVisor's, create a context but do not support the operation.
fn rings(context: c_ulong) -> bool {
    let Ok(own) = eventfd(0, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC) else { return false };
    let mut polled = [PollFd::new(&own, PollFlags::IN)];
    let limit = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
    ring_asynchronously(context, own.as_fd()).is_ok() && poll(&mut polled, Some(&limit)).is_ok_and(|ready| ready == 1)
}

fn reads_without_blocking() -> bool {
    *READS_WITHOUT_BLOCKING.get_or_init(|| {
        let own = eventfd(1, EventfdFlags::NONBLOCK | EventfdFlags::CLOEXEC);
        own.is_ok_and(|own| read_now(own.as_fd(), &mut [0; 8]) == Ok(8))
    })
}

fn read_now(eventfd: BorrowedFd<'_>, count: &mut [u8; 8]) -> Result<usize, Errno> {
    // The offset -1 means that there is no offset.
    let nowhere = u64::MAX;
    rustix::io::preadv2(eventfd, &mut [IoSliceMut::new(count)], nowhere, ReadWriteFlags::NOWAIT)
}

/// Rings an eventfd without blocking. A full counter is not an error, because its owner still has earlier rings to
/// handle.
///
/// # Errors
/// Returns `INVAL` if the descriptor is not an eventfd. Without asynchronous operations, this error may not be
/// detected.
pub fn ring(eventfd: impl AsFd) -> Result<(), Errno> {
    match WAY.get() {
        Some(&Way::Asynchronous(context)) => ring_asynchronously(context, eventfd.as_fd()),
        Some(Way::Write) | None => ring_by_write(eventfd.as_fd()),
    }
}

/// Clears an eventfd without blocking. Returns the number of rings, or 0 if there are none, for example because another
/// process was faster.
///
/// # Errors
/// Returns the system's error if the descriptor is not an eventfd.
pub fn take(eventfd: impl AsFd) -> Result<u64, Errno> {
    let eventfd = eventfd.as_fd();
    let mut count = [0; 8];
    let got = if reads_without_blocking() {
        read_now(eventfd, &mut count)
    } else if is_ready(eventfd, PollFlags::IN) {
        // For example, QEMU's user-mode emulator does not support `preadv2`.
        rustix::io::read(eventfd, &mut count)
    } else {
        return Ok(0);
    };
    match got {
        Err(Errno::AGAIN | Errno::INTR) => return Ok(0),
        got => got,
    }
    .and_then(|length| if length == 8 { Ok(u64::from_ne_bytes(count)) } else { Err(Errno::INVAL) })
}

/// Returns true if any of `events` has occurred.
fn is_ready(descriptor: BorrowedFd<'_>, events: PollFlags) -> bool {
    let mut polled = [PollFd::from_borrowed_fd(descriptor, events)];
    poll(&mut polled, Some(&Timespec { tv_sec: 0, tv_nsec: 0 })).is_ok_and(|ready| ready == 1)
}

/// Rings with `write`. This can block if another process fills the counter between the check and the write.
fn ring_by_write(eventfd: BorrowedFd<'_>) -> Result<(), Errno> {
    if is_ready(eventfd, PollFlags::OUT) {
        rustix::io::write(eventfd, &1_u64.to_ne_bytes())?;
    }
    Ok(())
}

fn ring_asynchronously(context: c_ulong, eventfd: BorrowedFd<'_>) -> Result<(), Errno> {
    let descriptor = u32::try_from(eventfd.as_raw_fd()).unwrap_or(u32::MAX);
    // An eventfd is always readable or writable, so the poll completes at once, and the kernel then rings the eventfd.
    let events = u64::from((PollFlags::IN | PollFlags::OUT).bits());
    let operation = Operation {
        opcode: POLL,
        descriptor,
        buffer: events,
        flags: WITH_EVENTFD,
        eventfd: descriptor,
        ..Operation::default()
    };
    for _ in 0..ATTEMPTS {
        match submit(context, &operation) {
            Err(Errno::AGAIN) => forget_results(context),
            Err(Errno::INTR) => {}
            result => return result,
        }
    }
    // The queue of the context stays full: many other threads ring at the same time.
    ring_by_write(eventfd)
}

/// Converts the return value of a system call.
fn result(returned: c_long) -> Result<(), Errno> {
    if returned >= 0 {
        Ok(())
    } else {
        Err(Errno::from_io_error(&std::io::Error::last_os_error()).unwrap_or(Errno::IO))
    }
}

/// Creates a context for asynchronous operations.
fn new_context() -> Result<c_ulong, Errno> {
    let mut context: c_ulong = 0;
    // SAFETY: `io_setup` writes only `context`, which is valid during the call.
    result(unsafe { libc::syscall(libc::SYS_io_setup, RESULTS as c_ulong, &raw mut context) })?;
    Ok(context)
}

/// Starts a poll operation. The kernel does not access this process's memory for a poll after this call.
fn submit(context: c_ulong, operation: &Operation) -> Result<(), Errno> {
    let list = [&raw const *operation];
    // SAFETY: `list` and `operation` are valid during the call. `io_submit` reads both, and writes only the operation's
    // `key`, which nothing else reads.
    result(unsafe { libc::syscall(libc::SYS_io_submit, context, 1 as c_long, list.as_ptr()) })
}

/// Removes results from the result queue, to make room for further operations. The results are not used.
fn forget_results(context: c_ulong) {
    let mut completions = [Completion::default(); RESULTS];
    let at_once = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `completions` and `at_once` are valid during the call. `io_getevents` writes at most `RESULTS` results,
    // and reads the time.
    let _ = unsafe {
        let (least, most) = (0 as c_long, RESULTS as c_long);
        libc::syscall(libc::SYS_io_getevents, context, least, most, completions.as_mut_ptr(), &raw const at_once)
    };
}

#[cfg(test)]
mod tests {
    use rustix::event::{EventfdFlags, eventfd};

    use super::*;

    #[test]
    fn rings_are_counted_and_taken_and_a_full_counter_holds() {
        prepare().unwrap();
        let bell = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        assert_eq!(take(&bell), Ok(0));
        // The number of rings is several times the size of the result queue.
        for _ in 0..1000 {
            ring(&bell).unwrap();
        }
        assert_eq!(take(&bell), Ok(1000));
        rustix::io::write(&bell, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        ring(&bell).unwrap();
        assert_eq!(take(&bell), Ok(u64::MAX));
    }

    #[test]
    fn rings_of_many_threads_all_arrive() {
        prepare().unwrap();
        let bell = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        std::thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| (0..2000).for_each(|_| ring(&bell).unwrap()));
            }
        });
        assert_eq!(take(&bell), Ok(16_000));
    }

    #[test]
    fn without_asynchronous_operations_a_full_counter_is_left_alone() {
        let bell = eventfd(0, EventfdFlags::CLOEXEC).unwrap();
        ring_by_write(bell.as_fd()).unwrap();
        assert_eq!(take(&bell), Ok(1));
        rustix::io::write(&bell, &(u64::MAX - 1).to_ne_bytes()).unwrap();
        ring_by_write(bell.as_fd()).unwrap();
        assert_eq!(take(&bell), Ok(u64::MAX - 1));
    }
}
