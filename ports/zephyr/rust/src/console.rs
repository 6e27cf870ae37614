// SPDX-License-Identifier: Apache-2.0
//! A writer for Zephyr's console.

use core::fmt;

use crate::sys;

/// Writes to Zephyr's console with `printk`. Any thread can use it, and writing never fails.
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
