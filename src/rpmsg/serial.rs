// SPDX-License-Identifier: Apache-2.0
//! Numbers that a process gives out only once, so that a token of one link is never mistaken for a token of another.

/// Returns the next number. The first numbers differ in their upper bits only, because the bits are counted from the top.
#[cold]
#[inline(never)]
pub fn next() -> u32 {
    last().wrapping_add(1).reverse_bits()
}

#[cfg(target_has_atomic = "32")]
fn last() -> u32 {
    use core::sync::atomic::{AtomicU32, Ordering};

    static LAST: AtomicU32 = AtomicU32::new(0);
    // Relaxed: only the number matters, and no memory is published with it.
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// Draws the number with interrupts masked, for a processor without atomic exchange such as Cortex-M0.
#[cfg(not(target_has_atomic = "32"))]
fn last() -> u32 {
    use core::cell::Cell;
    use critical_section::Mutex;

    static LAST: Mutex<Cell<u32>> = Mutex::new(Cell::new(0));
    critical_section::with(|token| {
        let last = LAST.borrow(token);
        last.replace(last.get().wrapping_add(1))
    })
}
