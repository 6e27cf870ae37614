// SPDX-License-Identifier: Apache-2.0
//! The resource table of remoteproc. A remote lists its vrings in the table, and a host fills in the addresses that it
//! chooses.
//!
//! This code works on a private copy of the table, never on memory that the peer writes. Source:
//! `include/linux/remoteproc.h` in Linux and `remoteproc.h` in OpenAMP. The table is little-endian, version 1. Offsets
//! and sizes are in bytes.

#[cfg(test)]
mod tests;

use zerocopy::little_endian::U32;
use zerocopy::{FromBytes, Immutable, IntoBytes, KnownLayout, Unaligned};

use super::openamp::Layout;

/// The only version that exists.
const VERSION: u32 = 1;
/// Entry type of a virtio device.
const TYPE_VDEV: u32 = 3;
/// The virtio device id of rpmsg.
pub const RPMSG: u32 = 7;
/// Any address: the host chooses an address and overwrites this value.
pub const ANY: u32 = u32::MAX;

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct Header {
    version: U32,
    count: U32,
    reserved: [U32; 2],
}

/// The fields of a vdev entry between the type and the vrings.
#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct VdevHead {
    id: U32,
    notify_id: U32,
    device_features: U32,
    guest_features: U32,
    config_length: U32,
    status: u8,
    vrings: u8,
    reserved: [u8; 2],
}

#[derive(Clone, Copy, Debug, FromBytes, IntoBytes, KnownLayout, Immutable, Unaligned)]
#[repr(C)]
struct VringEntry {
    address: U32,
    align: U32,
    count: U32,
    notify_id: U32,
    reserved: U32,
}

const HEADER: usize = size_of::<Header>();
const VDEV: usize = 4 + size_of::<VdevHead>();
const VRING: usize = size_of::<VringEntry>();
/// Size of a table with one rpmsg device: a header, one offset, the device, and two vrings.
pub const LENGTH: usize = HEADER + 4 + VDEV + 2 * VRING;

/// The reason a resource table cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadTable {
    /// The table is too short for its contents.
    #[error("the resource table has {length} bytes and ends within {what} at {offset:#x}")]
    Short {
        /// The structure that is truncated.
        what: &'static str,
        /// The offset of the truncated structure.
        offset: usize,
        /// The length of the table in bytes.
        length: usize,
    },
    /// The table has an unsupported version, or there is no table yet.
    #[error("the resource table's version is {0}, not 1: another version, or nothing was published yet")]
    Version(u32),
    /// A reserved field is not 0.
    #[error("the resource table's reserved words are not 0")]
    Reserved,
    /// The rpmsg device does not have two vrings.
    #[error("the rpmsg device has {0} vrings, not 2")]
    Vrings(u8),
    /// No entry is an rpmsg device.
    #[error("the resource table has no rpmsg device (vdev of id 7)")]
    NoRpmsg,
    /// A vring cannot be used.
    #[error(
        "vring {vring} has {count} descriptors, aligned to {align}, at {address:#x}: both vrings need the same power \
         of two of descriptors up to 32768, an alignment of a power of two of at least 4, and must be within the \
         memory from {base:#x} on"
    )]
    Vring {
        /// The number of the vring.
        vring: usize,
        /// The number of descriptors in the vring.
        count: u32,
        /// The alignment of the used ring.
        align: u32,
        /// The address of the vring, in the publisher's address space.
        address: u32,
        /// The start address of the memory, in the publisher's address space.
        base: u32,
    },
}

/// One vring in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vring {
    /// Device address (`da`), in the remote's address space, or [`ANY`].
    pub address: u32,
    /// Alignment of the used ring.
    pub align: u32,
    /// Number of descriptors.
    pub count: u32,
    /// Notification id of the vring.
    pub notify_id: u32,
}

/// An rpmsg device in the table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vdev {
    /// Offset of the device entry in the table.
    pub offset: u32,
    /// Notification id of the device.
    pub notify_id: u32,
    /// Features that the remote offers. Bit 0 is the name service.
    pub device_features: u32,
    /// Features that the host has accepted.
    pub guest_features: u32,
    /// The virtio device status, written by the host.
    pub status: u8,
    /// Vring 0 carries messages to the host, and vring 1 carries messages to the remote.
    pub vrings: [Vring; 2],
}

/// The notification id of each device that this code publishes. OpenAMP's parser requires ids to be unique across the
/// vrings and devices of a table, and less than the number of bits in an `unsigned long`.
const NOTIFY_ID: u32 = 2;

/// Feature bit 0: the name service.
pub const FEATURE_NAME_SERVICE: u32 = 1;

impl Vdev {
    /// Creates the device of a remote. The remote sets the addresses of its vrings, or leaves the choice to the host
    /// ([`ANY`]).
    #[must_use]
    pub const fn new(addresses: [u32; 2], count: u16, align: u32) -> Self {
        let [zero, one] = addresses;
        let count = count as u32;
        Self {
            // CAST: the sum is 20.
            offset: (HEADER + 4) as u32,
            notify_id: NOTIFY_ID,
            device_features: FEATURE_NAME_SERVICE,
            guest_features: 0,
            status: 0,
            vrings: [
                Vring { address: zero, align, count, notify_id: 0 },
                Vring { address: one, align, count, notify_id: 1 },
            ],
        }
    }

