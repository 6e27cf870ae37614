// SPDX-License-Identifier: Apache-2.0
//! Device addresses on `virt`, and the page table that maps them. The page table is active before any Rust code runs.
//!
//! Source: QEMU's `virt` with the default `highmem=on`. The devices at `GICC` and `V2M` depend on the version of the
//! interrupt controller.
//!
//! | virtual | physical | as | what |
//! |---|---|---|---|
//! | 0 – 1 GiB | same | Device | UART, interrupt controller, PCI's 32-bit window |
//! | 1 – 2 GiB | same | Normal, write-back | RAM |
//! | 2 – 3 GiB | 512 – 513 GiB | Normal, write-back, no execution | PCI's 64-bit window: the shared memory |
//! | 256 – 257 GiB | same | Device | PCI's configuration space |
//!
//! The page table consists of four constant 1 GiB blocks. Virtual addresses have 39 bits. PCI's 64-bit window begins at
//! bit 39, so it cannot be identity-mapped.

use core::ptr::{NonNull, without_provenance_mut};

use aarch64_paging::descriptor::El1Attributes as Attributes;
use aarch64_paging::mair::{Mair, MairAttribute, NormalMemory};
use aarch64_rt::{InitialPagetable, initial_pagetable};
use amp_ivshmem::ivshmem::pci::{Window, Windows};

/// Address of the interrupt controller's distributor.
pub const GICD: usize = 0x0800_0000;
/// Address of the interrupt controller's CPU interface.
pub const GICC: usize = 0x0801_0000;
/// Address of the GICv2m frame, which turns MSI writes from PCI devices into interrupts.
pub const V2M: usize = 0x0802_0000;
/// Address of the console's UART.
pub const UART: usize = 0x0900_0000;
/// Address of the PCI configuration space, which covers 256 buses.
pub const ECAM: usize = 0x40_1000_0000;
/// Size of the configuration space in bytes.
pub const ECAM_SIZE: usize = 256 << 20;

const NARROW: u64 = 0x1000_0000;
const NARROW_SIZE: u64 = 0x2eff_0000;
const WIDE: u64 = 0x80_0000_0000;
const WIDE_AT: u64 = 0x8000_0000;
const GIB: u64 = 1 << 30;

/// Returns the mapped parts of the PCI windows. For the 64-bit window, 1 GiB is enough for the shared memory.
pub const fn pci_windows() -> Windows {
    Windows { narrow: Window::new(NARROW, NARROW_SIZE), wide: Window::new(WIDE, GIB) }
}

/// Returns a pointer to the device at the fixed `address`.
pub const fn device<T>(address: usize) -> NonNull<T> {
    match NonNull::new(without_provenance_mut(address)) {
        Some(pointer) => pointer,
        None => NonNull::dangling(),
    }
}

/// Returns a pointer to `address` in PCI's 32-bit window, which is identity-mapped.
pub const fn narrow<T>(address: u64) -> NonNull<T> {
    device(address as usize)
}

/// Returns a pointer to `address` in PCI's 64-bit window.
pub const fn wide<T>(address: u64) -> NonNull<T> {
    device((address - WIDE + WIDE_AT) as usize)
}

const MAIR: Mair = Mair::EMPTY.with_attribute(0, MairAttribute::DEVICE_NGNRE).with_attribute(
    1,
    MairAttribute::normal(
        NormalMemory::WriteBackNonTransientReadWriteAllocate,
        NormalMemory::WriteBackNonTransientReadWriteAllocate,
    ),
);

const NO_EXECUTION: Attributes = Attributes::UXN.union(Attributes::PXN);
const DEVICE: Attributes =
    Attributes::VALID.union(Attributes::ATTRIBUTE_INDEX_0).union(Attributes::ACCESSED).union(NO_EXECUTION);
const NORMAL: Attributes = Attributes::VALID
    .union(Attributes::ATTRIBUTE_INDEX_1)
    .union(Attributes::INNER_SHAREABLE)
    .union(Attributes::ACCESSED)
    .union(Attributes::UXN);

const fn block(attributes: Attributes, physical: u64) -> usize {
    attributes.bits() | physical as usize
}

initial_pagetable!(
    {
        let mut table = [0; 512];
        table[0] = block(DEVICE, 0);
        table[1] = block(NORMAL, GIB);
        table[(WIDE_AT / GIB) as usize] = block(NORMAL.union(NO_EXECUTION), WIDE);
        table[ECAM / GIB as usize] = block(DEVICE, ECAM as u64 & !(GIB - 1));
        InitialPagetable(table)
    },
    MAIR.0
);
