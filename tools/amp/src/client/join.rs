// SPDX-License-Identifier: Apache-2.0
//! Joins a server in either role and profile, and passes the link to a task. It does not depend on what the task sends.

use std::time::Duration;

use amp_ivshmem::mem::SharedMemory;
use amp_ivshmem::openamp::{self, Layout};
use amp_ivshmem::platform::{PeerId, Port, Vector};
use amp_ivshmem::rpmsg::{self, AnyLink, Link};
use amp_ivshmem_host::Peer;
use anyhow::{Context, Result, ensure};
use clap::ValueEnum;

use super::options::{JoinOptions, LayoutName, Profile};
use super::role_in_use;
use super::side::{ENDPOINTS, Side, nobody};
use crate::process::check_interrupts;

/// Maximum number of send buffers of a native peer.
const NATIVE_BUFFERS: usize = 256;
/// Maximum number of descriptors per C OpenAMP vring, which is enough for static vrings in 4 MiB.
const OPENAMP_BUFFERS: usize = 2048;
/// Polling interval if the C peer may ring a different peer's doorbell.
const UNRUNG: Duration = Duration::from_millis(1);
/// Polling interval while waiting for a peer to join the server.
const JOINING: Duration = Duration::from_millis(100);
/// Time that a remote has to notice that its host has left, before a new host sets up the link.
const TAKE_OVER: Duration = Duration::from_millis(500);

/// A task that runs over a link of either profile.
pub trait Task {
    /// The result of the task.
    type Outcome;
    /// True if the task waits for a peer without a time limit.
    const WAITS_FOREVER: bool;

    /// Runs the task.
    fn run<L: AnyLink>(self, side: Side<'_, L>) -> Result<Self::Outcome>;
}

/// Joins the server and runs the task.
///
/// # Errors
/// Returns an error if there is no server, the memory is unsuitable, the role is taken, or the task fails.
pub fn join<E: Task>(options: &JoinOptions, task: E) -> Result<E::Outcome> {
    let mut peer = Peer::connect(&options.socket, Duration::from_secs_f64(options.timeout))?;
    let role = options.role.into();
    match options.profile {
        Profile::Native => {
            role_in_use::native(&mut peer, options.role, options.link)?;
            let buffer_size = options.buffer_size;
            let settings = rpmsg::Settings { link: options.link, buffer_size, ..rpmsg::Settings::new(role) };
            let mut link: Link<_, _, ENDPOINTS, NATIVE_BUFFERS> =
                Link::new(peer.memory(), peer.doorbell(), peer.id(), settings)?;
            task.run(Side::open(&mut peer, &mut link, options, None)?)
        }
        Profile::OpenAmp => {
            let (memory, doorbell) = (peer.memory(), peer.doorbell());
            let layout = layout(options, memory.len())?;
            let other = other::<E>(&mut peer, role, options)?;
            let pace = pace(&peer, role, other);
            let settings = openamp::Settings { layout, peer: Some(other), vector: Vector(0), address: options.address };
            if role == rpmsg::Role::Remote {
                let mut link =
                    openamp::Remote::<_, _, ENDPOINTS, OPENAMP_BUFFERS>::new(memory, doorbell, peer.id(), settings)?;
                return task.run(Side::open(&mut peer, &mut link, options, pace)?);
            }
            options.address.context(
                "a host has to know where its peer has the memory: name it by --address, or 0 for a peer that finds it \
                 out itself, as this module's remotes do and C's do not",
            )?;
            if role_in_use::openamp_host(&memory, &layout)? {
                ensure!(
                    options.take_over,
                    "the memory says that there is an OpenAMP host already: stop it, be the --role remote, or, where it \
                     was killed, --take-over"
                );
                openamp::reset(&memory, &layout)?;
                std::thread::sleep(TAKE_OVER);
            }
            let mut link =
                openamp::Host::<_, _, ENDPOINTS, OPENAMP_BUFFERS>::new(memory, doorbell, peer.id(), settings)?;
            task.run(Side::open(&mut peer, &mut link, options, pace)?)
        }
    }
}

fn layout(options: &JoinOptions, memory: u32) -> Result<Layout> {
    let size = options.buffer_size;
    let sized = |layout: Layout| layout.with_buffers(layout.buffers, size, size);
    let layout = match options.layout {
        LayoutName::DualQemuIvshmem => Layout::dual_qemu_ivshmem(memory).map(sized),
        LayoutName::RpmsgService => Layout::rpmsg_service(memory).map(sized),
        // 4 is the default alignment in C OpenAMP.
        LayoutName::StaticVrings => Layout::static_vrings(memory, size, 4),
    };
    let end = |layout: &Layout| u64::from(layout.to_remote_buffers) + u64::from(layout.count) * u64::from(size);
    let fits = |layout: &Layout| end(layout) <= layout.to_host.min(layout.to_remote).into();
    layout.filter(fits).with_context(|| {
        let name = options.layout.to_possible_value();
        let name = name.as_ref().map_or_else(Default::default, |value| value.get_name());
        format!("the server's memory of {memory} bytes is too small for {name} with buffers of {size} bytes: a larger --size of the server, or a smaller --buffer-size")
    })
}

/// Returns the id of the peer to ring. This is the id in the options, or the only other peer on the server. With
/// several other peers, it is the neighbour that C's samples would ring. A remote waits for another peer to join,
/// because its host may not have joined yet.
///
/// # Errors
/// Returns an error if a signal interrupts the wait, or if no peer joins within the time limit.
fn other<E: Task>(peer: &mut Peer, role: rpmsg::Role, options: &JoinOptions) -> Result<PeerId> {
    if let Some(id) = options.peer_id {
        return Ok(PeerId(id));
    }
    let end = peer.now() + Duration::from_secs_f64(options.timeout);
    while role == rpmsg::Role::Remote && peer.others().is_empty() {
        check_interrupts()?;
        if !E::WAITS_FOREVER && peer.now() >= end {
            return Err(nobody(options));
        }
        let soon = peer.now() + JOINING;
        peer.wait(Some(if E::WAITS_FOREVER { soon } else { soon.min(end) }));
    }
    Ok(match peer.others()[..] {
        [only] => only,
        _ => openamp::neighbour(role, peer.id()),
    })
}

/// Returns the interval at which to poll without a doorbell, and prints a note about it. Returns `None` if polling is
/// not needed, because C's samples would ring this process.
fn pace(peer: &Peer, role: rpmsg::Role, other: PeerId) -> Option<Duration> {
    let theirs = if role == rpmsg::Role::Host { rpmsg::Role::Remote } else { rpmsg::Role::Host };
    let rung = openamp::neighbour(theirs, other);
    if rung == peer.id() {
        return None;
    }
    crate::output::show_error(&format!(
        "amp: this process has id {}, and C's samples as peer {other} ring id {rung}: in case it does, this looks every \
         millisecond",
        peer.id()
    ));
    Some(UNRUNG)
}
