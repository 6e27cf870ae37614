// SPDX-License-Identifier: Apache-2.0
//! Numbers that the process gives out once, so that a token of one link is never taken for one of another.

/// Returns the next number. The first ones differ in their upper bits only: bits are counted from above.
#[cold]
#[inline(never)]
pub fn next() -> u32 {
    last().wrapping_add(1).reverse_bits()
}

#[cfg(target_has_atomic = "32")]
fn last() -> u32 {
    use core::sync::atomic::{AtomicU32, Ordering};

    static LAST: AtomicU32 = AtomicU32::new(0);
    // Relaxed: the number alone matters, and no memory is published with it.
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// On a processor without atomic exchange, such as Cortex-M0, the number is drawn with interrupts masked.
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
