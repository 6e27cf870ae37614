// SPDX-License-Identifier: Apache-2.0
//! Tests layouts, addresses and buffers that C OpenAMP users have, and tests that invalid ones are rejected.

use super::*;

#[test]
fn a_host_whose_buffers_are_nonsense_is_refused() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let _host = host(&heap, &bells);
    let memory = Bytes::new(&heap.region(), 0, MEMORY).unwrap();
    // Make descriptor 3 refer to the buffer of descriptor 2.
    memory.write(MEMORY - 0x800 + 3 * 16, &[0, 8]).unwrap();
    let mut remote = remote(&heap, &bells);
    let error = RingError::PostedBuffers { id: 3 };
    assert_eq!(drain!(remote), [std::format!("{:?}", Event::Incompatible(error.into()))]);
}

/// Uses the layouts of other C users with several addresses. Messages in both directions arrive unchanged during two
/// passes through the rings.
#[test]
fn other_layouts_and_addresses() {
    const SMALL: u32 = 1 << 20;
    let dual = Layout::dual_qemu_ivshmem(SMALL).unwrap();
    let layouts = [
        dual,
        Layout::rpmsg_service(SMALL).unwrap(),
        Layout::static_vrings(0x4800, 512, 4).unwrap(),
        Layout::static_vrings(0x1_0000, 1024, 64).unwrap(),
        Layout { align: 16, count: 8, ..dual }.with_buffers(0x400, 512, 512),
        Layout { align: 4096, to_host: 0x1_0000, to_remote: 0x2_0000, ..dual }.with_buffers(0x4_0000, 256, 2048),
        Layout { to_remote_buffers: 0x8_0000, ..dual },
        Vdev::new([0x6000_4000, 0x6000_8000], 16, 4096)
            .layout(0x100, 0x6000_0000)
            .unwrap()
            .with_buffers(0x1_0000, 512, 512),
    ];
    for layout in layouts {
        for (at_host, at_remote) in [
            (Some(BASE), None),
            (Some(BASE), Some(BASE)),
            (None, None),
            (Some(0x80_0000_0000), None),
            (Some(u64::MAX << 20), None),
        ] {
            let (heap, bells) = (Heap::new(SMALL), Bells::default());
            let settings = |peer, address| Settings { layout, peer: Some(PeerId(peer)), vector: Vector(0), address };
            let mut host: TestHost<'_> = Host::new(heap.region(), bells.clone(), PeerId(0), settings(1, at_host))
                .unwrap_or_else(|error| panic!("{layout:?}: {error}"));
            let mut remote: TestRemote<'_> =
                Remote::new(heap.region(), bells, PeerId(1), settings(0, at_remote)).unwrap();
            let (to_host, to_remote) = (remote.bus().open("talk").unwrap(), host.bus().open("talk").unwrap());
            for _ in 0..3 {
                drain!(remote);
                drain!(host);
            }
            assert_eq!(host.bus().max_message(), layout.to_remote_size - 16);
            assert_eq!(remote.bus().max_message(), layout.to_host_size - 16);
            for number in 0..2 * layout.count {
                host.bus().send(to_remote, std::format!("down {number}").as_bytes()).unwrap();
                remote.bus().send(to_host, std::format!("up {number}").as_bytes()).unwrap();
                assert_eq!(drain!(remote), [std::format!("0x400 got down {number}")], "{layout:?}");
                assert_eq!(drain!(host), [std::format!("0x400 got up {number}")], "{layout:?}");
            }
        }
    }
}

#[test]
fn the_status_in_a_resource_table_leaves_the_vdev_as_it_is() {
    let (heap, bells) = (Heap::new(MEMORY), Bells::default());
    let table = Vdev::new([0x4000, 0x8000], 16, 16);
    let memory = Bytes::new(&heap.region(), 0, MEMORY).unwrap();
    memory.write(0x100, &table.table()).unwrap();
    let layout = table.layout(0x100, 0).unwrap().with_buffers(0x1_0000, 512, 512);
    let host: TestHost<'_> = Host::new(heap.region(), bells, PeerId(0), Settings { layout, ..settings(1) }).unwrap();
    let published = || {
        let mut bytes = [0; crate::wire::resource_table::LENGTH];
        memory.read(0x100, &mut bytes).unwrap();
        Vdev::find(&bytes)
    };
    assert_eq!(published(), Ok(Vdev { status: 4, ..table }));
    drop(host);
    assert_eq!(published(), Ok(table));
}
