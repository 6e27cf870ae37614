// SPDX-License-Identifier: Apache-2.0
//! The real shared memory: a pointer and a length supplied by a port.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU16, AtomicU32, Ordering, fence};

use super::{DeviceMemory, Load, MemoryType, NormalMemory, SharedMemory, Source, Store, WordAccess};

/// A mapped piece of shared memory, valid for `'m`.
///
/// The only references into shared memory are an `AtomicU16` or `AtomicU32` for a single load or store, and they live
/// only for that expression. The atomics contain an `UnsafeCell`, so the compiler makes no assumption about their
/// bytes. There are no references to payload, which is copied with assembly or volatile accesses.
#[derive(Clone, Copy, Debug)]
pub struct Region<'m, T = NormalMemory> {
    start: NonNull<u8>,
    len: u32,
    mapping: PhantomData<(&'m (), T)>,
}

// SAFETY: a `Region` is only an address. Its accesses are atomic, or are copies designed to tolerate races with another
// machine.
unsafe impl<T: MemoryType> Send for Region<'_, T> {}
// SAFETY: same as for `Send`.
unsafe impl<T: MemoryType> Sync for Region<'_, T> {}

impl Region<'_> {
    /// Makes a region of `len` bytes of Normal memory at `start`.
    ///
    /// # Safety
    /// * For the whole lifetime `'m`, the bytes must stay mapped, readable and writable. The mapping must have no side
    ///   effects, must allow unaligned accesses (on Arm: Normal memory), and must be coherent with the other machines
    ///   that share it.
    /// * The bytes must not be a Rust allocation that anything else in this program references.
    /// * `start` must be 8-byte aligned.
    #[must_use]
    pub const unsafe fn new(start: NonNull<u8>, len: u32) -> Self {
        Self { start, len, mapping: PhantomData }
    }
}

impl Region<'_, DeviceMemory> {
    /// Makes a region of `len` bytes at `start`, which may be mapped as Device memory. For example, Linux on arm64 maps
    /// PCI BARs as Device memory, and so does the default memory map of a Cortex-M from 0x4000_0000 to 0x5fff_ffff.
    ///
    /// # Safety
    /// The requirements are those of [`Region::new`], except that unaligned accesses need not be allowed.
    #[must_use]
    pub const unsafe fn new_device(start: NonNull<u8>, len: u32) -> Self {
        Self { start, len, mapping: PhantomData }
    }
}

impl<T> Region<'_, T> {
    /// Returns the address of the `len` bytes at `offset`. The caller has verified that the bytes are in bounds.
    #[inline(always)]
    fn at(&self, offset: usize, len: usize) -> *mut u8 {
        self.contains(offset, len);
        self.start.as_ptr().wrapping_add(offset)
    }

    #[inline(always)]
    fn contains(&self, offset: usize, len: usize) {
        debug_assert!(
            offset as u64 + len as u64 <= u64::from(self.len),
            "{len} bytes at {offset:#x} leave {:#x}",
            self.len
        );
    }
}

// SAFETY: `part` checks bounds, `len` is constant, and all accesses are atomic or are opaque copies that `new`'s
// contract allows.
unsafe impl<T: MemoryType> WordAccess for Region<'_, T> {
    #[inline(always)]
    unsafe fn load_u16(&self, offset: usize, order: Load) -> u16 {
        self.contains(offset, 2);
        // SAFETY: the caller upholds the same contract.
        unsafe { self.words().load_u16(offset, order) }
    }

    #[inline(always)]
    unsafe fn store_u16(&self, offset: usize, value: u16, order: Store) {
        self.contains(offset, 2);
        // SAFETY: the caller upholds the same contract.
        unsafe { self.words().store_u16(offset, value, order) }
    }

    #[inline(always)]
    unsafe fn load_u32(&self, offset: usize, order: Load) -> u32 {
        self.contains(offset, 4);
        // SAFETY: the caller upholds the same contract.
        unsafe { self.words().load_u32(offset, order) }
    }

    #[inline(always)]
    unsafe fn store_u32(&self, offset: usize, value: u32, order: Store) {
        self.contains(offset, 4);
        // SAFETY: the caller upholds the same contract.
        unsafe { self.words().store_u32(offset, value, order) }
    }

    fn fence(&self) {
        fence(Ordering::SeqCst);
    }
}

