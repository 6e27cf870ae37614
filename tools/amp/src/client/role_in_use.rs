// SPDX-License-Identifier: Apache-2.0
//! Checks in the memory that the role is not in use, because joining would otherwise disconnect the other peer.

use std::time::Duration;

use amp_ivshmem::inspect::{Block, Directory, Finding, OpenAmp};
use amp_ivshmem::mem::SharedMemory;
use amp_ivshmem::openamp::Layout;
use amp_ivshmem::platform::{PeerId, Port};
use amp_ivshmem::wire::openamp::status;
use amp_ivshmem_host::Peer;
use anyhow::{Result, bail};

use crate::role::Role;

/// Time that a side has to show that it is alive, which is ten times the default heartbeat interval.
const BEAT: Duration = Duration::from_secs(1);

/// Checks that no other live peer has `role` on the native `link`.
///
/// # Errors
/// Returns an error if another live peer has the role.
pub fn native(peer: &mut Peer, role: Role, link: u8) -> Result<()> {
    let memory = peer.memory();
    let directory = Directory::new(&memory);
    let block = || {
        // Without a readable block, the role is free. If the layout is invalid, opening the link reports the error.
        let found = directory.check().ok().filter(|&written| written).and_then(|_| directory.link(link))?;
        found.block(role.into()).ok().flatten()
    };
    let Some(first) = block() else { return Ok(()) };
    let Some(id) = first.id().ok().map(PeerId).filter(|id| peer.others().contains(id)) else { return Ok(()) };
    let end = peer.now() + BEAT;
    while peer.now() < end {
        let Some(now) = block().filter(Block::is_present) else { return Ok(()) };
        if now.heartbeat != first.heartbeat {
            let other = if role == Role::Host { Role::Remote } else { Role::Host };
            bail!("peer {id} is link {link}'s {role} already: be the --role {other}, or stop that peer");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// Returns true if a C host has set up the link. The host may have been killed since then.
///
/// # Errors
/// Returns an error if the layout does not fit in the memory.
pub fn openamp_host<M: SharedMemory>(memory: &M, layout: &Layout) -> Result<bool, Finding> {
    Ok(OpenAmp::new(memory, *layout, None).status()? == status::DRIVER_OK)
}
