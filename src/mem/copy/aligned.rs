// SPDX-License-Identifier: Apache-2.0
//! Copies with aligned accesses of at most one machine word, for Device memory and for CPUs without unaligned accesses.
//!
//! Shared bytes are accessed with volatile loads and stores. The compiler neither splits nor merges volatile accesses,
//! and assumes nothing about the values. Private bytes are ordinary memory, for which the compiler chooses the
//! instructions.

const WORD: usize = size_of::<usize>();

/// One direction of a copy. The methods move one unit between private and shared memory.
///
/// # Safety of the methods
/// Both addresses must be mapped, nothing else may access the private one, and the shared one must be aligned for the
/// unit.
trait Direction {
    /// Returns the shared address, which determines the alignment of the units.
    fn shared(&self, from: *const u8, to: *mut u8) -> usize;
    unsafe fn byte(&self, from: *const u8, to: *mut u8);
    /// Moves a word. The private address must also be aligned.
    unsafe fn word(&self, from: *const usize, to: *mut usize);
    /// Moves a word. The private address may have any alignment.
    unsafe fn word_unaligned(&self, from: *const usize, to: *mut usize);
}

/// Copies from private to shared memory. The source is also read with volatile loads, because it may change during the
/// copy.
struct In;

impl Direction for In {
    #[inline(always)]
    fn shared(&self, _: *const u8, to: *mut u8) -> usize {
        to.addr()
    }

    #[inline(always)]
    unsafe fn byte(&self, from: *const u8, to: *mut u8) {
        // SAFETY: the caller upholds the same contract.
        let byte = unsafe { from.read_volatile() };
        // SAFETY: the caller upholds the same contract.
        unsafe { to.write_volatile(byte) };
    }

    #[inline(always)]
    unsafe fn word(&self, from: *const usize, to: *mut usize) {
        // SAFETY: the caller upholds the same contract.
        let word = unsafe { from.read_volatile() };
        // SAFETY: the caller upholds the same contract.
        unsafe { to.write_volatile(word) };
    }

    #[inline(always)]
    unsafe fn word_unaligned(&self, from: *const usize, to: *mut usize) {
        // SAFETY: the caller upholds the same contract.
        let word = usize::from_ne_bytes(unsafe { from.cast::<[u8; WORD]>().read_volatile() });
        // SAFETY: the caller upholds the same contract.
        unsafe { to.write_volatile(word) };
    }
}

/// Copies from shared to private memory.
struct Out;

impl Direction for Out {
    #[inline(always)]
    fn shared(&self, from: *const u8, _: *mut u8) -> usize {
        from.addr()
    }

    #[inline(always)]
    unsafe fn byte(&self, from: *const u8, to: *mut u8) {
        // SAFETY: the caller upholds the same contract.
        let byte = unsafe { from.read_volatile() };
        // SAFETY: the caller upholds the same contract.
        unsafe { to.write(byte) };
    }

    #[inline(always)]
    unsafe fn word(&self, from: *const usize, to: *mut usize) {
        // SAFETY: the caller upholds the same contract.
        let word = unsafe { from.read_volatile() };
        // SAFETY: the caller upholds the same contract.
        unsafe { to.write(word) };
    }

    #[inline(always)]
    unsafe fn word_unaligned(&self, from: *const usize, to: *mut usize) {
        // SAFETY: the caller upholds the same contract.
        let word = unsafe { from.read_volatile() };
        // SAFETY: the caller upholds the same contract.
        unsafe { to.write_unaligned(word) };
    }
}

/// Copies `len` bytes to shared memory. If the source changes during the copy, or if the ranges overlap, the result is
/// a mix of old and new bytes.
///
/// # Safety
/// Both ranges must be mapped. The source must allow unaligned loads.
pub unsafe fn copy_in(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller upholds the same contract.
    unsafe { copy(&In, from, to, len) }
}

/// Copies `len` bytes from shared to private memory.
///
/// # Safety
/// Both ranges must be mapped and must not overlap. Nothing else may access the private range during the copy.
pub unsafe fn copy_out(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller upholds the same contract.
    unsafe { copy(&Out, from, to, len) }
}

