//! Copying between private and shared memory, by the widest loads and stores that suit the architecture.
//!
//! A peer may write the shared side meanwhile. In Rust's model that would be a data race if the compiler saw the
//! accesses; it does not see into the assembly, so it can neither assume that two reads agree nor invent further ones.

/// Copies `len` bytes that do not overlap. Neither side needs any alignment.
///
/// # Safety
/// Both ranges are mapped, and the private one is not accessed by anyone else.
#[cfg(all(target_arch = "x86_64", target_feature = "sse2", not(miri)))]
#[inline(always)]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // What is no multiple of a step is copied from the start and up to the end, and some of it twice. In the loop both are 64
    // bytes before their end, and `i`, at most 0, counts up to there. Last what is shortest, so that it jumps least.
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!(
            "cmp {n}, 16",
            "jae 8f",
            "cmp {n:e}, 8",
            "jb 6f",
            "mov {i}, [{from}]",
            "mov {from}, [{from} + {n} - 8]",
            "mov [{to}], {i}",
            "mov [{to} + {n} - 8], {from}",
            "jmp 9f",
            "6: cmp {n:e}, 4",
            "jb 7f",
            "mov {i:e}, [{from}]",
            "mov {from:e}, [{from} + {n} - 4]",
            "mov [{to}], {i:e}",
            "mov [{to} + {n} - 4], {from:e}",
            "jmp 9f",
            "7: test {n:e}, {n:e}",
            "jz 9f",
            "mov {i:l}, [{from}]",
            "mov [{to}], {i:l}",
            "cmp {n:e}, 2",
            "jb 9f",
            "mov {i:x}, [{from} + {n} - 2]",
            "mov [{to} + {n} - 2], {i:x}",
            "jmp 9f",
            "2: cmp {n}, 64",
            "jae 3f",
            "movups {a}, [{from}]",
            "movups {b}, [{from} + 16]",
            "movups {c}, [{from} + {n} - 32]",
            "movups {d}, [{from} + {n} - 16]",
            "movups [{to}], {a}",
            "movups [{to} + 16], {b}",
            "movups [{to} + {n} - 32], {c}",
            "movups [{to} + {n} - 16], {d}",
            "jmp 9f",
            "3: mov {i:e}, 64",
            "lea {from}, [{from} + {n} - 64]",
            "lea {to}, [{to} + {n} - 64]",
            "sub {i}, {n}",
            "4: movups {a}, [{from} + {i}]",
            "movups {b}, [{from} + {i} + 16]",
            "movups {c}, [{from} + {i} + 32]",
            "movups {d}, [{from} + {i} + 48]",
            "movups [{to} + {i}], {a}",
            "movups [{to} + {i} + 16], {b}",
            "movups [{to} + {i} + 32], {c}",
            "movups [{to} + {i} + 48], {d}",
            "add {i}, 64",
            "jle 4b",
            "cmp {i:e}, 64",
            "je 9f",
            "movups {a}, [{from}]",
            "movups {b}, [{from} + 16]",
            "movups {c}, [{from} + 32]",
            "movups {d}, [{from} + 48]",
            "movups [{to}], {a}",
            "movups [{to} + 16], {b}",
            "movups [{to} + 32], {c}",
            "movups [{to} + 48], {d}",
            "jmp 9f",
            "8: cmp {n}, 32",
            "ja 2b",
            "movups {a}, [{from}]",
            "movups {b}, [{from} + {n} - 16]",
            "movups [{to}], {a}",
            "movups [{to} + {n} - 16], {b}",
            "9:",
            from = inout(reg) from => _, to = inout(reg) to => _, n = in(reg) len, i = out(reg) _,
            a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
            options(nostack)
        );
    }
}

/// Copies `len` bytes that do not overlap. Neither side needs any alignment, but both are faster at multiples of 16.
///
/// # Safety
/// Both ranges are mapped, and the private one is not accessed by anyone else.
#[cfg(all(target_arch = "aarch64", target_feature = "neon", not(miri)))]
#[inline(always)]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // After the loop the count is 64 too small, which leaves its low six bits, the bytes still to copy, as they were.
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!(
            "subs {n}, {n}, #64",
            "b.lo 3f",
            "2: ldp {a:q}, {b:q}, [{from}], #32",
            "ldp {c:q}, {d:q}, [{from}], #32",
            "stp {a:q}, {b:q}, [{to}], #32",
            "stp {c:q}, {d:q}, [{to}], #32",
            "subs {n}, {n}, #64",
            "b.hs 2b",
            "3: tbz {n}, #5, 4f",
            "ldp {a:q}, {b:q}, [{from}], #32",
            "stp {a:q}, {b:q}, [{to}], #32",
            "4: tbz {n}, #4, 5f",
            "ldr {a:q}, [{from}], #16",
            "str {a:q}, [{to}], #16",
            "5: tst {n}, #15",
            "b.eq 9f",
            "tbz {n}, #3, 6f",
            "ldr {a:d}, [{from}], #8",
            "str {a:d}, [{to}], #8",
            "6: tbz {n}, #2, 7f",
            "ldr {a:s}, [{from}], #4",
            "str {a:s}, [{to}], #4",
            "7: tbz {n}, #1, 8f",
            "ldr {a:h}, [{from}], #2",
            "str {a:h}, [{to}], #2",
            "8: tbz {n}, #0, 9f",
            "ldr {a:b}, [{from}]",
            "str {a:b}, [{to}]",
            "9:",
            from = inout(reg) from => _, to = inout(reg) to => _, n = inout(reg) len => _,
            a = out(vreg) _, b = out(vreg) _, c = out(vreg) _, d = out(vreg) _,
            options(nostack)
        );
    }
}

