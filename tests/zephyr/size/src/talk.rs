// SPDX-License-Identifier: Apache-2.0
//! An application with one endpoint. The remote echoes messages. The host sends messages and counts correct replies.

// The link supports only the image's role.
#[cfg(CONFIG_SIZE_HOST)]
use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::OnlyHost as Only;
#[cfg(not(CONFIG_SIZE_HOST))]
use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::OnlyRemote as Only;
use amp_ivshmem_zephyr_rust::{Bus, FOREVER, Ivshmem, Link, settings};
use static_cell::ConstStaticCell;

static LINK: ConstStaticCell<Link<Only>> = ConstStaticCell::new(Link::unopened());

/// Runs forever. Returns only if this side cannot start, or if the host receives a wrong reply.
pub fn run() -> Option<()> {
    let device = Ivshmem::take(zephyr::devicetree::labels::ivshmem0::ORD).ok()?;
    let mut bus = Bus::new(LINK.try_take()?, device, &settings(Only)).ok()?;
    bus.open("echo").ok()?;
    #[cfg(not(CONFIG_SIZE_HOST))]
    return echo(&mut bus);
    #[cfg(CONFIG_SIZE_HOST)]
    return ping(&mut bus);
}

/// Echoes each message.
#[cfg(not(CONFIG_SIZE_HOST))]
fn echo(bus: &mut Bus<'_, Only>) -> Option<()> {
    let mut bytes = [0; 496];
    loop {
        let (endpoint, length) = bus.receive(&mut bytes, FOREVER).ok()?;
        let message = bytes.get(..length).unwrap_or_default();
        // A peer that has left does not wait for its echo, so errors are ignored.
        let _ = bus.send(endpoint, message, FOREVER);
    }
}

/// Sends one message after the other, and reports when a hundred correct replies have arrived.
#[cfg(CONFIG_SIZE_HOST)]
fn ping(bus: &mut Bus<'_, Only>) -> Option<()> {
    use core::fmt::Write;

    use amp_ivshmem_zephyr_rust::Console;
    use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::Event;

    const MESSAGES: u8 = 100;
    let mut count = 0;
    loop {
        let endpoint = match bus.next(FOREVER).ok()? {
            Event::Bound { endpoint, .. } => {
                count = 0;
                endpoint
            }
            Event::Message(message) => {
                let (endpoint, mut bytes) = (message.endpoint, [0; 16]);
                let read = bus.link().bus().read(&message, 0, &mut bytes);
                bus.link().bus().release(message);
                if read.is_err() || bytes != [count; 16] {
                    return None;
                }
                count += 1;
                endpoint
            }
            _ => continue,
        };
        if count == MESSAGES {
            let _ = Console.write_str("size: 100 messages came back\n");
        } else {
            let _ = bus.send(endpoint, &[count; 16], FOREVER);
        }
    }
}
