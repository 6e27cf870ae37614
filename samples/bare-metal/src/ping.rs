// SPDX-License-Identifier: Apache-2.0
//! An rpmsg host. It sends 1000 numbers to the remote's endpoint "echo", one at a time, and checks the answers.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use core::fmt::Write;

    use amp_ivshmem::platform::Port;
    use amp_ivshmem::rpmsg::{Event, Link, OnlyHost, Settings};
    use amp_ivshmem_bare_metal::{Console, Machine, image, park};

    const MESSAGES: u32 = 1000;

    image!(main, PingLink = Link::unopened());

    /// A link with one endpoint, and at most 16 buffers in each direction.
    type PingLink = Link<<Machine as Port>::Memory, <Machine as Port>::Doorbell, 1, 16, OnlyHost>;

    fn main(mut machine: Machine, mut console: Console, link: &'static mut PingLink) -> ! {
        let opened = link.open(machine.memory(), machine.doorbell(), machine.id(), &Settings::new(OnlyHost));
        if opened.is_ok() && link.bus().open("echo").is_ok() {
            ping(&mut machine, link, &mut console);
        }
        let _ = console.write_str("ping: the shared memory is too small for the link\n");
        park()
    }

    fn ping(machine: &mut Machine, link: &mut PingLink, console: &mut Console) -> ! {
        let mut number: u32 = 0;
        loop {
            let endpoint = match link.poll(machine.now()) {
                // Start from the first number, because the remote may have restarted.
                Some(Event::Bound { endpoint, .. }) => {
                    number = 0;
                    endpoint
                }
                Some(Event::Message(message)) => {
                    let (endpoint, length, mut answer) = (message.endpoint, message.length, [0; 4]);
                    let read = link.bus().read(&message, 0, &mut answer);
                    link.bus().release(message);
                    if read.is_err() || length != 4 || u32::from_le_bytes(answer) != number {
                        let _ = console.write_str("ping: a wrong answer\n");
                    }
                    number += 1;
                    endpoint
                }
                Some(_) => continue,
                None => {
                    machine.wait(Some(link.deadline()));
                    continue;
                }
            };
            if number == MESSAGES {
                let _ = console.write_str("ping: 1000 messages came back\n");
            } else if link.bus().send(endpoint, &number.to_le_bytes()).is_err() {
                let _ = console.write_str("ping: a message was not sent\n");
            }
        }
    }
}

#[cfg(not(target_os = "none"))]
fn main() {
    panic!("build this image with --target aarch64-unknown-none or thumbv7m-none-eabi");
}
