// SPDX-License-Identifier: Apache-2.0
//! An rpmsg echo. The host sends 1000 numbers to the endpoint "echo", one at a time, and checks the answers. The remote
//! sends every message back.
#![no_std]

use core::fmt::{Arguments, Write};
use core::time::Duration;

use amp_ivshmem_zephyr_rust::amp_ivshmem::rpmsg::{Event, Role};
use amp_ivshmem_zephyr_rust::{Bus, Console, FOREVER, Ivshmem, Link, settings};
use static_cell::ConstStaticCell;

const ROLE: Role = if cfg!(CONFIG_SAMPLE_HOST) { Role::Host } else { Role::Remote };
const MESSAGES: u32 = 1000;
/// Maximum time to wait for a free buffer.
const PATIENCE: Duration = Duration::from_secs(1);

/// Static, because the link is too large for the main stack.
static LINK: ConstStaticCell<Link> = ConstStaticCell::new(Link::unopened());

#[unsafe(no_mangle)]
extern "C" fn rust_main() {
    let device = match Ivshmem::take(zephyr::devicetree::labels::ivshmem0::ORD) {
        Ok(device) => device,
        Err(error) => return say(format_args!("{error}")),
    };
    let mut bus = match Bus::new(LINK.take(), device, &settings(ROLE)) {
        Ok(bus) => bus,
        Err(error) => return say(format_args!("{error}")),
    };
    if let Err(error) = bus.open("echo") {
        return say(format_args!("{error}"));
    }
    if ROLE == Role::Host { ping(&mut bus) } else { echo(&mut bus) }
}

/// Sends every message back.
fn echo(bus: &mut Bus<'_>) {
    let mut buffer = [0; 496];
    loop {
        match bus.next(FOREVER) {
            Ok(Event::Up { peer }) => say(format_args!("peer {peer} is there")),
            Ok(Event::Down(reason)) => say(format_args!("link down: {reason}")),
            Ok(Event::Message(message)) => {
                let endpoint = message.endpoint;
                let bytes = buffer.get_mut(..message.length.into()).unwrap_or_default();
                let read = bus.link().bus().read(&message, 0, bytes);
                bus.link().bus().release(message);
                if read.is_ok()
                    && let Err(error) = bus.send(endpoint, bytes, PATIENCE)
                {
                    say(format_args!("no answer: {error}"));
                }
            }
            Ok(_) => {}
            Err(error) => return say(format_args!("{error}")),
        }
    }
}

/// Sends all numbers to each remote that connects.
fn ping(bus: &mut Bus<'_>) {
    let mut number = 0;
    loop {
        let endpoint = match bus.next(FOREVER) {
            Ok(Event::Bound { endpoint, .. }) => {
                number = 0;
                endpoint
            }
            Ok(Event::Message(message)) => {
                let (endpoint, length, mut answer) = (message.endpoint, message.length, [0; 4]);
                let read = bus.link().bus().read(&message, 0, &mut answer);
                bus.link().bus().release(message);
                if read.is_err() || length != 4 || u32::from_le_bytes(answer) != number {
                    say(format_args!("a wrong answer to {number}"));
                }
                number += 1;
                endpoint
            }
            Ok(_) => continue,
            Err(error) => return say(format_args!("{error}")),
        };
        if number == MESSAGES {
            say(format_args!("{MESSAGES} messages came back"));
        } else if let Err(error) = bus.send(endpoint, &number.to_le_bytes(), PATIENCE) {
            say(format_args!("{number} was not sent: {error}"));
        }
    }
}

fn say(what: Arguments<'_>) {
    // The console cannot fail.
    let _ = writeln!(Console, "rpmsg_echo: {what}");
}