// SAFETY: same as for `WordAccess`.
unsafe impl<'m, T: MemoryType> SharedMemory for Region<'m, T> {
    type Words = Base<'m>;

    #[inline(always)]
    fn words(&self) -> Base<'m> {
        Base { start: self.start, mapping: PhantomData }
    }

    fn len(&self) -> u32 {
        self.len
    }

    fn part(&self, offset: u32, len: u32) -> Option<Self> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len => {
                // SAFETY: `at` returns an address in the same mapping, so it is not null.
                let start = unsafe { NonNull::new_unchecked(self.at(offset as usize, len as usize)) };
                Some(Self { start, len, mapping: PhantomData })
            }
            _ => None,
        }
    }

    fn is_aligned_to(&self, align: u32) -> bool {
        (self.start.as_ptr() as usize).is_multiple_of(align as usize)
    }

    #[inline(always)]
    unsafe fn copy_in(&self, offset: usize, from: Source<'_>) {
        // SAFETY: the destination is in bounds by the contract of `copy_in`; the source is readable by the contract of
        // `Source::new`.
        unsafe { T::copy_in(from.start(), self.at(offset, from.len()), from.len()) }
    }

    #[inline(always)]
    unsafe fn copy_out(&self, offset: usize, to: &mut [u8]) {
        // SAFETY: the source is in bounds by the contract of `copy_out`; `to` is private.
        unsafe { T::copy_out(self.at(offset, to.len()), to.as_mut_ptr(), to.len()) }
    }
}

/// The start address of a [`Region`]. A table stores only this address, which fits in one register.
#[derive(Clone, Copy, Debug)]
pub struct Base<'m> {
    start: NonNull<u8>,
    mapping: PhantomData<&'m ()>,
}

// SAFETY: same as for `Region`.
unsafe impl Send for Base<'_> {}
// SAFETY: same as for `Region`.
unsafe impl Sync for Base<'_> {}

impl Base<'_> {
    #[inline(always)]
    fn at<T>(&self, offset: usize) -> *mut T {
        self.start.as_ptr().wrapping_add(offset).cast()
    }
}

// SAFETY: all accesses are atomic, and are in bounds of memory that meets the contract of `Region::new`.
unsafe impl WordAccess for Base<'_> {
    #[inline(always)]
    unsafe fn load_u16(&self, offset: usize, order: Load) -> u16 {
        // SAFETY: the address is in bounds and even by the contract of `load_u16`, and mapped by the contract of
        // `Region::new`.
        unsafe { AtomicU16::from_ptr(self.at(offset)) }.load(order.ordering())
    }

    #[inline(always)]
    unsafe fn store_u16(&self, offset: usize, value: u16, order: Store) {
        // SAFETY: same as in `load_u16`.
        unsafe { AtomicU16::from_ptr(self.at(offset)) }.store(value, order.ordering());
    }

    #[inline(always)]
    unsafe fn load_u32(&self, offset: usize, order: Load) -> u32 {
        // SAFETY: the address is in bounds and 4-byte aligned by the contract of `load_u32`, and mapped by the contract
        // of `Region::new`.
        unsafe { AtomicU32::from_ptr(self.at(offset)) }.load(order.ordering())
    }

    #[inline(always)]
    unsafe fn store_u32(&self, offset: usize, value: u32, order: Store) {
        // SAFETY: same as in `load_u32`.
        unsafe { AtomicU32::from_ptr(self.at(offset)) }.store(value, order.ordering());
    }

    fn fence(&self) {
        fence(Ordering::SeqCst);
    }
}
