// SPDX-License-Identifier: Apache-2.0
//! AArch64 on QEMU's `virt`, with a CPU that makes every unaligned access fault, as Device memory does.
//!
//! QEMU 10.0.2 does not look at the memory type for that, only at the CPU's setting. So the setting is on while Device memory
//! is copied, and the image is for the target that has no unaligned accesses of its own. At the end it makes a copy for
//! Normal memory and expects the fault: otherwise a wrong access before would not have been seen.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

use aarch64_paging::descriptor::El1Attributes as Attributes;
use aarch64_paging::mair::{Mair, MairAttribute, NormalMemory};
use aarch64_rt::{ExceptionHandlers, InitialPagetable, RegisterStateRef, entry, exception_handlers, initial_pagetable};
use amp_ivshmem::mem::{Bytes, Region};
use semihosting::{eprintln, println, process};

use crate::image::{SIZE, address, expect};

const GIB: usize = 1 << 30;
/// The start of the machine's memory.
const RAM: usize = GIB;
/// The second mapping of it, as Device memory.
const DEVICE_RAM: usize = 2 * GIB;
/// The offsets of the memory that is copied, Normal and Device. The image has the first 4 MiB.
const NORMAL_AT: usize = 16 << 20;
const DEVICE_AT: usize = 32 << 20;

/// True if the next fault is expected.
static EXPECTED: AtomicBool = AtomicBool::new(false);

entry!(main);
fn main(_: u64, _: u64, _: u64, _: u64) -> ! {
    // SAFETY: mapped as Normal memory; neither the linker nor QEMU put anything there.
    expect(&unsafe { Region::new(address(RAM + NORMAL_AT), SIZE) }, "normal memory");
    trap_unaligned();
    // SAFETY: mapped as Device memory, and accessed by no other mapping; likewise.
    expect(&unsafe { Region::new_device(address(DEVICE_RAM + DEVICE_AT), SIZE) }, "device memory");
    EXPECTED.store(true, Ordering::Relaxed);
    // SAFETY: not as Normal memory, as `new` asks for: this is to fault, and nothing comes after it.
    let wrong = unsafe { Region::new(address(DEVICE_RAM + DEVICE_AT), SIZE) };
    let written = Bytes::new(&wrong, 0, SIZE).and_then(|bytes| bytes.write(1, &[0; 64]));
    eprintln!("an unaligned copy does not fault: {written:?}");
    process::exit(1)
}

/// Makes every unaligned access fault from here on (`SCTLR_EL1.A`).
fn trap_unaligned() {
    // SAFETY: sets one bit, which only makes accesses fault that this target does not have.
    unsafe {
        asm!(
            "mrs {control}, sctlr_el1",
            "orr {control}, {control}, #2",
            "msr sctlr_el1, {control}",
            "isb",
            control = out(reg) _,
            options(nostack, preserves_flags)
        );
    }
}

struct Handlers;

exception_handlers!(Handlers);

impl ExceptionHandlers for Handlers {
    extern "C" fn sync_current(state: RegisterStateRef) {
        let syndrome: u64;
        // SAFETY: reads a register.
        unsafe { asm!("mrs {}, esr_el1", out(reg) syndrome, options(nomem, nostack, preserves_flags)) };
        // A data abort at this exception level, by an alignment fault.
        let alignment = syndrome >> 26 == 0x25 && syndrome & 0x3f == 0x21;
        if alignment && EXPECTED.load(Ordering::Relaxed) {
            println!("an unaligned copy faults");
            process::exit(0)
        }
        eprintln!("fault at {:#x}, ESR {syndrome:#x}", state.elr);
        process::exit(1)
    }
}

const MAIR: Mair = Mair::EMPTY.with_attribute(0, MairAttribute::DEVICE_NGNRE).with_attribute(
    1,
    MairAttribute::normal(
        NormalMemory::WriteBackNonTransientReadWriteAllocate,
        NormalMemory::WriteBackNonTransientReadWriteAllocate,
    ),
);

const DEVICE: Attributes = Attributes::VALID
    .union(Attributes::ATTRIBUTE_INDEX_0)
    .union(Attributes::ACCESSED)
    .union(Attributes::UXN)
    .union(Attributes::PXN);
const NORMAL: Attributes = Attributes::VALID
    .union(Attributes::ATTRIBUTE_INDEX_1)
    .union(Attributes::INNER_SHAREABLE)
    .union(Attributes::ACCESSED)
    .union(Attributes::UXN);

initial_pagetable!(
    {
        let mut table = [0; 512];
        table[RAM / GIB] = NORMAL.bits() | RAM;
        table[DEVICE_RAM / GIB] = DEVICE.bits() | RAM;
        InitialPagetable(table)
    },
    MAIR.0
);
