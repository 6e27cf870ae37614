//! Whether somebody plays a role already, by what the memory says. A newcomer would push it aside.

use std::time::Duration;

use amp_ivshmem::mem::{Load, MemoryError, Record, SharedMemory};
use amp_ivshmem::openamp::Layout;
use amp_ivshmem::platform::{PeerId, Port};
use amp_ivshmem::wire::openamp::status;
use amp_ivshmem::wire::session::{PAGE, State, VERSION, block, directory, entry};
use amp_ivshmem_host::Peer;
use anyhow::{Result, bail};

use crate::role::Role;

/// How long a side may take to show that it is alive; by default it does ten times as often.
const BEAT: Duration = Duration::from_secs(1);

/// # Errors
/// A peer that is there plays `role` of the native `link`, and is alive.
pub fn native(peer: &mut Peer, role: Role, link: u8) -> Result<()> {
    // What lies outside or is no link is nobody's; the link itself says what is wrong with it.
    let Ok(Some(block)) = block_of(&peer.memory(), role, link) else { return Ok(()) };
    let id = block.load::<{ block::PEER_ID }>(Load::Relaxed);
    let Some(id) = u16::try_from(id).ok().map(PeerId).filter(|id| peer.others().contains(id)) else { return Ok(()) };
    let beat = block.load::<{ block::HEARTBEAT }>(Load::Relaxed);
    let end = peer.now() + BEAT;
    while peer.now() < end {
        let state = State::from_wire(block.load::<{ block::STATE }>(Load::Acquire));
        if !matches!(state, Some(State::Init | State::Ready | State::Run)) {
            return Ok(());
        }
        if block.load::<{ block::HEARTBEAT }>(Load::Relaxed) != beat {
            let other = if role == Role::Host { Role::Remote } else { Role::Host };
            bail!("peer {id} is link {link}'s {role} already: be the --role {other}, or stop that peer");
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}

fn block_of<M: SharedMemory>(
    memory: &M,
    role: Role,
    link: u8,
) -> Result<Option<Record<M, { block::SIZE }>>, MemoryError> {
    let head: Record<M, { directory::HEAD }> = Record::new(memory, 0)?;
    let entry: Record<M, { directory::ENTRY }> =
        Record::new(memory, directory::HEAD + u32::from(link) * directory::ENTRY)?;
    if head.load::<{ directory::MAGIC }>(Load::Acquire) != directory::MAGIC_VALUE
        || head.load::<{ directory::VERSION }>(Load::Relaxed) != VERSION
        || entry.load::<{ entry::MAGIC }>(Load::Acquire) != entry::MAGIC_VALUE
    {
        return Ok(None);
    }
    let host = entry.load::<{ entry::OFFSET }>(Load::Relaxed);
    let at = if role == Role::Host { host } else { host.saturating_add(PAGE) };
    Record::new(memory, at).map(Some)
}

/// Whether a C host has set the link up, or was killed after it had.
///
/// # Errors
/// A layout that does not fit the memory.
pub fn openamp_host<M: SharedMemory>(memory: &M, layout: &Layout) -> Result<bool, MemoryError> {
    let word: Record<M, 4> = Record::new(memory, layout.status)?;
    Ok(word.load::<0>(Load::Acquire) & status::MASK == status::DRIVER_OK)
}
