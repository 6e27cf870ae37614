//! Where C OpenAMP has its things in the shared memory. Source: OpenAMP's `dual_qemu_ivshmem` sample, and the legacy
//! vring layout (virtio 1.3, 2.7.2, and `vring_init` of open-amp). Offsets and sizes are in bytes.

use super::vring::{available_len, descriptor_table_len, used_len};

/// The host's status: the low byte of a word of its own.
pub mod status {
    /// Nobody there, or to be ready again soon.
    pub const RESET: u32 = 0;
    /// The rings are set up: the remote may use them.
    pub const DRIVER_OK: u32 = 4;
    /// The host has given up.
    pub const FAILED: u32 = 0x80;
    /// What of the word is the status.
    pub const MASK: u32 = 0xff;
}

/// The end of a chain of free descriptors, as C writes it.
pub const CHAIN_END: u16 = 0x8000;

/// Where everything is. Both sides must be told the same.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// Where the host's status is.
    pub status: u32,
    /// Where vring 0 is: messages to the host.
    pub to_host: u32,
    /// Where vring 1 is: messages to the remote.
    pub to_remote: u32,
    /// Descriptors of each, a power of two.
    pub count: u16,
    /// What the used rings are aligned to: a power of two, 4 at least.
    pub align: u32,
    /// Where the buffers begin: first those to the host, then those to the remote.
    pub buffers: u32,
    /// Bytes of a buffer to the host, header included.
    pub to_host_size: u32,
    /// Bytes of a buffer to the remote, header included.
    pub to_remote_size: u32,
}

/// One vring's parts, from the memory's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vring {
    /// The descriptor table.
    pub descriptors: u32,
    /// The available ring.
    pub available: u32,
    /// The used ring.
    pub used: u32,
    /// Bytes of all three, with what lies between.
    pub len: u32,
}

impl Layout {
    /// The layout of `dual_qemu_ivshmem`: status first, buffers from 0x400, the vrings in the last 2 KiB. None for a
    /// memory of less than 20 KiB, which cannot hold it.
    #[must_use]
    pub const fn dual_qemu_ivshmem(memory: u32) -> Option<Self> {
        let (Some(to_host), Some(to_remote)) = (memory.checked_sub(0x800), memory.checked_sub(0x400)) else {
            return None;
        };
        if to_host < 0x400 + 2 * 16 * 512 {
            return None;
        }
        Some(Self {
            status: 0,
            to_host,
            to_remote,
            count: 16,
            align: 4,
            buffers: 0x400,
            to_host_size: 512,
            to_remote_size: 512,
        })
    }

    /// The parts of the vring at `start`. Saturates where a setting is absurd, so that it fits no memory.
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

    /// Where the buffers to the remote begin.
    #[must_use]
    pub const fn to_remote_buffers(&self) -> u32 {
        self.buffers.saturating_add(self.to_host_size.saturating_mul(self.count as u32))
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
        assert_eq!(layout.to_remote_buffers(), 0x2400);
        assert_eq!(Layout::dual_qemu_ivshmem(16 << 10), None);
    }
}
