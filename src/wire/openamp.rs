// SPDX-License-Identifier: Apache-2.0
//! The layout of C OpenAMP's status word, vrings and buffers in shared memory. Offsets and sizes are in bytes.
//!
//! Source: OpenAMP's `dual_qemu_ivshmem` sample, Zephyr's `subsys/ipc` (`rpmsg_service` and the backend
//! `ipc_rpmsg_static_vrings`), and the legacy vring layout (virtio 1.3, section 2.7.2, and `vring_init` in open-amp).

use super::vring::{available_len, descriptor_table_len, used_len};

/// The host's status, which is the low byte of a separate word.
pub mod status {
    /// There is no host, or the host is resetting the link.
    pub const RESET: u32 = 0;
    /// The vrings are set up and the remote may use them.
    pub const DRIVER_OK: u32 = 4;
    /// The host has given up.
    pub const FAILED: u32 = 0x80;
    /// The bits of the word that hold the status.
    pub const MASK: u32 = 0xff;
}

/// The `next` value that C OpenAMP uses to end a chain of free descriptors.
pub const CHAIN_END: u16 = 0x8000;

/// The offsets and sizes of all parts. Both sides must use the same layout.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Offset of the host's status word.
    pub status: u32,
    /// Offset of vring 0, which carries messages to the host.
    pub to_host: u32,
    /// Offset of vring 1, which carries messages to the remote.
    pub to_remote: u32,
    /// Number of descriptors per vring, a power of two.
    pub count: u16,
    /// Alignment of the used rings in bytes: a power of two, at least 4. C OpenAMP aligns addresses, and this layout
    /// aligns offsets. The results agree if the memory itself is aligned to this value.
    pub align: u32,
    /// Offset of the buffers for messages to the host.
    pub buffers: u32,
    /// Offset of the buffers for messages to the remote. These buffers follow the buffers for messages to the host,
    /// unless the C side splits its pool.
    pub to_remote_buffers: u32,
    /// Size of a buffer for messages to the host, in bytes, including the header. The remote uses the size that the
    /// host has posted.
    pub to_host_size: u32,
    /// Size of a buffer for messages to the remote, in bytes, including the header.
    pub to_remote_size: u32,
}

/// The offsets of a vring's parts in the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vring {
    /// The descriptor table.
    pub descriptors: u32,
    /// The available ring.
    pub available: u32,
    /// The used ring.
    pub used: u32,
    /// Total size in bytes, including the gaps between the parts.
    pub len: u32,
}

impl Layout {
    /// Returns the layout of `dual_qemu_ivshmem`: the status word first, then buffers from 0x400 on, then both vrings
    /// in the last 2 KiB, with the vring to the host first. Returns `None` if the memory is smaller than 19 KiB.
    #[must_use]
    pub const fn dual_qemu_ivshmem(memory: u32) -> Option<Self> {
        let (Some(to_host), Some(to_remote)) = (memory.checked_sub(0x800), memory.checked_sub(0x400)) else {
            return None;
        };
        if to_host < 0x400 + 2 * 16 * 512 {
            return None;
        }
        Some(Self::empty(0, to_host, to_remote, 16, 4).with_buffers(0x400, 512, 512))
    }

    /// Returns the layout of Zephyr's `rpmsg_service` and its samples. It is the same as `dual_qemu_ivshmem`, except
    /// that the vring to the remote comes first. Returns `None` if the memory is smaller than 19 KiB.
    #[must_use]
    pub const fn rpmsg_service(memory: u32) -> Option<Self> {
        match Self::dual_qemu_ivshmem(memory) {
            Some(layout) => Some(Self { to_host: layout.to_remote, to_remote: layout.to_host, ..layout }),
            None => None,
        }
    }

    /// Returns the layout of Zephyr's `ipc_rpmsg_static_vrings` in a region of `memory` bytes: the status word, the
    /// buffers, the vring to the remote, the vring to the host. The number of descriptors is the largest that fits.
    ///
    /// `size` is the size of each buffer (`zephyr,buffer-size`, default: 512). `align` is
    /// `CONFIG_IPC_SERVICE_STATIC_VRINGS_MEM_ALIGNMENT` (default: 4). Returns `None` if not even one descriptor fits,
    /// or if the alignment is less than 4 or not a power of two.
    #[must_use]
    pub const fn static_vrings(memory: u32, size: u32, align: u32) -> Option<Self> {
        if !align.is_power_of_two() || align < 4 || size == 0 {
            return None;
        }
        let mut count: u16 = 0x8000;
        while count > 0 {
            let layout = Self::empty(0, 0, 0, count, align).with_buffers(align, size, size);
            let buffers = size.saturating_mul(2).saturating_mul(count as u32);
            let to_remote = align.saturating_add(buffers);
            if let Some(vring) = layout.vring(0).len.checked_next_multiple_of(align) {
                let to_host = to_remote.saturating_add(vring);
                // C requires one spare byte.
                if to_host.saturating_add(vring) < memory {
                    return Some(Self { to_remote, to_host, ..layout });
                }
            }
            count /= 2;
        }
        None
    }

