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
    // After the loop the count is 64 too small, which leaves its low six bits, the bytes still to copy, as they were.
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!(
            "sub {n}, 64",
            "jb 3f",
            "2: movups {a}, [{from}]",
            "movups {b}, [{from} + 16]",
            "movups {c}, [{from} + 32]",
            "movups {d}, [{from} + 48]",
            "movups [{to}], {a}",
            "movups [{to} + 16], {b}",
            "movups [{to} + 32], {c}",
            "movups [{to} + 48], {d}",
            "add {from}, 64",
            "add {to}, 64",
            "sub {n}, 64",
            "jae 2b",
            "3: test {n:l}, 32",
            "jz 4f",
            "movups {a}, [{from}]",
            "movups {b}, [{from} + 16]",
            "movups [{to}], {a}",
            "movups [{to} + 16], {b}",
            "add {from}, 32",
            "add {to}, 32",
            "4: test {n:l}, 16",
            "jz 5f",
            "movups {a}, [{from}]",
            "movups [{to}], {a}",
            "add {from}, 16",
            "add {to}, 16",
            "5: test {n:l}, 15",
            "jz 9f",
            "test {n:l}, 8",
            "jz 6f",
            "mov {w}, [{from}]",
            "mov [{to}], {w}",
            "add {from}, 8",
            "add {to}, 8",
            "6: test {n:l}, 4",
            "jz 7f",
            "mov {w:e}, [{from}]",
            "mov [{to}], {w:e}",
            "add {from}, 4",
            "add {to}, 4",
            "7: test {n:l}, 2",
            "jz 8f",
            "mov {w:x}, [{from}]",
            "mov [{to}], {w:x}",
            "add {from}, 2",
            "add {to}, 2",
            "8: test {n:l}, 1",
            "jz 9f",
            "mov {w:l}, [{from}]",
            "mov [{to}], {w:l}",
            "9:",
            from = inout(reg) from => _, to = inout(reg) to => _, n = inout(reg) len => _, w = out(reg) _,
            a = out(xmm_reg) _, b = out(xmm_reg) _, c = out(xmm_reg) _, d = out(xmm_reg) _,
            options(nostack)
        );
    }
}

/// Copies `len` bytes that do not overlap. Neither side needs any alignment, but both are faster at multiples of 8.
///
/// # Safety
/// Both ranges are mapped, and the private one is not accessed by anyone else.
#[cfg(all(target_arch = "aarch64", not(miri)))]
#[inline(always)]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // The count as on x86-64. Not by vector registers: not every image may use them.
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!(
            "subs {n}, {n}, #64",
            "b.lo 3f",
            "2: ldp {a}, {b}, [{from}]",
            "ldp {c}, {d}, [{from}, #16]",
            "stp {a}, {b}, [{to}]",
            "stp {c}, {d}, [{to}, #16]",
            "ldp {a}, {b}, [{from}, #32]",
            "ldp {c}, {d}, [{from}, #48]",
            "stp {a}, {b}, [{to}, #32]",
            "stp {c}, {d}, [{to}, #48]",
            "add {from}, {from}, #64",
            "add {to}, {to}, #64",
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

/// Copies `len` bytes that do not overlap. Neither side needs any alignment, but both are faster at multiples of 4.
///
/// # Safety
/// Both ranges are mapped, and the private one is not accessed by anyone else.
// Atomic operations are what a released compiler tells of an Armv7: its `target_feature` names none.
#[cfg(all(target_arch = "arm", target_has_atomic = "32", not(miri)))]
#[inline(never)]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // Words by `ldm` and `stm` where both sides are aligned, which those need, else by single loads and stores, which do
    // not. The count as on x86-64, in steps of 16.
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!(
            "orr {a}, {from}, {to}",
            "tst {a}, #3",
            "bne 4f",
            "subs {n}, {n}, #32",
            "blo 3f",
            "2: ldm {from}!, {{r4, r5, r8, r12}}",
            "stm {to}!, {{r4, r5, r8, r12}}",
            "ldm {from}!, {{r4, r5, r8, r12}}",
            "stm {to}!, {{r4, r5, r8, r12}}",
            "subs {n}, {n}, #32",
            "bhs 2b",
            "3: tst {n}, #16",
            "beq 6f",
            "ldm {from}!, {{r4, r5, r8, r12}}",
            "stm {to}!, {{r4, r5, r8, r12}}",
            "b 6f",
            "4: subs {n}, {n}, #16",
            "blo 6f",
            "5: ldr {a}, [{from}], #4",
            "ldr r12, [{from}], #4",
            "str {a}, [{to}], #4",
            "str r12, [{to}], #4",
            "ldr {a}, [{from}], #4",
            "ldr r12, [{from}], #4",
            "str {a}, [{to}], #4",
            "str r12, [{to}], #4",
            "subs {n}, {n}, #16",
            "bhs 5b",
            "6: tst {n}, #15",
            "beq 10f",
            "tst {n}, #8",
            "beq 7f",
            "ldr {a}, [{from}], #4",
            "ldr r12, [{from}], #4",
            "str {a}, [{to}], #4",
            "str r12, [{to}], #4",
            "7: tst {n}, #4",
            "beq 8f",
            "ldr {a}, [{from}], #4",
            "str {a}, [{to}], #4",
            "8: tst {n}, #2",
            "beq 9f",
            "ldrh {a}, [{from}], #2",
            "strh {a}, [{to}], #2",
            "9: tst {n}, #1",
            "beq 10f",
            "ldrb {a}, [{from}]",
            "strb {a}, [{to}]",
            "10:",
            from = inout(reg) from => _, to = inout(reg) to => _, n = inout(reg) len => _, a = out(reg) _,
            out("r4") _, out("r5") _, out("r8") _, out("r12") _,
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
