// SPDX-License-Identifier: Apache-2.0
//! Two services on one link. `docs/how-to/endpoints.md` quotes this code.
#![allow(missing_docs, reason = "main is public only for the test that runs it")]

use std::time::Duration;

use amp_ivshmem::platform::Port;
use amp_ivshmem::rpmsg::{Event, Link, Role, Settings};
use amp_ivshmem_host::Peer;

pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket = std::env::args().nth(1).ok_or("usage: services SOCKET")?;
    let mut peer = Peer::connect(socket, Duration::from_secs(5))?;
    let settings = Settings::new(Role::Remote);
    let mut link: Link<_, _, 2, 16> = Link::new(peer.memory(), peer.doorbell(), peer.id(), settings)?;
    let (echo, _sum) = (link.bus().open("echo")?, link.bus().open("sum")?);
    let mut bytes = [0; 496];
    loop {
        match link.poll(peer.now()) {
            Some(Event::Message(message)) => {
                let message = link.bus().guard(message);
                let data = &mut bytes[..message.len().min(496).into()];
                let (is_echo, read) = (message.endpoint() == Some(echo), message.read(0, data));
                let sum = data.iter().map(|&byte| u32::from(byte)).sum::<u32>().to_le_bytes();
                let reply = message.reply(if is_echo { data } else { &sum });
                println!("{read:?} {reply:?}");
            }
            Some(event) => println!("{event:?}"),
            None => peer.wait(Some(link.deadline())),
        }
    }
}
