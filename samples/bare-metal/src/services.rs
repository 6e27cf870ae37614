// SPDX-License-Identifier: Apache-2.0
//! Two services on one link. `docs/how-to/endpoints.md` quotes this code.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
mod image {
    use amp_ivshmem::platform::Port;
    use amp_ivshmem::rpmsg::{Event, Link, OnlyRemote, Settings};
    use amp_ivshmem_bare_metal::{Console, Machine, image};

    type Services = Link<<Machine as Port>::Memory, <Machine as Port>::Doorbell, 2, 16, OnlyRemote>;
    image!(main, Services = Link::unopened());

    fn main(mut machine: Machine, _: Console, link: &'static mut Services) -> ! {
        link.open(machine.memory(), machine.doorbell(), machine.id(), &Settings::new(OnlyRemote)).expect("no link");
        let echo = link.bus().open("echo").expect("no endpoint");
        link.bus().open("sum").expect("no endpoint");
        let mut bytes = [0; 496];
        loop {
            match link.poll(machine.now()) {
                Some(Event::Message(message)) => {
                    let message = link.bus().guard(message);
                    let data = &mut bytes[..message.len().min(496).into()];
                    let (is_echo, _) = (message.endpoint() == Some(echo), message.read(0, data));
                    let sum = data.iter().map(|&byte| u32::from(byte)).sum::<u32>().to_le_bytes();
                    let _ = message.reply(if is_echo { data } else { &sum });
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
