// SPDX-License-Identifier: Apache-2.0
//! Cortex-M: the shared memory follows the memory that the linker uses.

use amp_ivshmem::mem::Region;
use cortex_m_rt::{ExceptionFrame, entry, exception};
use semihosting::{eprintln, process};

use crate::image::{SIZE, address, expect};

unsafe extern "C" {
    /// The end of the linker's memory, set by the script of cortex-m-rt. `build.rs` leaves [`SIZE`] bytes after it.
    static _stack_start: u8;
}

/// The configuration and control register's bit that makes every unaligned access fault.
#[cfg(trap_unaligned)]
const UNALIGN_TRP: u32 = 1 << 3;

#[entry]
fn main() -> ! {
    // This is an image for Armv8-M Baseline on a Mainline CPU. The setting makes the CPU as strict as a Baseline CPU.
    #[cfg(trap_unaligned)]
    // SAFETY: nothing else uses the register, and this only makes accesses fault that the target's code does not make.
    unsafe {
        (*cortex_m::peripheral::SCB::PTR).ccr.modify(|ccr| ccr | UNALIGN_TRP);
    }
    let shared = address((&raw const _stack_start).addr());
    // SAFETY: these are 4 KiB of the machine's memory that the linker does not use, at a multiple of 4 KiB.
    expect(&unsafe { Region::new(shared, SIZE) }, "normal memory");
    // SAFETY: likewise.
    expect(&unsafe { Region::new_device(shared, SIZE) }, "device memory");
    process::exit(0)
}

#[exception]
unsafe fn HardFault(frame: &ExceptionFrame) -> ! {
    eprintln!("fault at {:#x}", frame.pc());
    process::exit(1)
}
