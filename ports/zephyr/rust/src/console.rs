//! Zephyr's console as something to write to. Knows nothing of what is printed.

use core::fmt;

use crate::sys;

/// Writes by `printk`: to Zephyr's console, from any thread. Never fails.
///
/// ```no_run
/// use core::fmt::Write;
///
/// use amp_ivshmem_zephyr_rust::Console;
///
/// let _ = writeln!(Console, "hello");
/// ```
#[derive(Clone, Copy, Debug, Default)]
pub struct Console;

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        sys::print(text);
        Ok(())
    }
}
