//! The real memory: a pointer and a length from a port. Knows nothing of what lies in it.

use core::marker::PhantomData;
use core::ptr::NonNull;
use core::sync::atomic::{AtomicU16, AtomicU32, Ordering, fence};

use super::copy::copy;
use super::{Load, MemoryError, SharedMemory, Store};

/// A mapped piece of shared memory, valid for `'m`.
///
/// The one place that forms a reference into shared memory is the `AtomicU16`/`AtomicU32` of a single load or store,
/// which lives for that expression only; it is to an `UnsafeCell`, so the compiler may assume nothing about the bytes
/// behind it. Payload is never referenced: it is copied by a few lines of assembly per architecture.
#[derive(Clone, Copy, Debug)]
pub struct Region<'m> {
    start: NonNull<u8>,
    len: u32,
    mapping: PhantomData<&'m ()>,
}

// SAFETY: a `Region` is a place, and all accesses to it are atomic or made for racing with another machine.
unsafe impl Send for Region<'_> {}
// SAFETY: as for `Send`.
unsafe impl Sync for Region<'_> {}

impl Region<'_> {
    /// The memory of `len` bytes at `start`.
    ///
    /// # Safety
    /// * For all of `'m` the bytes stay mapped, readable and writable, as memory without side effects (Normal, not
    ///   Device, on Arm: payload copies are not aligned), coherent with the other machines that share it.
    /// * They are not a Rust allocation that anything else in this program references.
    /// * `start` is a multiple of 8.
    #[must_use]
    pub const unsafe fn new(start: NonNull<u8>, len: u32) -> Self {
        Self { start, len, mapping: PhantomData }
    }

    /// The address of the `len` bytes at `offset`; the caller has proven that they are inside.
    fn at(&self, offset: u32, len: usize) -> *mut u8 {
        debug_assert!(
            u64::from(offset) + len as u64 <= u64::from(self.len),
            "{len} bytes at {offset:#x} leave {:#x}",
            self.len
        );
        self.start.as_ptr().wrapping_add(offset as usize)
    }
}

// SAFETY: `part` checks, `len` is a constant, and the accesses are atomic or opaque copies within `new`'s promise.
unsafe impl SharedMemory for Region<'_> {
    fn len(&self) -> u32 {
        self.len
    }

    fn part(&self, offset: u32, len: u32) -> Result<Self, MemoryError> {
        match offset.checked_add(len) {
            Some(end) if end <= self.len => {
                // SAFETY: `at` is inside the same mapping, hence not null.
                let start = unsafe { NonNull::new_unchecked(self.at(offset, len as usize)) };
                Ok(Self { start, len, mapping: PhantomData })
            }
            _ => Err(MemoryError::OutOfBounds),
        }
    }

    fn is_aligned_to(&self, align: u32) -> bool {
        (self.start.as_ptr() as usize).is_multiple_of(align as usize)
    }

    unsafe fn load_u16(&self, offset: u32, order: Load) -> u16 {
        // SAFETY: inside and even, by this method's contract; mapped, by `new`'s.
        unsafe { AtomicU16::from_ptr(self.at(offset, 2).cast()) }.load(order.ordering())
    }

    unsafe fn store_u16(&self, offset: u32, value: u16, order: Store) {
        // SAFETY: as for `load_u16`.
        unsafe { AtomicU16::from_ptr(self.at(offset, 2).cast()) }.store(value, order.ordering());
    }

    unsafe fn load_u32(&self, offset: u32, order: Load) -> u32 {
        // SAFETY: inside and a multiple of 4, by this method's contract; mapped, by `new`'s.
        unsafe { AtomicU32::from_ptr(self.at(offset, 4).cast()) }.load(order.ordering())
    }

    unsafe fn store_u32(&self, offset: u32, value: u32, order: Store) {
        // SAFETY: as for `load_u32`.
        unsafe { AtomicU32::from_ptr(self.at(offset, 4).cast()) }.store(value, order.ordering());
    }

    unsafe fn copy_in(&self, offset: u32, from: &[u8]) {
        // SAFETY: inside, by this method's contract; private memory and the mapping never overlap, by `new`'s.
        unsafe { copy(from.as_ptr(), self.at(offset, from.len()), from.len()) }
    }

    unsafe fn copy_out(&self, offset: u32, to: &mut [u8]) {
        // SAFETY: as for `copy_in`.
        unsafe { copy(self.at(offset, to.len()), to.as_mut_ptr(), to.len()) }
    }

    fn fence(&self) {
        fence(Ordering::SeqCst);
    }
}
