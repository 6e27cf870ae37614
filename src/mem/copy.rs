//! Copying between private and shared memory, by the widest loads and stores that suit the architecture.
//!
//! A peer may write the shared side meanwhile. In Rust's model that would be a data race if the compiler saw the
//! accesses; it does not see into the assembly, so it can neither assume that two reads agree nor invent further ones.

/// Copies `len` bytes that do not overlap. Neither side needs any alignment, but both are faster at multiples of 8.
///
/// # Safety
/// Both ranges are mapped, and the private one is not accessed by anyone else.
#[cfg(all(target_arch = "x86_64", not(miri)))]
#[inline(always)]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // SAFETY: the caller's promise; the direction flag is clear by the ABI.
    unsafe {
        core::arch::asm!(
            "rep movsb",
            inout("rsi") from => _, inout("rdi") to => _, inout("rcx") len => _,
            options(nostack, preserves_flags)
        );
    }
}

/// Copies `len` bytes that do not overlap. Neither side needs any alignment, but both are faster at multiples of 8.
///
/// # Safety
/// Both ranges are mapped, and the private one is not accessed by anyone else.
#[cfg(all(target_arch = "aarch64", not(miri)))]
#[inline(never)]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // After the loop the count is 16 too small, which leaves its low four bits, the bytes still to copy, as they were.
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!(
            "2: subs {n}, {n}, #16",
            "b.lo 3f",
            "ldp {a}, {b}, [{from}], #16",
            "stp {a}, {b}, [{to}], #16",
            "b 2b",
            "3: tbz {n}, #3, 4f",
            "ldr {a}, [{from}], #8",
            "str {a}, [{to}], #8",
            "4: tbz {n}, #2, 5f",
            "ldr {a:w}, [{from}], #4",
            "str {a:w}, [{to}], #4",
            "5: tbz {n}, #1, 6f",
            "ldrh {a:w}, [{from}], #2",
            "strh {a:w}, [{to}], #2",
            "6: tbz {n}, #0, 7f",
            "ldrb {a:w}, [{from}]",
            "strb {a:w}, [{to}]",
            "7:",
            from = inout(reg) from => _, to = inout(reg) to => _, n = inout(reg) len => _,
            a = out(reg) _, b = out(reg) _,
            options(nostack)
        );
    }
}

/// Copies `len` bytes that do not overlap. Neither side needs any alignment, but both are faster at multiples of 4.
///
/// # Safety
/// Both ranges are mapped, and the private one is not accessed by anyone else.
#[cfg(all(target_arch = "arm", target_feature = "v7", not(miri)))]
#[inline(never)]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    // Single loads, not `ldm`: those fault on unaligned addresses, these do not. The count as on AArch64.
    // SAFETY: the caller's promise.
    unsafe {
        core::arch::asm!(
            "2: subs {n}, {n}, #16",
            "blo 3f",
            "ldr {a}, [{from}], #4",
            "ldr {b}, [{from}], #4",
            "str {a}, [{to}], #4",
            "str {b}, [{to}], #4",
            "ldr {a}, [{from}], #4",
            "ldr {b}, [{from}], #4",
            "str {a}, [{to}], #4",
            "str {b}, [{to}], #4",
            "b 2b",
            "3: tst {n}, #8",
            "beq 4f",
            "ldr {a}, [{from}], #4",
            "ldr {b}, [{from}], #4",
            "str {a}, [{to}], #4",
            "str {b}, [{to}], #4",
            "4: tst {n}, #4",
            "beq 5f",
            "ldr {a}, [{from}], #4",
            "str {a}, [{to}], #4",
            "5: tst {n}, #2",
            "beq 6f",
            "ldrh {a}, [{from}], #2",
            "strh {a}, [{to}], #2",
            "6: tst {n}, #1",
            "beq 7f",
            "ldrb {a}, [{from}]",
            "strb {a}, [{to}]",
            "7:",
            from = inout(reg) from => _, to = inout(reg) to => _, n = inout(reg) len => _,
            a = out(reg) _, b = out(reg) _,
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
    not(any(target_arch = "x86_64", target_arch = "aarch64", all(target_arch = "arm", target_feature = "v7")))
))]
pub unsafe fn copy(from: *const u8, to: *mut u8, len: usize) {
    for i in 0..len {
        // SAFETY: inside, by the caller's promise.
        let byte = unsafe { from.wrapping_add(i).read_volatile() };
        // SAFETY: likewise.
        unsafe { to.wrapping_add(i).write_volatile(byte) };
    }
}
