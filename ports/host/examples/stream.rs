// SPDX-License-Identifier: Apache-2.0
//! A byte stream over an endpoint. `docs/how-to/without-a-copy.md` quotes this code.
#![allow(missing_docs, reason = "main is public only for the test that runs it")]

use std::time::Duration;

use amp_ivshmem::platform::Port;
use amp_ivshmem::rpmsg::tasks::Shared;
use amp_ivshmem::rpmsg::{Link, Role, Settings};
use amp_ivshmem_host::Peer;
use embedded_io::{Read, Write};

pub fn main() -> Result<(), Box<dyn std::error::Error>> {
    let socket = std::env::args().nth(1).ok_or("usage: stream SOCKET")?;
    let mut peer = Peer::connect(socket, Duration::from_secs(5))?;
    let settings = Settings::new(Role::Host);
    let link: Link<_, _, 1, 16> = Link::new(peer.memory(), peer.doorbell(), peer.id(), settings)?;
    let link = Shared::new(link);
    let endpoint = link.open("console")?;
    let mut stream = endpoint.stream().blocking(&mut peer, Duration::from_secs(5));
    // Waits until the peer has opened its endpoint `console`.
    stream.write_all(b"hello\n")?;
    let mut bytes = [0; 64];
    let count = stream.read(&mut bytes)?;
    println!("{}", String::from_utf8_lossy(&bytes[..count]).trim_end());
    Ok(())
}