/// Copies `len` bytes that do not overlap. Neither side needs any alignment, but both are faster at multiples of 8.
///
/// # Safety
/// Both ranges are mapped, and the private one is not accessed by anyone else.
#[cfg(all(target_arch = "aarch64", not(target_feature = "neon"), not(miri)))]
#[inline(always)]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // As above, where the image may not use vector registers.
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!(
            "subs {n}, {n}, #64",
            "b.lo 3f",
            "2: ldp {a}, {b}, [{from}], #16",
            "ldp {c}, {d}, [{from}], #16",
            "stp {a}, {b}, [{to}], #16",
            "stp {c}, {d}, [{to}], #16",
            "ldp {a}, {b}, [{from}], #16",
            "ldp {c}, {d}, [{from}], #16",
            "stp {a}, {b}, [{to}], #16",
            "stp {c}, {d}, [{to}], #16",
            "subs {n}, {n}, #64",
            "b.hs 2b",
            "3: tbz {n}, #5, 4f",
            "ldp {a}, {b}, [{from}], #16",
            "ldp {c}, {d}, [{from}], #16",
            "stp {a}, {b}, [{to}], #16",
            "stp {c}, {d}, [{to}], #16",
            "4: tbz {n}, #4, 5f",
            "ldp {a}, {b}, [{from}], #16",
            "stp {a}, {b}, [{to}], #16",
            "5: tst {n}, #15",
            "b.eq 9f",
            "tbz {n}, #3, 6f",
            "ldr {a}, [{from}], #8",
            "str {a}, [{to}], #8",
            "6: tbz {n}, #2, 7f",
            "ldr {a:w}, [{from}], #4",
            "str {a:w}, [{to}], #4",
            "7: tbz {n}, #1, 8f",
            "ldrh {a:w}, [{from}], #2",
            "strh {a:w}, [{to}], #2",
            "8: tbz {n}, #0, 9f",
            "ldrb {a:w}, [{from}]",
            "strb {a:w}, [{to}]",
            "9:",
            from = inout(reg) from => _, to = inout(reg) to => _, n = inout(reg) len => _,
            a = out(reg) _, b = out(reg) _, c = out(reg) _, d = out(reg) _,
            options(nostack)
        );
    }
}

/// The last 15 bytes at most, as the low four bits of `n` say, on an Armv7; by two registers.
#[cfg(all(target_arch = "arm", target_has_atomic = "32", not(miri)))]
macro_rules! below_16 {
    ($first:literal, $second:literal) => {
        concat!(
            "tst {n}, #15\n",
            "beq 10f\n",
            "tst {n}, #8\n",
            "beq 7f\n",
            concat!("ldr ", $first, ", [{from}], #4\n"),
            concat!("ldr ", $second, ", [{from}], #4\n"),
            concat!("str ", $first, ", [{to}], #4\n"),
            concat!("str ", $second, ", [{to}], #4\n"),
            "7: tst {n}, #4\n",
            "beq 8f\n",
            concat!("ldr ", $first, ", [{from}], #4\n"),
            concat!("str ", $first, ", [{to}], #4\n"),
            "8: tst {n}, #2\n",
            "beq 9f\n",
            concat!("ldrh ", $first, ", [{from}], #2\n"),
            concat!("strh ", $first, ", [{to}], #2\n"),
            "9: tst {n}, #1\n",
            "beq 10f\n",
            concat!("ldrb ", $first, ", [{from}]\n"),
            concat!("strb ", $first, ", [{to}]\n"),
            "10:",
        )
    };
}

