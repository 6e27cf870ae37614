// SPDX-License-Identifier: Apache-2.0
//! The real memory: a pointer and a length that a port supplies.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU16, AtomicU32, Ordering, fence};

use super::{DeviceMemory, Load, MemoryType, NormalMemory, SharedMemory, Source, Store, WordAccess};

/// A mapped piece of shared memory, valid for `'m`.
///
/// The only reference into shared memory is the `AtomicU16` or `AtomicU32` of a single load or store, and it lives for
/// that expression only. It refers to an `UnsafeCell`, so the compiler may assume nothing about its bytes. Payload is
/// never referenced: it is copied by assembly, or by volatile accesses.
#[derive(Clone, Copy, Debug)]
pub struct Region<'m, T = NormalMemory> {
    start: NonNull<u8>,
    len: u32,
    mapping: PhantomData<(&'m (), T)>,
}

// SAFETY: a `Region` is only an address, and all accesses to it are atomic or made for racing with another machine.
unsafe impl<T: MemoryType> Send for Region<'_, T> {}
// SAFETY: as for `Send`.
unsafe impl<T: MemoryType> Sync for Region<'_, T> {}

impl Region<'_> {
    /// Makes a region from the `len` bytes of Normal memory at `start`.
    ///
    /// # Safety
    /// * For all of `'m` the bytes stay mapped, readable and writable, as memory without side effects that allows
    ///   unaligned accesses (on Arm: Normal memory), coherent with the other machines that share it.
    /// * They are not a Rust allocation that anything else in this program references.
    /// * `start` is a multiple of 8.
    #[must_use]
    pub const unsafe fn new(start: NonNull<u8>, len: u32) -> Self {
        Self { start, len, mapping: PhantomData }
    }
}

impl Region<'_, DeviceMemory> {
    /// Makes a region from the `len` bytes at `start`, which may be mapped as Device memory. Examples are a PCI BAR
    /// that Linux maps on arm64, and 0x4000_0000 to 0x5fff_ffff in the default map of a Cortex-M.
    ///
    /// # Safety
    /// The same as for [`Region::new`], except that unaligned accesses need not be allowed.
    #[must_use]
    pub const unsafe fn new_device(start: NonNull<u8>, len: u32) -> Self {
        Self { start, len, mapping: PhantomData }
    }
}

impl<T> Region<'_, T> {
    /// Returns the address of the `len` bytes at `offset`. The caller has proven that they are inside.
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

// SAFETY: `part` checks bounds, `len` is constant, and all accesses are atomic or opaque copies that `new`'s contract allows.
unsafe impl<T: MemoryType> WordAccess for Region<'_, T> {
    #[inline(always)]
    unsafe fn load_u16(&self, offset: usize, order: Load) -> u16 {
        self.contains(offset, 2);
        // SAFETY: the caller's promise is the same.
        unsafe { self.words().load_u16(offset, order) }
    }

    #[inline(always)]
    unsafe fn store_u16(&self, offset: usize, value: u16, order: Store) {
        self.contains(offset, 2);
        // SAFETY: the caller's promise is the same.
        unsafe { self.words().store_u16(offset, value, order) }
    }

    #[inline(always)]
    unsafe fn load_u32(&self, offset: usize, order: Load) -> u32 {
        self.contains(offset, 4);
        // SAFETY: the caller's promise is the same.
        unsafe { self.words().load_u32(offset, order) }
    }

    #[inline(always)]
    unsafe fn store_u32(&self, offset: usize, value: u32, order: Store) {
        self.contains(offset, 4);
        // SAFETY: the caller's promise is the same.
        unsafe { self.words().store_u32(offset, value, order) }
    }

    fn fence(&self) {
        fence(Ordering::SeqCst);
    }
}

// SAFETY: as above.
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
                // SAFETY: `at` is inside the same mapping, hence not null.
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
        // SAFETY: inside, by this method's contract; the source is readable, by `Source::new`'s.
        unsafe { T::copy_in(from.start(), self.at(offset, from.len()), from.len()) }
    }

    #[inline(always)]
    unsafe fn copy_out(&self, offset: usize, to: &mut [u8]) {
        // SAFETY: inside, by this method's contract; `to` is private.
        unsafe { T::copy_out(self.at(offset, to.len()), to.as_mut_ptr(), to.len()) }
    }
}

/// The start of a [`Region`]. A table keeps only this, in one register.
#[derive(Clone, Copy, Debug)]
pub struct Base<'m> {
    start: NonNull<u8>,
    mapping: PhantomData<&'m ()>,
}

// SAFETY: as for `Region`.
unsafe impl Send for Base<'_> {}
// SAFETY: as for `Region`.
unsafe impl Sync for Base<'_> {}

impl Base<'_> {
    #[inline(always)]
    fn at<T>(&self, offset: usize) -> *mut T {
        self.start.as_ptr().wrapping_add(offset).cast()
    }
}

// SAFETY: the accesses are atomic, and inside the memory for which `Region::new` was promised its conditions.
unsafe impl WordAccess for Base<'_> {
    #[inline(always)]
    unsafe fn load_u16(&self, offset: usize, order: Load) -> u16 {
        // SAFETY: inside and even, by this method's contract; mapped, by `Region::new`'s.
        unsafe { AtomicU16::from_ptr(self.at(offset)) }.load(order.ordering())
    }

    #[inline(always)]
    unsafe fn store_u16(&self, offset: usize, value: u16, order: Store) {
        // SAFETY: as for `load_u16`.
        unsafe { AtomicU16::from_ptr(self.at(offset)) }.store(value, order.ordering());
    }

    #[inline(always)]
    unsafe fn load_u32(&self, offset: usize, order: Load) -> u32 {
        // SAFETY: inside and a multiple of 4, by this method's contract; mapped, by `Region::new`'s.
        unsafe { AtomicU32::from_ptr(self.at(offset)) }.load(order.ordering())
    }

    #[inline(always)]
    unsafe fn store_u32(&self, offset: usize, value: u32, order: Store) {
        // SAFETY: as for `load_u32`.
        unsafe { AtomicU32::from_ptr(self.at(offset)) }.store(value, order.ordering());
    }

    fn fence(&self) {
        fence(Ordering::SeqCst);
    }
}
