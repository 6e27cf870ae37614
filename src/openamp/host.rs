// SPDX-License-Identifier: Apache-2.0
//! The equivalent of C OpenAMP's host: sets up the rings, posts the buffers, and then sets the status that the remote
//! waits for.

use super::profile::HostProfile;
use super::settings::{Settings, neighbour};
use super::status::{Status, queue, set_status, status_of};
use crate::mem::{Bytes, SharedMemory, Store, Table};
use crate::platform::{Doorbell, Instant, PeerId};
use crate::rpmsg::{
    self, AnyLink, BufferPool, Bus, DownReason, DriverIncoming, DriverOutgoing, Event, LinkDriver, RingError, Role,
    SetupError, any_link,
};
use crate::virtqueue::LayoutError;
use crate::wire::openamp::{CHAIN_END, Vring, status};
use crate::wire::vring::{available, descriptor};

/// Interval between polls without a doorbell. A C peer rings for each message, and nothing else can change.
const TICK_MICROS: u32 = 100_000;

/// The host's side of a link with a C remote, with at most `E` endpoints and at most `N` buffers in each direction.
#[derive(Debug)]
pub struct Host<M: SharedMemory, D: Doorbell, const E: usize, const N: usize> {
    status: Status<M>,
    bus: Bus<HostProfile<M, E, N>, D>,
    next_tick: Instant,
    /// The peer, or `None` once [`Event::Up`] has been reported. As in C, the host is up as soon as it has set up its
    /// rings.
    up: Option<PeerId>,
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize> Host<M, D, E, N> {
    /// Creates the host's side, and sets up the memory as C OpenAMP does. The previous contents of the memory are lost,
    /// so a remote that still uses the memory must restart.
    ///
    /// # Errors
    /// Returns an error if the layout does not fit in the memory or exceeds this link's limits.
    pub fn new(memory: M, doorbell: D, id: PeerId, settings: Settings) -> Result<Self, SetupError> {
        Ok(Self::set_up(&memory, doorbell, id, &settings)?)
    }

    fn set_up(memory: &M, doorbell: D, id: PeerId, settings: &Settings) -> Result<Self, RingError> {
        let layout = &settings.layout;
        let peer = settings.peer.unwrap_or(neighbour(Role::Host, id));
        let status_word = status_of(memory, layout).map_err(LayoutError::from)?;
        set_status(&status_word, status::RESET);
        status_word.fence();
        let (to_host, to_remote) = (layout.vring(layout.to_host), layout.vring(layout.to_remote));
        for vring in [to_host, to_remote] {
            clear(memory, vring, layout.count)?;
        }
        // The remote must not send notifications for returned buffers unless this side is waiting for a buffer.
        let available: Table<M, { available::ENTRY }, { available::HEADER }, { available::TAIL }> =
            Table::new(memory, to_remote.available, layout.count.into()).map_err(LayoutError::from)?;
        available.store_header::<{ available::FLAGS }>(available::NO_INTERRUPT, Store::Relaxed);

        let base = settings.address.unwrap_or(0);
        let pool = |start: u32, size| BufferPool { start, address: base.wrapping_add(start.into()), size };
        let (inward, outward) =
            (pool(layout.buffers, layout.to_host_size), pool(layout.to_remote_buffers, layout.to_remote_size));
        let (inward_queue, outward_queue) = (queue(to_host, layout.count), queue(to_remote, layout.count));
        let incoming = DriverIncoming::new(memory, inward_queue, inward)?;
        let outgoing = DriverOutgoing::new(memory, outward_queue, outward)?;
        let mut bus = Bus::new(doorbell);
        bus.attach(outgoing, incoming, peer, settings.vector);
        set_status(&status_word, status::DRIVER_OK);
        Ok(Self { status: status_word, bus, next_tick: Instant::default(), up: Some(peer) })
    }

    /// Returns the bus, which opens endpoints and sends messages. Messages sent before the remote starts stay in the
    /// ring until then.
    pub const fn bus(&mut self) -> &mut Bus<HostProfile<M, E, N>, D> {
        &mut self.bus
    }

    /// Returns the next event; see [`Link::poll`](crate::rpmsg::Link::poll). If the remote breaks the protocol, the
    /// link goes down permanently. A C peer cannot be told to start again, so both sides must be restarted.
    #[inline(always)]
    pub fn poll(&mut self, now: Instant) -> Option<Event> {
        rpmsg::poll(self, now)
    }

    /// Returns the time at which to poll again even if no doorbell rings.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        if self.bus.has_more() || self.bus.has_news() { Instant::from_micros(0) } else { self.next_tick }
    }
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize> LinkDriver for Host<M, D, E, N> {
    #[inline(always)]
    fn is_due(&self, now: Instant) -> bool {
        now >= self.next_tick || self.up.is_some()
    }

    fn tick(&mut self, now: Instant) -> Option<Event> {
        if now >= self.next_tick {
            self.next_tick = now.plus_short(TICK_MICROS);
            self.bus.rearm();
        }
        self.up.take().map(|peer| Event::Up { peer })
    }

    fn resync(&mut self, _: Instant) -> Option<Event> {
        let fault = self.bus.fault()?;
        // A send may have detected the fault before the first poll.
        if let Some(peer) = self.up.take() {
            return Some(Event::Up { peer });
        }
        self.bus.detach();
        set_status(&self.status, status::FAILED);
        Some(Event::Down(DownReason::Fault(fault)))
    }
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize> Drop for Host<M, D, E, N> {
    fn drop(&mut self) {
        set_status(&self.status, status::RESET);
    }
}

/// Zeroes a vring, and chains its descriptors.
fn clear<M: SharedMemory>(memory: &M, vring: Vring, count: u16) -> Result<(), LayoutError> {
    let bytes = Bytes::new(memory, vring.descriptors, vring.len)?;
    let zeros = [0; 64];
    let mut offset = 0;
    while offset < vring.len {
        let step = vring.len.saturating_sub(offset).min(64);
        bytes.write(offset, zeros.get(..step as usize).unwrap_or_default())?;
        offset = offset.saturating_add(step);
    }
    let descriptors: Table<M, { descriptor::SIZE }> = Table::new(memory, vring.descriptors, count.into())?;
    for id in 0..count {
        let next = Some(id.wrapping_add(1)).filter(|&next| next < count).unwrap_or(CHAIN_END);
        descriptors.store_u16::<{ descriptor::NEXT }>(id.into(), next, Store::Relaxed);
    }
    Ok(())
}

any_link!(Host, HostProfile);
