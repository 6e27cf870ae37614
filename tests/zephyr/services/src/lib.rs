// SPDX-License-Identifier: Apache-2.0
//! Two services on one link. `docs/how-to/endpoints.md` prints this program.
#![no_std]
use core::time::Duration;

use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::Role;
use amp_ivshmem_zephyr_rust::{Bus, FOREVER, Ivshmem, Link, settings};
use static_cell::ConstStaticCell;

static LINK: ConstStaticCell<Link> = ConstStaticCell::new(Link::unopened());

#[unsafe(no_mangle)]
extern "C" fn rust_main() {
    let device = Ivshmem::take(zephyr::devicetree::labels::ivshmem0::ORD).expect("an ivshmem device");
    let mut bus = Bus::new(LINK.take(), device, &settings(Role::Remote)).expect("room for the link");
    let echo = bus.open("echo").expect("a free endpoint");
    bus.open("sum").expect("a free endpoint");
    let mut bytes = [0; 496];
    while let Ok((endpoint, length)) = bus.receive(&mut bytes, FOREVER) {
        let data = &bytes[..length.min(bytes.len())];
        let sum = data.iter().map(|&byte| u32::from(byte)).sum::<u32>().to_le_bytes();
        let reply = if endpoint == echo { data } else { &sum };
        // Fails if the peer has left or holds all buffers for a second. The reply is then lost.
        let _ = bus.send(endpoint, reply, Duration::from_secs(1));
    }
}
