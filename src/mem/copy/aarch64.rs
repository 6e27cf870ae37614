// SPDX-License-Identifier: Apache-2.0
//! Copies for AArch64. The copies use vector registers if the target enables them, and otherwise pairs of
//! general-purpose registers.

// One function serves both directions.
pub use self::{copy as copy_in, copy as copy_out};

/// Copies the remaining bytes, at most 15. The low four bits of `n` hold the number of bytes.
macro_rules! below_16 {
    () => {
        concat!(
            "5: tst {n}, #15\n",
            "b.eq 9f\n",
            "tbz {n}, #3, 6f\n",
            "ldr {w}, [{from}], #8\n",
            "str {w}, [{to}], #8\n",
            "6: tbz {n}, #2, 7f\n",
            "ldr {w:w}, [{from}], #4\n",
            "str {w:w}, [{to}], #4\n",
            "7: tbz {n}, #1, 8f\n",
            "ldrh {w:w}, [{from}], #2\n",
            "strh {w:w}, [{to}], #2\n",
            "8: tbz {n}, #0, 9f\n",
            "ldrb {w:w}, [{from}]\n",
            "strb {w:w}, [{to}]\n",
            "9:",
        )
    };
}

/// Copies `len` bytes. If the ranges overlap, the result is a mix of old and new bytes.
///
/// Neither pointer needs to be aligned, but the copy is faster if both are 16-byte aligned.
///
/// # Safety
/// Both ranges must be mapped. Nothing else may access the private range during the copy.
#[cfg(target_feature = "neon")]
#[inline(always)]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // When the loop ends, the count is 64 too small, but its low six bits still hold the number of bytes left.
    // SAFETY: the caller upholds the same contract.
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
            below_16!(),
            from = inout(reg) from => _, to = inout(reg) to => _, n = inout(reg) len => _, w = out(reg) _,
            a = out(vreg) _, b = out(vreg) _, c = out(vreg) _, d = out(vreg) _,
            options(nostack)
        );
    }
}

/// Copies `len` bytes. If the ranges overlap, the result is a mix of old and new bytes.
///
/// Neither pointer needs to be aligned, but the copy is faster if both are 8-byte aligned.
///
/// # Safety
/// Both ranges must be mapped. Nothing else may access the private range during the copy.
#[cfg(not(target_feature = "neon"))]
#[inline(always)]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // Same steps as the NEON version, with general-purpose registers.
    // SAFETY: the caller upholds the same contract.
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
            below_16!(),
            from = inout(reg) from => _, to = inout(reg) to => _, n = inout(reg) len => _, w = out(reg) _,
            a = out(reg) _, b = out(reg) _, c = out(reg) _, d = out(reg) _,
            options(nostack)
        );
    }
}
