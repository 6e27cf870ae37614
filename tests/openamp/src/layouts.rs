//! The layouts that the test goes through, one after the other in one memory; the C side's are in
//! `tests/zephyr/openamp/src/layouts.c`. Knows where things are, nothing of links.

use amp_ivshmem::link::openamp::Layout;
use amp_ivshmem::mem::{Bytes, Load, MemoryError, Record, SharedMemory, Store};
use amp_ivshmem::wire::resource_table::{ANY, BadTable, FEATURE_NAME_SERVICE, LENGTH, Vdev};

use crate::Plan;

/// How many there are.
pub const COUNT: u32 = 6;
/// The most descriptors of a vring of any.
pub const DESCRIPTORS: usize = 32;

/// Where the resource table is, of no layout's things before it.
const TABLE: u32 = 0x9_0000;
/// Bytes that are looked at for a table: C's has an entry more.
const TABLE_ROOM: usize = 256;
/// What the resource table's addresses call the memory's first byte.
const DEVICE_ADDRESS: u32 = 0x2000_0000;
const TABLE_VRINGS: [u32; 2] = [DEVICE_ADDRESS + 0x1000, DEVICE_ADDRESS + 0x2000];
const TABLE_BUFFERS: u32 = 0x4000;

/// What is said in layout `number`.
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

/// Where everything is in layout `number` of those without a table; none for a memory that is too small.
#[must_use]
pub const fn layout(number: u32, memory: u32) -> Option<Layout> {
    match number {
        0 => Layout::dual_qemu_ivshmem(memory),
        1 => Layout::rpmsg_service(memory),
        // 32 descriptors.
        2 => Layout::static_vrings(0x1_0000, 512, 4),
        // As a legacy virtio-mmio device has them, with buffers of two sizes.
        3 => Some(Layout::empty(0, 0x1_0000, 0x1_4000, 32, 4096).with_buffers(0x4_0000, 1024, 2048)),
        // As Linux aligns them; each direction's buffers in a place of their own.
        4 => {
            let layout = Layout::empty(0, 0x1000, 0x2000, 8, 16).with_buffers(0x4000, 512, 512);
            Some(Layout { to_remote_buffers: 0x6_0000, ..layout })
        }
        _ => None,
    }
}

/// Publishes a remote's table, in which it names its vrings' places.
///
/// # Errors
/// A memory that is too small.
pub fn publish<M: SharedMemory>(memory: &M) -> Result<(), MemoryError> {
    let table = Vdev::new(TABLE_VRINGS, 16, 16).table();
    let (version, rest) = table.split_at(4);
    Bytes::new(memory, TABLE, LENGTH as u32)?.write(4, rest)?;
    // Last, because it says that there is a table.
    let version = version.try_into().map_or(0, u32::from_le_bytes);
    Record::<M, 4>::new(memory, TABLE)?.store::<0>(version, Store::Release);
    Ok(())
}

/// The rpmsg device in the table that is there.
///
/// # Errors
/// No table, or none that can be used.
pub fn published<M: SharedMemory>(memory: &M) -> Result<Vdev, BadTable> {
    let mut table = [0; TABLE_ROOM];
    let version = Record::<M, 4>::new(memory, TABLE).map_or(0, |record| record.load::<0>(Load::Acquire));
    if let (true, Ok(bytes)) = (version != 0, Bytes::new(memory, TABLE, TABLE_ROOM as u32)) {
        let _ = bytes.read(0, &mut table);
    }
    Vdev::find(&table)
}

/// A host's answer to a table that leaves the places to it: it fills them in, and accepts what is offered.
///
/// # Errors
/// A memory that is too small.
pub fn accept<M: SharedMemory>(memory: &M, vdev: Vdev) -> Result<Vdev, MemoryError> {
    let mut vdev = Vdev { guest_features: vdev.device_features & FEATURE_NAME_SERVICE, ..vdev };
    for (vring, address) in vdev.vrings.iter_mut().zip(TABLE_VRINGS).filter(|(vring, _)| vring.address == ANY) {
        vring.address = address;
    }
    // The entry alone, where the remote has it; of the table's others nothing is this side's.
    let table = vdev.table();
    let entry = table.get(Vdev::new([0; 2], 0, 0).offset as usize..).unwrap_or_default();
    Bytes::new(memory, TABLE + vdev.offset, entry.len() as u32)?.write(0, entry)?;
    Ok(vdev)
}

/// Where everything is according to a table.
///
/// # Errors
/// Vrings that are not in the memory.
pub fn tabled(vdev: &Vdev) -> Result<Layout, BadTable> {
    Ok(vdev.layout(TABLE, DEVICE_ADDRESS)?.with_buffers(TABLE_BUFFERS, 512, 512))
}
