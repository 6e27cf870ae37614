// SPDX-License-Identifier: Apache-2.0
//! Memory types that need different copy functions. The names are Arm's.

use super::copy::{self, aligned};

/// The memory type with which this machine maps the shared memory: [`NormalMemory`] or [`DeviceMemory`].
///
/// The constructor of [`Region`](super::Region) selects the type at compile time, so there is no run-time cost.
///
/// # Safety
/// Both functions must copy all bytes and must not access anything else.
pub unsafe trait MemoryType: Copy + core::fmt::Debug + Send + Sync + 'static {
    /// Copies `len` bytes to shared memory. If the source changes during the copy, or if the ranges overlap, the result
    /// is a mix of old and new bytes.
    ///
    /// # Safety
    /// Both ranges must be mapped. The source must allow unaligned loads.
    unsafe fn copy_in(from: *const u8, to: *mut u8, len: usize);

    /// Copies `len` bytes from shared to private memory.
    ///
    /// # Safety
    /// Both ranges must be mapped and must not overlap. Nothing else may access the private range during the copy.
    unsafe fn copy_out(from: *const u8, to: *mut u8, len: usize);
}

/// Memory that allows unaligned accesses, such as RAM. Payload is copied with the widest loads and stores of the CPU.
#[derive(Clone, Copy, Debug)]
pub struct NormalMemory;

// SAFETY: the architecture's copy functions copy all bytes and access nothing else.
unsafe impl MemoryType for NormalMemory {
    #[inline(always)]
    unsafe fn copy_in(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the caller upholds the same contract.
        unsafe { copy::copy_in(from, to, len) }
    }

    #[inline(always)]
    unsafe fn copy_out(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the caller upholds the same contract.
        unsafe { copy::copy_out(from, to, len) }
    }
}

/// Memory in which unaligned accesses fault. Payload is copied with aligned accesses of at most one machine word.
#[derive(Clone, Copy, Debug)]
pub struct DeviceMemory;

// SAFETY: the functions in `aligned` copy all bytes and access nothing else, for any length and alignment.
unsafe impl MemoryType for DeviceMemory {
    #[inline(always)]
    unsafe fn copy_in(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the caller upholds the same contract.
        unsafe { aligned::copy_in(from, to, len) }
    }

    #[inline(always)]
    unsafe fn copy_out(from: *const u8, to: *mut u8, len: usize) {
        // SAFETY: the caller upholds the same contract.
        unsafe { aligned::copy_out(from, to, len) }
    }
}
