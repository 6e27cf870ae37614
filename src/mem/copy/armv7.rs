// SPDX-License-Identifier: Apache-2.0
//! Word copies for 32-bit Arm with Thumb-2 and unaligned accesses.

// One function serves both directions.
pub use self::{copy as copy_in, copy as copy_out};

/// Copies the remaining bytes, at most 15, with two registers. The low four bits of `n` hold the number of bytes.
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

/// Copies `len` bytes. If the ranges overlap, the result is a mix of old and new bytes.
///
/// Neither pointer needs to be aligned, but the copy is faster if both are 4-byte aligned.
///
/// # Safety
/// Both ranges must be mapped. Nothing else may access the private range during the copy.
#[inline(always)]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // Short copies are inlined, because a call would cost as much as the copy. Builds optimized for size always call.
    if cfg!(for_size) || len >= 32 {
        // SAFETY: the caller upholds the same contract.
        return unsafe { copy_many(from, to, len) };
    }
    // SAFETY: the caller upholds the same contract.
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

/// Copies `len` bytes out of line.
///
/// # Safety
/// The requirements are those of [`copy`].
#[inline(never)]
unsafe fn copy_many(from: *const u8, to: *mut u8, len: usize) {
    // If both addresses are aligned, copy words with `ldm` and `stm`, which need alignment. Otherwise use single loads
    // and stores. When a loop ends, the count is one step too small, but its low bits still hold the number of bytes
    // left.
    // SAFETY: the caller upholds the same contract.
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
