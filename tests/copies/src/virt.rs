// SPDX-License-Identifier: Apache-2.0
//! AArch64 on QEMU's `virt`, with a CPU that makes every unaligned access fault, as Device memory does.
//!
//! For this, QEMU 10.0.2 looks only at the CPU's setting and not at the memory type. So the setting is on while Device
//! memory is copied, and the image is built for the target whose code makes no unaligned accesses. At the end the image
//! makes a copy for Normal memory and expects the fault. Without that fault, an earlier wrong access would not have
//! been noticed.

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
/// The second mapping of the memory, as Device memory.
const DEVICE_RAM: usize = 2 * GIB;
/// The offsets of the memory that is copied, Normal and Device. The image occupies the first 4 MiB.
const NORMAL_AT: usize = 16 << 20;
const DEVICE_AT: usize = 32 << 20;

/// True if the next fault is expected.
static EXPECTED: AtomicBool = AtomicBool::new(false);

entry!(main);
fn main(_: u64, _: u64, _: u64, _: u64) -> ! {
    // SAFETY: the memory is mapped as Normal memory; neither the linker nor QEMU puts anything there.
    expect(&unsafe { Region::new(address(RAM + NORMAL_AT), SIZE) }, "normal memory");
    trap_unaligned();
    // SAFETY: the memory is mapped as Device memory, and is accessed through no other mapping; otherwise as above.
    expect(&unsafe { Region::new_device(address(DEVICE_RAM + DEVICE_AT), SIZE) }, "device memory");
    EXPECTED.store(true, Ordering::Relaxed);
    // SAFETY: this is not Normal memory, as `new` requires, but the access is meant to fault, and nothing follows it.
    let wrong = unsafe { Region::new(address(DEVICE_RAM + DEVICE_AT), SIZE) };
    let written = Bytes::new(&wrong, 0, SIZE).and_then(|bytes| bytes.write(1, &[0; 64]));
    eprintln!("an unaligned copy does not fault: {written:?}");
    process::exit(1)
}

/// Makes every unaligned access fault from here on (`SCTLR_EL1.A`).
fn trap_unaligned() {
    // SAFETY: sets one bit, which only makes accesses fault that this target's code does not make.
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
        // This is a data abort at this exception level, caused by an alignment fault.
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