    /// Returns a layout with a status word and vrings but without buffers. [`with_buffers`](Self::with_buffers) adds
    /// the buffers.
    #[must_use]
    pub const fn empty(status: u32, to_host: u32, to_remote: u32, count: u16, align: u32) -> Self {
        let (buffers, to_remote_buffers, to_host_size, to_remote_size) = (0, 0, 0, 0);
        Self { status, to_host, to_remote, count, align, buffers, to_remote_buffers, to_host_size, to_remote_size }
    }

    /// Returns the same layout with buffers in one pool at `start`. The order is that of a C host: first the buffers
    /// for messages to the host, then the buffers for messages to the remote. The sums saturate, so that a layout with
    /// absurd sizes is later rejected as out of bounds.
    #[must_use]
    pub const fn with_buffers(self, start: u32, to_host_size: u32, to_remote_size: u32) -> Self {
        let to_remote_buffers = start.saturating_add(to_host_size.saturating_mul(self.count as u32));
        Self { buffers: start, to_remote_buffers, to_host_size, to_remote_size, ..self }
    }

    /// Returns the parts of the vring at `start`. The sums saturate, so that a vring with absurd sizes is later
    /// rejected as out of bounds.
    #[must_use]
    pub const fn vring(&self, start: u32) -> Vring {
        let available = start.saturating_add(descriptor_table_len(self.count));
        let end = available.saturating_add(available_len(self.count));
        let used = match end.checked_next_multiple_of(self.align) {
            Some(used) => used,
            None => u32::MAX,
        };
        let len = used.saturating_add(used_len(self.count)).saturating_sub(start);
        Vring { descriptors: start, available, used, len }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_those_of_the_c_library() {
        let layout = Layout::dual_qemu_ivshmem(4 << 20).unwrap();
        let of = |count, align| Layout { count, align, ..layout }.vring(0);
        assert_eq!((of(16, 4).available, of(16, 4).used, of(16, 4).len), (0x100, 0x128, 430));
        assert_eq!((of(16, 16).used, of(16, 16).len), (0x130, 438));
        assert_eq!((of(16, 4096).len, of(8, 8).len, of(256, 4096).len), (4230, 222, 10246));
        assert_eq!((layout.to_host, layout.to_remote), ((4 << 20) - 0x800, (4 << 20) - 0x400));
        assert_eq!(layout.to_remote_buffers, 0x2400);
        assert_eq!(Layout::dual_qemu_ivshmem(16 << 10), None);
    }

    #[test]
    fn zephyrs_other_layouts_are_where_zephyr_has_them() {
        let service = Layout::rpmsg_service(0x10_0000).unwrap();
        assert_eq!((service.to_host, service.to_remote), (0xf_fc00, 0xf_f800));
        // 64 KiB with 512-byte buffers: 32 buffers in each direction, and two aligned vrings of 846 bytes.
        let fixed = Layout::static_vrings(0x1_0000, 512, 4).unwrap();
        assert_eq!((fixed.count, fixed.status, fixed.buffers), (32, 0, 4));
        assert_eq!((fixed.to_remote_buffers, fixed.to_remote), (4 + 32 * 512, 4 + 64 * 512));
        assert_eq!((fixed.vring(0).len, fixed.to_host), (846, 4 + 64 * 512 + 848));
        let aligned = Layout::static_vrings(0x1_0000, 512, 64).unwrap();
        assert_eq!((aligned.buffers, aligned.to_remote, aligned.to_host), (64, 64 + 64 * 512, 64 + 64 * 512 + 960));
        assert_eq!(Layout::static_vrings(0x1_0000, 512, 6), None);
        assert_eq!(Layout::static_vrings(1000, 512, 4), None);
        let split = Layout { count: 8, ..fixed }.with_buffers(0x1000, 256, 2048);
        assert_eq!((split.to_remote_buffers, split.to_host_size, split.to_remote_size), (0x1800, 256, 2048));
    }
}