/// Copies `len` bytes that do not overlap. Neither side needs any alignment, but both are faster at multiples of 4.
///
/// # Safety
/// Both ranges are mapped, and the private one is not accessed by anyone else.
// Atomic operations are what a released compiler tells of an Armv7: its `target_feature` names none.
#[cfg(all(target_arch = "arm", target_has_atomic = "32", not(miri)))]
#[inline(always)]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // Few in place: a call would cost as much as they do. Where the build is for size, a call it is.
    if cfg!(for_size) || len >= 32 {
        // SAFETY: the caller's promise.
        return unsafe { copy_many(from, to, len) };
    }
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!(
            "tst {n}, #16",
            "beq 6f",
            "ldr {a}, [{from}], #4",
            "ldr {b}, [{from}], #4",
            "str {a}, [{to}], #4",
            "str {b}, [{to}], #4",
            "ldr {a}, [{from}], #4",
            "ldr {b}, [{from}], #4",
            "str {a}, [{to}], #4",
            "str {b}, [{to}], #4",
            "6:",
            below_16!("{a}", "{b}"),
            from = inout(reg) from => _, to = inout(reg) to => _, n = in(reg) len, a = out(reg) _, b = out(reg) _,
            options(nostack)
        );
    }
}

/// As [`copy`].
///
/// # Safety
/// As [`copy`].
#[cfg(all(target_arch = "arm", target_has_atomic = "32", not(miri)))]
#[inline(never)]
unsafe fn copy_many(from: *const u8, to: *mut u8, len: usize) {
    // Words by `ldm` and `stm` where both sides are aligned, which those need, else by single loads and stores, which do
    // not. After a loop the count is a step too small, which leaves its low bits, the bytes still to copy, as they were.
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!(
            "orr r3, {from}, {to}",
            "tst r3, #3",
            "bne 4f",
            "subs {n}, {n}, #32",
            "blo 3f",
            "2: ldm {from}!, {{r3, r4, r5, r8, r9, r10, r12, r14}}",
            "stm {to}!, {{r3, r4, r5, r8, r9, r10, r12, r14}}",
            "subs {n}, {n}, #32",
            "bhs 2b",
            "3: tst {n}, #16",
            "beq 6f",
            "ldm {from}!, {{r4, r5, r8, r12}}",
            "stm {to}!, {{r4, r5, r8, r12}}",
            "b 6f",
            "4: subs {n}, {n}, #16",
            "blo 6f",
            "5: ldr r3, [{from}], #4",
            "ldr r12, [{from}], #4",
            "str r3, [{to}], #4",
            "str r12, [{to}], #4",
            "ldr r3, [{from}], #4",
            "ldr r12, [{from}], #4",
            "str r3, [{to}], #4",
            "str r12, [{to}], #4",
            "subs {n}, {n}, #16",
            "bhs 5b",
            "6:",
            below_16!("r3", "r12"),
            from = inout(reg) from => _, to = inout(reg) to => _, n = inout(reg) len => _,
            out("r3") _, out("r4") _, out("r5") _, out("r8") _, out("r9") _, out("r10") _, out("r12") _, out("r14") _,
            options(nostack)
        );
    }
}

/// Copies `len` bytes that do not overlap, one by one: for Miri, which checks that the indices order the accesses (it
/// takes volatile ones for plain), and for architectures that have no faster form here yet.
///
/// # Safety
/// Both ranges are mapped, and the private one is not accessed by anyone else.
#[cfg(any(
    miri,
    not(any(
        all(target_arch = "x86_64", target_feature = "sse2"),
        target_arch = "aarch64",
        all(target_arch = "arm", target_has_atomic = "32")
    ))
))]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    for i in 0..len {
        // SAFETY: inside, by the caller's promise.
        let byte = unsafe { from.wrapping_add(i).read_volatile() };
        // SAFETY: likewise.
        unsafe { to.wrapping_add(i).write_volatile(byte) };
    }
}

#[cfg(test)]
mod tests {
    use super::copy;

    #[test]
    fn any_length_at_any_alignment_arrives_and_no_byte_beside_it() {
        let from: Vec<u8> = (0..400_u32).map(|i| (i * 7 + 1) as u8).collect();
        for length in 0..200 {
            for (source, target) in [(0, 0), (0, 8), (1, 0), (0, 3), (5, 2), (7, 7)] {
                let mut to = [0_u8; 400];
                let (begin, place) = (from[source..].as_ptr(), to[target + 8..].as_mut_ptr());
                // SAFETY: both have 400 bytes, of which at most 215 are used.
                unsafe { copy(begin, place, length) };
                assert_eq!(to[target + 8..][..length], from[source..][..length], "{length} from {source} to {target}");
                let beside = to[..target + 8].iter().chain(&to[target + 8 + length..]);
                assert!(beside.copied().all(|byte| byte == 0), "{length} from {source} to {target}");
            }
        }
    }
}
