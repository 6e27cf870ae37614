// SPDX-License-Identifier: Apache-2.0
//! Marker instructions, which have no effect and mark the start and end of a counted section. The counters
//! (`tools/qemu-count`, and `amp bench` for Linux programs) search for the same byte patterns.
#![allow(unsafe_code, reason = "assembly, of instructions that do nothing")]

use core::arch::asm;

macro_rules! marker {
    ($name:ident, $what:literal, $a64:literal, $thumb:literal, $x86_64:literal) => {
        #[doc = $what]
        #[inline(always)]
        pub fn $name() {
            // SAFETY: a hint instruction without any effect. The compiler does not move it across memory accesses,
            // because the block does not declare `nomem`.
            #[cfg(target_arch = "aarch64")]
            unsafe {
                asm!($a64, options(nostack, preserves_flags))
            };
            // SAFETY: same as above.
            #[cfg(target_arch = "arm")]
            unsafe {
                asm!($thumb, options(nostack, preserves_flags))
            };
            // SAFETY: same as above. The instruction is a nop that never reads its operand.
            #[cfg(target_arch = "x86_64")]
            unsafe {
                asm!(".byte 0x0f, 0x1f, 0x84, 0x00, 0x41, 0x4d, 0x50", $x86_64, options(nostack, preserves_flags))
            };
        }
    };
}

marker!(begin, "Count from here.", "hint #120", "dbg #5", ".byte 0x01");
marker!(end, "Count no more.", "hint #121", "dbg #6", ".byte 0x02");
marker!(section, "What was counted since the last time is a section.", "hint #122", "dbg #7", ".byte 0x03");
