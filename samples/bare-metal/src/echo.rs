// SPDX-License-Identifier: Apache-2.0
//! A minimal rpmsg remote. It has one endpoint, which echoes every message. `amp bench` measures its size.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use core::fmt::Write;

    use amp_ivshmem::platform::Port;
    use amp_ivshmem::rpmsg::{Event, Link, OnlyRemote, Settings};
    use amp_ivshmem_bare_metal::{Console, Machine, image, park};

    image!(main, EchoLink = Link::unopened());

    /// A link with one endpoint, and at most 16 buffers in each direction.
    type EchoLink = Link<<Machine as Port>::Memory, <Machine as Port>::Doorbell, 1, 16, OnlyRemote>;

    fn main(mut machine: Machine, mut console: Console, link: &'static mut EchoLink) -> ! {
        let opened = link.open(machine.memory(), machine.doorbell(), machine.id(), &Settings::new(OnlyRemote));
        if opened.is_ok() && link.bus().open("echo").is_ok() {
            echo(&mut machine, link);
        }
        let _ = console.write_str("echo: the shared memory is too small for the link\n");
        park()
    }

    fn echo(machine: &mut Machine, link: &mut EchoLink) -> ! {
        let mut bytes = [0; 496];
        loop {
            match link.poll(machine.now()) {
                Some(Event::Message(message)) => {
                    let endpoint = message.endpoint;
                    let bytes = bytes.get_mut(..message.length.into()).unwrap_or_default();
                    let read = link.bus().read(&message, 0, bytes);
                    link.bus().release(message);
                    // If no buffer is free, the echo is dropped.
                    if read.is_ok() {
                        let _ = link.bus().send(endpoint, bytes);
                    }
                }
                Some(_) => {}
                None => machine.wait(Some(link.deadline())),
            }
        }
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    panic!("build this image with --target aarch64-unknown-none or thumbv7m-none-eabi");
}
