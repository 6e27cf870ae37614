// SPDX-License-Identifier: Apache-2.0
//! Small versions of the memory functions that the compiler emits calls to. They take 100 bytes of flash, while the
//! versions in `compiler_builtins` take 1.4 KiB. The message path does not use them, because the core copies payload
//! itself.
//!
//! Source: Run-time ABI for the Arm Architecture (IHI 0043), section 5.3.4. The functions accept
//! any alignment. Armv7-M allows unaligned single loads and stores in Normal memory, and Rust uses only Normal memory.

use core::arch::global_asm;

// These functions replace those in `compiler_builtins`, which are weak symbols. r0 stays unchanged, because memcpy and
// memset return it. The ABI allows a function to change r3 and ip.
global_asm!(
    ".section .text.amp_memcpy, \"ax\", %progbits",
    ".global memcpy, __aeabi_memcpy, __aeabi_memcpy4, __aeabi_memcpy8",
    ".type memcpy, %function",
    ".type __aeabi_memcpy, %function",
    ".type __aeabi_memcpy4, %function",
    ".type __aeabi_memcpy8, %function",
    ".thumb_func",
    "memcpy: __aeabi_memcpy: __aeabi_memcpy4: __aeabi_memcpy8:",
    "mov ip, r0",
    "2: subs r2, #4",
    "blo 3f",
    "ldr r3, [r1], #4",
    "str r3, [ip], #4",
    "b 2b",
    "3: adds r2, #4",
    "beq 5f",
    "4: ldrb r3, [r1], #1",
    "strb r3, [ip], #1",
    "subs r2, #1",
    "bne 4b",
    "5: bx lr",
);

// __aeabi_memset takes the length before the value, and memset takes it after the value.
global_asm!(
    ".section .text.amp_memset, \"ax\", %progbits",
    ".global memset, __aeabi_memset, __aeabi_memset4, __aeabi_memset8",
    ".global __aeabi_memclr, __aeabi_memclr4, __aeabi_memclr8",
    ".type memset, %function",
    ".type __aeabi_memset, %function",
    ".type __aeabi_memset4, %function",
    ".type __aeabi_memset8, %function",
    ".type __aeabi_memclr, %function",
    ".type __aeabi_memclr4, %function",
    ".type __aeabi_memclr8, %function",
    ".thumb_func",
    "memset:",
    "mov r3, r1",
    "mov r1, r2",
    "mov r2, r3",
    "b 2f",
    ".thumb_func",
    "__aeabi_memclr: __aeabi_memclr4: __aeabi_memclr8:",
    "movs r2, #0",
    ".thumb_func",
    "__aeabi_memset: __aeabi_memset4: __aeabi_memset8:",
    "2: uxtb r2, r2",
    "orr r2, r2, r2, lsl #8",
    "orr r2, r2, r2, lsl #16",
    "mov ip, r0",
    "3: subs r1, #4",
    "blo 4f",
    "str r2, [ip], #4",
    "b 3b",
    "4: adds r1, #4",
    "beq 6f",
    "5: strb r2, [ip], #1",
    "subs r1, #1",
    "bne 5b",
    "6: bx lr",
);
