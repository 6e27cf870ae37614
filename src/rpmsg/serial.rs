// SPDX-License-Identifier: Apache-2.0
//! Numbers that are unique within the process, so that a token from one link is never accepted by another link.

/// Returns the next number. The bits of the count are reversed, so that the first numbers differ only in their upper
/// bits.
#[cold]
#[inline(never)]
pub fn next() -> u32 {
    last().wrapping_add(1).reverse_bits()
}

#[cfg(target_has_atomic = "32")]
fn last() -> u32 {
    use core::sync::atomic::{AtomicU32, Ordering};

    static LAST: AtomicU32 = AtomicU32::new(0);
    // Relaxed: only the number itself matters, and it publishes no other data.
    LAST.fetch_add(1, Ordering::Relaxed)
}

/// Increments the count with interrupts masked, for processors without atomic exchange, such as the Cortex-M0.
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
