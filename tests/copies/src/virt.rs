// SPDX-License-Identifier: Apache-2.0
//! AArch64 on QEMU's `virt`. The CPU faults on every unaligned access, as real CPUs do for Device memory.
//!
//! QEMU 10.0.2 checks only the CPU setting (`SCTLR_EL1.A`), not the memory type. The image therefore enables the
//! setting while it copies Device memory, and is built for a target whose code makes no unaligned accesses.
//!
//! At the end, the image makes an unaligned copy that is valid only in Normal memory, and expects a fault. If this copy
//! does not fault, the check would not have detected earlier unaligned accesses either.

use core::arch::asm;
use core::sync::atomic::{AtomicBool, Ordering};

use aarch64_paging::descriptor::El1Attributes as Attributes;
use aarch64_paging::mair::{Mair, MairAttribute, NormalMemory};
use aarch64_rt::{ExceptionHandlers, InitialPagetable, RegisterStateRef, entry, exception_handlers, initial_pagetable};
use amp_ivshmem::mem::{Bytes, Region};
use semihosting::{eprintln, println, process};

use crate::image::{SIZE, address, expect};

const GIB: usize = 1 << 30;
/// Start of RAM.
const RAM: usize = GIB;
/// Start of the second mapping of RAM, which is Device memory.
const DEVICE_RAM: usize = 2 * GIB;
/// Offsets in RAM of the area for copies in Normal memory and of the area for copies in Device memory. The image
/// occupies the first 4 MiB.
const NORMAL_AT: usize = 16 << 20;
const DEVICE_AT: usize = 32 << 20;

/// True if the next fault is expected.
static EXPECTED: AtomicBool = AtomicBool::new(false);

entry!(main);
fn main(_: u64, _: u64, _: u64, _: u64) -> ! {
    // SAFETY: the memory is mapped as Normal memory. Neither the linker nor QEMU places anything there.
    expect(&unsafe { Region::new(address(RAM + NORMAL_AT), SIZE) }, "normal memory");
    trap_unaligned();
    // SAFETY: the memory is mapped as Device memory and is not accessed through any other mapping. Neither the linker
    // nor QEMU places anything there.
    expect(&unsafe { Region::new_device(address(DEVICE_RAM + DEVICE_AT), SIZE) }, "device memory");
    EXPECTED.store(true, Ordering::Relaxed);
    // SAFETY: `new` requires Normal memory, and this is Device memory. However, the access is meant to fault, and no
    // other access follows it.
    let wrong = unsafe { Region::new(address(DEVICE_RAM + DEVICE_AT), SIZE) };
    let written = Bytes::new(&wrong, 0, SIZE).and_then(|bytes| bytes.write(1, &[0; 64]));
    eprintln!("an unaligned copy does not fault: {written:?}");
    process::exit(1)
}

/// Makes every unaligned access fault from now on (`SCTLR_EL1.A`).
fn trap_unaligned() {
    // SAFETY: sets one bit, which affects only unaligned accesses. The code for this target does not contain any.
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
        // SAFETY: only reads a register.
        unsafe { asm!("mrs {}, esr_el1", out(reg) syndrome, options(nomem, nostack, preserves_flags)) };
        // True for a data abort that an alignment fault causes at the current exception level.
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
