// SPDX-License-Identifier: Apache-2.0
//! The layout of the four registers, which is the same on PCI (at the start of BAR0) and on the flat device.

use safe_mmio::fields::{ReadPure, ReadPureWrite, ReadWrite, WriteOnly};

/// ivshmem's register block: four 32-bit little-endian registers. Each access is aligned and covers a whole register.
///
/// Source: QEMU, "Inter-VM Shared Memory device" (ivshmem-spec), section "PCI device interface and registers".
#[repr(C)]
pub struct Registers {
    /// 0x0 INTRMASK. Writable, but has no effect in revision 1. Reads as 0 on a flat device.
    pub intrmask: ReadPureWrite<u32>,
    /// 0x4 INTRSTATUS. Has no effect in revision 1. Reading clears it. Reads as 0 on a flat device.
    pub intrstatus: ReadWrite<u32>,
    /// 0x8 IVPOSITION. This machine's peer id, 0 to 65535. Reads as 0 on a device without a doorbell.
    pub ivposition: ReadPure<u32>,
    /// 0xC DOORBELL. Bits 31 to 16: the peer to interrupt. Bits 15 to 0: the vector.
    pub doorbell: WriteOnly<u32>,
}

impl Registers {
    /// Size of the register block in bytes.
    pub const SIZE: u64 = size_of::<Self>() as u64;
}

const _: () = assert!(Registers::SIZE == 16);
