// SPDX-License-Identifier: Apache-2.0
//! The memory types that copies distinguish, in Arm's terms.

use super::copy::{self, aligned};

/// The type of this machine's mapping of the shared memory: [`NormalMemory`] or [`DeviceMemory`].
///
/// The constructor of a [`Region`](super::Region) chooses it, so the choice costs nothing at run time.
///
/// # Safety
/// Both functions copy all bytes, and access nothing else.
pub unsafe trait MemoryType: Copy + core::fmt::Debug + Send + Sync + 'static {
    /// Copies `len` bytes to shared memory. Bytes that change meanwhile or overlap arrive mixed.
    ///
    /// # Safety
    /// Both ranges are mapped. The source allows unaligned loads.
    unsafe fn copy_in(from: *const u8, to: *mut u8, len: usize);

    /// Copies `len` shared bytes to private memory.
    ///
    /// # Safety
    /// Both ranges are mapped and do not overlap, and nobody else accesses the private one.
    unsafe fn copy_out(from: *const u8, to: *mut u8, len: usize);
}

/// Memory that allows unaligned accesses, such as RAM. Payload is copied by the widest loads and stores of the CPU.
#[derive(Clone, Copy, Debug)]
pub struct NormalMemory;

// SAFETY: the copies for this architecture copy all bytes and access nothing else.
unsafe impl MemoryType for NormalMemory {
    #[inline(always)]
    unsafe fn copy_in(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the caller's promise is the same.
        unsafe { copy::copy_in(from, to, len) }
    }

    #[inline(always)]
    unsafe fn copy_out(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the caller's promise is the same.
        unsafe { copy::copy_out(from, to, len) }
    }
}

/// Memory in which an unaligned access faults. Payload is copied by aligned accesses of at most one machine word.
#[derive(Clone, Copy, Debug)]
pub struct DeviceMemory;

// SAFETY: these copies do the same, at any length and alignment.
unsafe impl MemoryType for DeviceMemory {
    #[inline(always)]
    unsafe fn copy_in(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the caller's promise is the same.
        unsafe { aligned::copy_in(from, to, len) }
    }

    #[inline(always)]
    unsafe fn copy_out(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the caller's promise is the same.
        unsafe { aligned::copy_out(from, to, len) }
    }
}
