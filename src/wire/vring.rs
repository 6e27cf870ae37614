// SPDX-License-Identifier: Apache-2.0
//! The three parts of a split virtqueue: sizes, field offsets, flags, and the rule for event indices.
//!
//! Source: virtio 1.3, section 2.7 (split virtqueues). Offsets and sizes are in bytes.

/// The descriptor table, with 16 bytes per descriptor.
pub mod descriptor {
    /// Size of a descriptor.
    pub const SIZE: u32 = 16;
    /// Alignment of the table.
    pub const ALIGN: u32 = 16;
    /// Low half of the buffer address, u32. Written by the driver.
    pub const ADDRESS_LOW: u32 = 0;
    /// High half of the buffer address, u32. Written by the driver.
    pub const ADDRESS_HIGH: u32 = 4;
    /// Length of the buffer in bytes, u32. Written by the driver.
    pub const LENGTH: u32 = 8;
    /// [`DescriptorFlags`](super::DescriptorFlags), u16. Written by the driver.
    pub const FLAGS: u32 = 12;
    /// Id of the next descriptor in a chain, u16. Written by the driver.
    pub const NEXT: u32 = 14;
}

/// The available ring: flags, index, one u16 per entry, and the event index.
pub mod available {
    /// Size of the header before the entries.
    pub const HEADER: u32 = 4;
    /// Flags, u16 in the header. Written by the driver.
    pub const FLAGS: u32 = 0;
    /// Number of entries made available so far, u16 in the header. It wraps. Written by the driver.
    pub const INDEX: u32 = 2;
    /// Size of an entry, which is a u16 descriptor id.
    pub const ENTRY: u32 = 2;
    /// Offset of the descriptor id in an entry.
    pub const ID: u32 = 0;
    /// Size of the tail after the entries.
    pub const TAIL: u32 = 2;
    /// `used_event`, u16 in the tail: the driver requests a notification when the used index passes this value. Written
    /// by the driver.
    pub const USED_EVENT: u32 = 0;
    /// The flag that asks the device not to notify. Used only without EVENT_IDX.
    pub const NO_INTERRUPT: u16 = 1;
}

/// The used ring: flags, index, {id, length} per entry, and the event index.
pub mod used {
    /// Size of the header before the entries.
    pub const HEADER: u32 = 4;
    /// Flags, u16 in the header. Written by the device.
    pub const FLAGS: u32 = 0;
    /// Number of entries used so far, u16 in the header. It wraps. Written by the device.
    pub const INDEX: u32 = 2;
    /// Size of an entry.
    pub const ENTRY: u32 = 8;
    /// Descriptor id, u32 in an entry.
    pub const ID: u32 = 0;
    /// Number of bytes written by the device, u32 in an entry.
    pub const LENGTH: u32 = 4;
    /// Size of the tail after the entries.
    pub const TAIL: u32 = 2;
    /// `avail_event`, u16 in the tail: the device requests a notification when the available index passes this value.
    /// Written by the device.
    pub const AVAILABLE_EVENT: u32 = 0;
    /// The flag that asks the driver not to notify. Used only without EVENT_IDX.
    pub const NO_NOTIFY: u16 = 1;
}

bitflags::bitflags! {
    /// Feature bits for rings, at their positions in the device feature bits (virtio 1.3, section 6). Unknown bits are
    /// kept.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct RingFeatures: u64 {
        /// Descriptors may refer to an indirect table.
        const INDIRECT_DESC = 1 << 28;
        /// Notifications are suppressed by event indices instead of flags.
        const EVENT_IDX = 1 << 29;
        const _ = !0;
    }
}

bitflags::bitflags! {
    /// Descriptor flags (virtio 1.3, section 2.7.5). Unknown bits are kept.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub struct DescriptorFlags: u16 {
        /// The chain continues at the descriptor `next`.
        const NEXT = 1;
        /// The device writes to the buffer. Without this flag, the device reads from the buffer.
        const WRITE = 2;
        /// The buffer contains a table of descriptors.
        const INDIRECT = 4;
        const _ = !0;
    }
}

/// Returns the size in bytes of a descriptor table for `size` descriptors.
#[must_use]
pub const fn descriptor_table_len(size: u16) -> u32 {
    (size as u32).wrapping_mul(descriptor::SIZE)
}

/// Returns the size in bytes of an available ring with `size` entries, including the event index.
#[must_use]
pub const fn available_len(size: u16) -> u32 {
    (size as u32).wrapping_mul(available::ENTRY).wrapping_add(available::HEADER).wrapping_add(available::TAIL)
}

/// Returns the size in bytes of a used ring with `size` entries, including the event index.
#[must_use]
pub const fn used_len(size: u16) -> u32 {
    (size as u32).wrapping_mul(used::ENTRY).wrapping_add(used::HEADER).wrapping_add(used::TAIL)
}

/// Returns true if an index that moves from `old` to `new` passes `event`, in which case the other side must be
/// notified (virtio 1.3, sections 2.7.7 and 2.7.10). All three values wrap at 65536.
#[must_use]
pub const fn need_event(event: u16, new: u16, old: u16) -> bool {
    new.wrapping_sub(event).wrapping_sub(1) < new.wrapping_sub(old)
}

/// Same as [`need_event`] for an index that moves by one from `old`. This form compiles to one comparison.
#[inline(always)]
#[must_use]
pub const fn need_event_of_one(event: u16, old: u16) -> bool {
    need_event(event, old.wrapping_add(1), old)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_c_library() {
        // `vring_size(16, 4)`: the available ring is at 0x100, the used ring is at 0x128, and the total size is 430
        // bytes.
        assert_eq!(descriptor_table_len(16), 0x100);
        assert_eq!((0x100 + available_len(16)).next_multiple_of(4), 0x128);
        assert_eq!(0x128 + used_len(16), 430);
    }

    /// Checks the rule in virtio 1.3, section 2.7.7: a notification is needed if and only if the index passes the
    /// event, even when values wrap.
    #[test]
    fn need_event_equals_counting_one_by_one() {
        for old in [0u16, 1, 5, 0x7fff, 0xfff0, 0xffff] {
            for step in 0..40u16 {
                let new = old.wrapping_add(step);
                for event in (0..80u16).map(|d| old.wrapping_sub(20).wrapping_add(d)) {
                    let passed = (0..step).any(|i| old.wrapping_add(i) == event);
                    assert_eq!(need_event(event, new, old), passed, "event {event} new {new} old {old}");
                    assert!(step != 1 || need_event_of_one(event, old) == passed, "event {event} old {old}");
                }
            }
        }
    }
}
