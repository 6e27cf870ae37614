// SPDX-License-Identifier: Apache-2.0
//! Tests of tables like those that remotes publish, and of invalid tables.

use proptest::prelude::*;
use std::vec;

use super::*;

/// Like OpenAMP's samples, publishes two vrings with 16 descriptors at addresses that the host chooses.
#[test]
fn a_published_table_is_read_back() {
    let vdev = Vdev::new([ANY, ANY], 16, 16);
    let table = vdev.table();
    assert_eq!(table.len(), 88);
    assert_eq!(&table[..24], [1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 20, 0, 0, 0, 3, 0, 0, 0]);
    // Id 7, notification id 2, features 1 and 0, no configuration, status 0, two vrings.
    assert_eq!(&table[24..48], [7, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0, 0]);
    assert_eq!(&table[48..68], [255, 255, 255, 255, 16, 0, 0, 0, 16, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
    assert_eq!(Vdev::find(&table), Ok(vdev));
    assert!(matches!(vdev.layout(0, 0), Err(BadTable::Vring { vring: 0, .. })), "nobody has placed them");
}

#[test]
fn a_host_fills_in_addresses_and_the_link_is_where_they_say() {
    let vdev = Vdev::new([0x6000_4000, 0x6000_8000], 256, 4096);
    let layout = vdev.layout(0x100, 0x6000_0000).unwrap();
    assert_eq!((layout.status, layout.to_host, layout.to_remote), (0x100 + 20 + 24, 0x4000, 0x8000));
    assert_eq!((layout.count, layout.align, layout.vring(0).len), (256, 4096, 10246));
}

#[test]
fn an_rpmsg_device_behind_others_is_found() {
    // A trace buffer, then another kind of vdev, then rpmsg. The offsets are in the order in which a linker would emit
    // them.
    let rpmsg = Vdev::new([0x1000, 0x2000], 8, 8).table();
    let mut table = vec![0_u8; 0x100 + LENGTH];
    let words = [(0, 1), (4, 3), (16, 0x40), (20, 0x80), (24, 0x100), (0x40, 2), (0x80, 3), (0x84, 1), (0x94, 0)];
    for (offset, word) in words {
        table[offset..offset + 4].copy_from_slice(&u32::to_le_bytes(word));
    }
    table[0x100..0x100 + LENGTH - 20].copy_from_slice(&rpmsg[20..]);
    let found = Vdev::find(&table).unwrap();
    assert_eq!((found.offset, found.vrings[1].address), (0x100, 0x2000));
}

#[test]
fn wrong_tables_are_named() {
    let vdev = Vdev::new([0, 0x1000], 16, 4);
    let with = |offset: usize, byte: u8| {
        let mut table = vdev.table();
        table[offset] = byte;
        Vdev::find(&table)
    };
    assert_eq!(with(0, 2), Err(BadTable::Version(2)));
    assert_eq!(with(8, 1), Err(BadTable::Reserved));
    assert_eq!(with(45, 3), Err(BadTable::Vrings(3)));
    assert_eq!(with(24, 4), Err(BadTable::NoRpmsg));
    assert_eq!(with(16, 86), Err(BadTable::Short { what: "an entry", offset: 86, length: 88 }));
    assert!(matches!(with(19, 0xff), Err(BadTable::Short { what: "an entry", .. })));
    assert_eq!(Vdev::find(&[]), Err(BadTable::Short { what: "its header", offset: 0, length: 0 }));
    let layout = |change: fn(&mut Vdev)| {
        let mut vdev = vdev;
        change(&mut vdev);
        vdev.layout(0, 0x1000).map(|_| ())
    };
    assert!(matches!(layout(|_| ()), Err(BadTable::Vring { vring: 0, .. })), "before the memory");
    assert!(matches!(layout(|vdev| vdev.vrings[0].count = 12), Err(BadTable::Vring { vring: 0, count: 12, .. })));
    assert!(matches!(
        layout(|vdev| (vdev.vrings[0].address, vdev.vrings[1].count) = (0x1000, 32)),
        Err(BadTable::Vring { vring: 1, count: 32, .. })
    ));
    assert!(matches!(
        layout(|vdev| (vdev.vrings[0].address, vdev.vrings[0].align) = (0x1000, 2)),
        Err(BadTable::Vring { vring: 0, align: 2, .. })
    ));
}

proptest! {
    /// Checks that parsing any bytes terminates without a panic, and that the result is inside the table.
    #[test]
    fn any_bytes_are_a_table_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        if let Ok(vdev) = Vdev::find(&bytes) {
            prop_assert!(vdev.offset as usize + VDEV + 2 * VRING <= bytes.len());
            let _ = vdev.layout(0, 0);
        }
    }

    /// Same check for almost valid tables, which pass more of the parser's checks.
    #[test]
    fn a_damaged_table_is_a_table_or_an_error(
        damage in proptest::collection::vec((0..LENGTH, any::<u8>()), 0..6),
        length in 0..=LENGTH,
        base in any::<u32>(),
    ) {
        let mut table = Vdev::new([0x1000, 0x2000], 16, 4096).table();
        for (offset, byte) in damage {
            table[offset] = byte;
        }
        if let Ok(vdev) = Vdev::find(&table[..length])
            && let Ok(layout) = vdev.layout(0, base)
        {
            prop_assert!(layout.count.is_power_of_two() && layout.align >= 4);
            // The sum saturates instead of wrapping, so that a link with this layout is rejected as out of bounds.
            prop_assert!(layout.vring(layout.to_host).used >= layout.to_host);
        }
    }

    /// Checks that a reader gets back the device that was published.
    #[test]
    fn every_device_survives_its_table(
        addresses in any::<[u32; 2]>(), count in any::<u16>(), align in any::<u32>(), status in any::<u8>(),
        features in any::<[u32; 2]>(), notify_id in any::<u32>(),
    ) {
        let [device_features, guest_features] = features;
        let vdev =
            Vdev { status, device_features, guest_features, notify_id, ..Vdev::new(addresses, count, align) };
        prop_assert_eq!(Vdev::find(&vdev.table()), Ok(vdev));
    }
}
