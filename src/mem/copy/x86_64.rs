// SPDX-License-Identifier: Apache-2.0
//! Copies for x86-64, with vector registers.

// One function serves both directions.
pub use self::{copy as copy_in, copy as copy_out};

/// Copies `len` bytes. If the ranges overlap, the result is a mix of old and new bytes.
///
/// Neither pointer needs to be aligned.
///
/// # Safety
/// Both ranges must be mapped. Nothing else may access the private range during the copy.
#[inline(always)]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // If the length is not a multiple of the step, the last step still ends at the end of the range. It then overlaps
    // the previous step, so some bytes are copied twice. In the loop, both pointers point 64 bytes before the end of
    // their range, and `i` counts up to 0. The case of 16 to 32 bytes comes last in the code, so that it takes the
    // fewest jumps. SAFETY: the caller upholds the same contract.
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