    /// Finds the first rpmsg device in a table. `table` is a private copy of the table.
    ///
    /// # Errors
    /// Returns a [`BadTable`] if the table is invalid or has no rpmsg device.
    pub fn find(table: &[u8]) -> Result<Self, BadTable> {
        let header: Header = read(table, 0, "its header")?;
        if header.version.get() != VERSION {
            return Err(BadTable::Version(header.version.get()));
        }
        if header.reserved != [U32::ZERO; 2] {
            return Err(BadTable::Reserved);
        }
        // If the count is too large, the loop stops at the end of the table.
        for entry in 0..header.count.get() {
            let place = (entry as usize).saturating_mul(4).saturating_add(HEADER);
            let offset: U32 = read(table, place, "its offsets")?;
            let offset = offset.get() as usize;
            let kind: U32 = read(table, offset, "an entry")?;
            if kind.get() != TYPE_VDEV {
                continue;
            }
            let vdev = Self::at(table, offset)?;
            if let Some(vdev) = vdev {
                return Ok(vdev);
            }
        }
        Err(BadTable::NoRpmsg)
    }

    /// Returns the device at `offset`, or `None` if the entry is not an rpmsg device.
    fn at(table: &[u8], offset: usize) -> Result<Option<Self>, BadTable> {
        let start = offset.saturating_add(4);
        let head: VdevHead = read(table, start, "a vdev")?;
        if head.id.get() != RPMSG {
            return Ok(None);
        }
        if head.vrings != 2 {
            return Err(BadTable::Vrings(head.vrings));
        }
        let first = start.saturating_add(size_of::<VdevHead>());
        let vring = |number: usize| -> Result<Vring, BadTable> {
            let entry: VringEntry = read(table, first.saturating_add(number.saturating_mul(VRING)), "a vring")?;
            let VringEntry { address, align, count, notify_id, .. } = entry;
            Ok(Vring { address: address.get(), align: align.get(), count: count.get(), notify_id: notify_id.get() })
        };
        let short = BadTable::Short { what: "an entry", offset, length: table.len() };
        Ok(Some(Self {
            offset: u32::try_from(offset).map_err(|_| short)?,
            notify_id: head.notify_id.get(),
            device_features: head.device_features.get(),
            guest_features: head.guest_features.get(),
            status: head.status,
            vrings: [vring(0)?, vring(1)?],
        }))
    }

    /// Returns a table with this device as its only entry. A remote publishes this table, and a host writes it back
    /// with its choices. The field [`offset`](Self::offset) is ignored.
    #[must_use]
    pub fn table(&self) -> [u8; LENGTH] {
        let header = Header { version: U32::new(VERSION), count: U32::new(1), reserved: [U32::ZERO; 2] };
        // CAST: the sum is 20.
        let (offset, kind) = (U32::new((HEADER + 4) as u32), U32::new(TYPE_VDEV));
        let head = VdevHead {
            id: U32::new(RPMSG),
            notify_id: U32::new(self.notify_id),
            device_features: U32::new(self.device_features),
            guest_features: U32::new(self.guest_features),
            config_length: U32::ZERO,
            status: self.status,
            vrings: 2,
            reserved: [0; 2],
        };
        let [zero, one] = self.vrings.map(|vring| VringEntry {
            address: U32::new(vring.address),
            align: U32::new(vring.align),
            count: U32::new(vring.count),
            notify_id: U32::new(vring.notify_id),
            reserved: U32::ZERO,
        });
        let parts =
            [header.as_bytes(), offset.as_bytes(), kind.as_bytes(), head.as_bytes(), zero.as_bytes(), one.as_bytes()];
        let mut table = [0; LENGTH];
        for (place, byte) in table.iter_mut().zip(parts.into_iter().flatten()) {
            *place = *byte;
        }
        table
    }

    /// Returns the layout of a link that uses this device. `table` is the offset of the resource table in the memory,
    /// and `base` is the start address of the memory in the address space of the table. The caller must add the buffers
    /// with [`Layout::with_buffers`].
    ///
    /// # Errors
    /// Returns [`BadTable::Vring`] if a vring has no address, an address below `base`, or an invalid size or alignment,
    /// or if the two vrings differ in size or alignment.
    pub fn layout(&self, table: u32, base: u32) -> Result<Layout, BadTable> {
        let [to_host, to_remote] = self.vrings;
        let offset = |number: usize, vring: Vring| -> Result<u32, BadTable> {
            let Vring { address, align, count, .. } = vring;
            let bad = BadTable::Vring { vring: number, count, align, address, base };
            let usable = count.is_power_of_two() && count <= 0x8000 && align.is_power_of_two() && align >= 4;
            let alike = (count, align) == (to_host.count, to_host.align);
            if address == ANY || !usable || !alike { Err(bad) } else { address.checked_sub(base).ok_or(bad) }
        };
        let (zero, one) = (offset(0, to_host)?, offset(1, to_remote)?);
        // The status byte follows the type and five more words. It is the low byte of a word.
        let status = table.saturating_add(self.offset).saturating_add(24);
        // CAST: at most 0x8000.
        Ok(Layout::empty(status, zero, one, to_host.count as u16, to_host.align))
    }
}

/// Reads a `T` at `offset` in the table.
fn read<T: FromBytes>(table: &[u8], offset: usize, what: &'static str) -> Result<T, BadTable> {
    let short = BadTable::Short { what, offset, length: table.len() };
    let bytes = table.get(offset..).ok_or(short)?;
    T::read_from_prefix(bytes).map(|(value, _)| value).map_err(|_| short)
}