/// Copies single bytes up to the first word boundary in shared memory, then whole words, then the remaining bytes.
///
/// # Safety
/// The requirements are those of [`copy_in`] or [`copy_out`], depending on the direction.
#[inline(always)]
unsafe fn copy(direction: &impl Direction, from: *const u8, to: *mut u8, len: usize) {
    let first = (direction.shared(from, to).wrapping_neg() % WORD).min(len);
    let end = len - (len - first) % WORD;
    let mut at = 0;
    while at < first {
        // SAFETY: `at` is below `len`.
        unsafe { direction.byte(from.wrapping_add(at), to.wrapping_add(at)) };
        at += 1;
    }
    // The shared address is aligned now. The private address is also aligned if both addresses have the same offset
    // within a word.
    if (from.addr() ^ to.addr()).is_multiple_of(WORD) {
        while at < end {
            // SAFETY: at least one word is left before `end`, and both addresses are aligned.
            unsafe { direction.word(from.wrapping_add(at).cast(), to.wrapping_add(at).cast()) };
            at += WORD;
        }
    } else {
        while at < end {
            // SAFETY: at least one word is left before `end`, and the shared address is aligned.
            unsafe { direction.word_unaligned(from.wrapping_add(at).cast(), to.wrapping_add(at).cast()) };
            at += WORD;
        }
    }
    while at < len {
        // SAFETY: `at` is below `len`.
        unsafe { direction.byte(from.wrapping_add(at), to.wrapping_add(at)) };
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use core::cell::RefCell;

    use super::*;

    /// Performs each move, and records the address and width of each shared access.
    struct Checked<D> {
        direction: D,
        accesses: RefCell<Vec<(usize, usize)>>,
    }

    impl<D: Direction> Checked<D> {
        fn new(direction: D) -> Self {
            Self { direction, accesses: RefCell::default() }
        }

        fn note(&self, from: *const u8, to: *mut u8, width: usize) {
            let shared = self.direction.shared(from, to);
            assert!(shared.is_multiple_of(width) && width <= WORD, "{width} bytes at {shared:#x}");
            self.accesses.borrow_mut().push((shared, width));
        }
    }

    impl<D: Direction> Direction for Checked<D> {
        fn shared(&self, from: *const u8, to: *mut u8) -> usize {
            self.direction.shared(from, to)
        }

        unsafe fn byte(&self, from: *const u8, to: *mut u8) {
            self.note(from, to, 1);
            // SAFETY: the caller upholds the same contract.
            unsafe { self.direction.byte(from, to) }
        }

        unsafe fn word(&self, from: *const usize, to: *mut usize) {
            assert!(from.is_aligned() && to.is_aligned(), "the private side is aligned, too");
            self.note(from.cast(), to.cast(), WORD);
            // SAFETY: the caller upholds the same contract.
            unsafe { self.direction.word(from, to) }
        }

        unsafe fn word_unaligned(&self, from: *const usize, to: *mut usize) {
            self.note(from.cast(), to.cast(), WORD);
            // SAFETY: the caller upholds the same contract.
            unsafe { self.direction.word_unaligned(from, to) }
        }
    }

    #[repr(align(16))]
    struct Memory([u8; 96]);

    fn check<D: Direction>(direction: impl Fn() -> D) {
        let from = Memory(core::array::from_fn(|i| i as u8 + 1));
        for (source, target) in (0..WORD).flat_map(|source| (0..WORD).map(move |target| (source, target))) {
            for length in 0..64 {
                let checked = Checked::new(direction());
                let mut to = Memory([0; 96]);
                let (begin, place) = (from.0[source..].as_ptr(), to.0[target..].as_mut_ptr());
                let shared = checked.shared(begin, place);
                // SAFETY: both buffers have 96 bytes, and at most 71 of them are accessed.
                unsafe { copy(&checked, begin, place, length) };
                assert_eq!(to.0[target..][..length], from.0[source..][..length], "{length} from {source} to {target}");
                let beside = to.0[..target].iter().chain(&to.0[target + length..]);
                assert!(beside.copied().all(|byte| byte == 0), "{length} from {source} to {target}");
                // Checks that each shared byte is accessed once, in order, with as few byte accesses as possible.
                let accesses = checked.accesses.into_inner();
                let end = accesses.iter().fold(shared, |next, &(address, width)| {
                    assert_eq!(address, next);
                    next + width
                });
                assert_eq!(end, shared + length);
                assert!(accesses.iter().filter(|access| access.1 == 1).count() <= 2 * (WORD - 1));
            }
        }
    }

    #[test]
    fn every_access_to_the_shared_side_is_aligned_and_none_is_made_twice() {
        check(|| In);
        check(|| Out);
    }
}
