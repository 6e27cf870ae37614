// SPDX-License-Identifier: Apache-2.0
//! Fuzzes the parser for resource tables with random bytes. A table made from the parsed result must parse to the same
//! result. The link that the table describes must either be in bounds or be rejected.

use amp_ivshmem::openamp::{Remote, Settings};
use amp_ivshmem::platform::fake::NoDoorbell;
use amp_ivshmem::platform::{Instant, PeerId};
use amp_ivshmem::virtqueue::{self, Device, Suppression};
use amp_ivshmem::wire::resource_table::Vdev;

use crate::memory;

const BUFFERS: usize = 16;

/// Runs one input.
pub fn run(data: &[u8]) {
    let Some((head, table)) = data.split_first_chunk::<4>() else { return };
    let [place, base, size, _] = *head;
    let Ok(vdev) = Vdev::find(table) else { return };
    let again = Vdev::find(&vdev.table()).expect("its own table");
    assert_eq!(Vdev { offset: vdev.offset, ..again }, vdev, "not what was written");
    let Ok(layout) = vdev.layout(u32::from(place) * 256, u32::from(base) * 256) else { return };
    memory::clear(64);
    let region = memory::heap().region();
    for start in [layout.to_host, layout.to_remote] {
        let vring = layout.vring(start);
        assert!(vring.descriptors <= vring.available && vring.available <= vring.used, "parts out of order");
        assert!(vring.used.is_multiple_of(layout.align) || vring.used == u32::MAX, "a used ring out of place");
        let queue = virtqueue::Layout {
            size: layout.count,
            descriptors: vring.descriptors,
            available: vring.available,
            used: vring.used,
        };
        // The constructor must either return an error or use only memory in bounds. The region asserts the bounds of
        // each access.
        if let Ok(mut device) = Device::<_, BUFFERS>::new(&region, queue, Suppression::Flags) {
            let _ = device.pop_avail().map(|id| id.map(|id| device.buffer(id)));
        }
    }
    let size = u32::from(size) * 8;
    let layout = layout.with_buffers(u32::from(place) * 64, size, size);
    let settings = Settings::new(layout);
    if let Ok(mut remote) = Remote::<_, _, 1, BUFFERS>::new(region, NoDoorbell, PeerId(1), settings) {
        let _ = (remote.poll(Instant::from_micros(1)), remote.poll(Instant::from_micros(20_000)));
    }
}
