// SPDX-License-Identifier: Apache-2.0
//! Cortex-M: the shared memory follows the RAM that the linker uses.

use amp_ivshmem::mem::Region;
use cortex_m_rt::{ExceptionFrame, entry, exception};
use semihosting::{eprintln, process};

use crate::image::{SIZE, address, expect};

unsafe extern "C" {
    /// End of the RAM that the linker uses. `cortex-m-rt`'s linker script defines this symbol. `build.rs` reserves
    /// [`SIZE`] bytes after the symbol's address.
    static _stack_start: u8;
}

/// The bit in the configuration and control register that makes every unaligned access fault.
#[cfg(trap_unaligned)]
const UNALIGN_TRP: u32 = 1 << 3;

#[entry]
fn main() -> ! {
    // QEMU runs the image for Armv8-M Baseline on a Mainline CPU. This bit makes the CPU as strict as a Baseline CPU.
    #[cfg(trap_unaligned)]
    // SAFETY: nothing else uses the register. The bit affects only unaligned accesses, which the code for this target
    // does not contain.
    unsafe {
        (*cortex_m::peripheral::SCB::PTR).ccr.modify(|ccr| ccr | UNALIGN_TRP);
    }
    let shared = address((&raw const _stack_start).addr());
    // SAFETY: this 4 KiB block of RAM is 4 KiB aligned, and the linker does not use it.
    expect(&unsafe { Region::new(shared, SIZE) }, "normal memory");
    // SAFETY: this is the same block, and the first `Region` no longer exists.
    expect(&unsafe { Region::new_device(shared, SIZE) }, "device memory");
    process::exit(0)
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    eprintln!("fault at {:#x}", frame.pc());
    process::exit(1)
}
