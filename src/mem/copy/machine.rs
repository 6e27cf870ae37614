//! For Miri, and for machines that have no form of their own here.

/// Copies `len` bytes that do not overlap, one by one: for Miri, which checks that the indices order the accesses (it
/// takes volatile ones for plain), and for architectures that have no faster form here yet.
///
/// # Safety
/// Both ranges are mapped, and the private one is not accessed by anyone else.
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    for i in 0..len {
        // SAFETY: inside, by the caller's promise.
        let byte = unsafe { from.wrapping_add(i).read_volatile() };
        // SAFETY: likewise.
        unsafe { to.wrapping_add(i).write_volatile(byte) };
    }
}
