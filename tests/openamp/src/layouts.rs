// SPDX-License-Identifier: Apache-2.0
//! The test's layouts. The test uses the layouts one after the other in the same memory. The C side defines them in
//! `tests/zephyr/openamp/src/layouts.c`. This file contains only offsets and does not depend on any link.

use amp_ivshmem::mem::{Bytes, Load, MemoryError, Record, SharedMemory, Store};
use amp_ivshmem::openamp::Layout;
use amp_ivshmem::wire::resource_table::{ANY, BadTable, FEATURE_NAME_SERVICE, LENGTH, Vdev};

use crate::Plan;

/// Number of layouts.
pub const COUNT: u32 = 6;
/// Maximum number of descriptors per vring in any layout.
pub const DESCRIPTORS: usize = 32;

/// Offset of the resource table, in a region that no other layout uses.
const TABLE: u32 = 0x9_0000;
/// Number of bytes to search for a table. This is enough for C's table, which has one entry more than this side's
/// table.
const TABLE_ROOM: usize = 256;
/// Address that the resource table uses for the first byte of the memory.
const DEVICE_ADDRESS: u32 = 0x2000_0000;
const TABLE_VRINGS: [u32; 2] = [DEVICE_ADDRESS + 0x1000, DEVICE_ADDRESS + 0x2000];
const TABLE_BUFFERS: u32 = 0x4000;

/// Returns the traffic for layout `number`.
#[must_use]
pub const fn plan(number: u32) -> Plan {
    let layout = match number {
        0 => "dual-qemu-ivshmem",
        1 => "rpmsg-service",
        2 => "static-vrings",
        3 => "pages",
        4 => "split-pool",
        _ => "resource-table",
    };
    Plan { layout, messages: 10_000, bounces: 20 }
}

/// Returns layout `number`, or `None` if the layout has a table or the memory is too small.
#[must_use]
pub const fn layout(number: u32, memory: u32) -> Option<Layout> {
    match number {
        0 => Layout::dual_qemu_ivshmem(memory),
        1 => Layout::rpmsg_service(memory),
        // This layout has 32 descriptors per vring.
        2 => Layout::static_vrings(0x1_0000, 512, 4),
        // Matches a legacy virtio-mmio device, with buffers of two sizes.
        3 => Some(Layout::empty(0, 0x1_0000, 0x1_4000, 32, 4096).with_buffers(0x4_0000, 1024, 2048)),
        // Uses Linux's alignment, and separate buffers for each direction.
        4 => {
            let layout = Layout::empty(0, 0x1000, 0x2000, 8, 16).with_buffers(0x4000, 512, 512);
            Some(Layout { to_remote_buffers: 0x6_0000, ..layout })
        }
        _ => None,
    }
}

/// Publishes the remote's resource table, which contains the addresses of the remote's vrings.
///
/// # Errors
/// Returns an error if the memory is too small.
pub fn publish<M: SharedMemory>(memory: &M) -> Result<(), MemoryError> {
    let table = Vdev::new(TABLE_VRINGS, 16, 16).table();
    let (version, rest) = table.split_at(4);
    Bytes::new(memory, TABLE, LENGTH as u32)?.write(4, rest)?;
    // Write the version last, because it marks the table as present.
    let version = version.try_into().map_or(0, u32::from_le_bytes);
    Record::<M, 4>::new(memory, TABLE)?.store::<0>(version, Store::Release);
    Ok(())
}

/// Returns the rpmsg device described by the published table.
///
/// # Errors
/// Returns an error if the table is missing or unusable.
pub fn published<M: SharedMemory>(memory: &M) -> Result<Vdev, BadTable> {
    let mut table = [0; TABLE_ROOM];
    let version = Record::<M, 4>::new(memory, TABLE).map_or(0, |record| record.load::<0>(Load::Acquire));
    if let (true, Ok(bytes)) = (version != 0, Bytes::new(memory, TABLE, TABLE_ROOM as u32)) {
        let _ = bytes.read(0, &mut table);
    }
    Vdev::find(&table)
}

/// Completes the remote's table on the host: writes the vring addresses, and accepts the offered features.
///
/// # Errors
/// Returns an error if the memory is too small.
pub fn accept<M: SharedMemory>(memory: &M, vdev: Vdev) -> Result<Vdev, MemoryError> {
    let mut vdev = Vdev { guest_features: vdev.device_features & FEATURE_NAME_SERVICE, ..vdev };
    for (vring, address) in vdev.vrings.iter_mut().zip(TABLE_VRINGS).filter(|(vring, _)| vring.address == ANY) {
        vring.address = address;
    }
    // Write only this entry, at the remote's offset. The other entries do not belong to the host.
    let table = vdev.table();
    let entry = table.get(Vdev::new([0; 2], 0, 0).offset as usize..).unwrap_or_default();
    Bytes::new(memory, TABLE + vdev.offset, entry.len() as u32)?.write(0, entry)?;
    Ok(vdev)
}

/// Returns the layout described by a table.
///
/// # Errors
/// Returns an error if a vring is outside the memory.
pub fn tabled(vdev: &Vdev) -> Result<Layout, BadTable> {
    Ok(vdev.layout(TABLE, DEVICE_ADDRESS)?.with_buffers(TABLE_BUFFERS, 512, 512))
}
