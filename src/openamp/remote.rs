// SPDX-License-Identifier: Apache-2.0
//! The equivalent of C OpenAMP's remote: waits for the host's status, locates the buffers, and uses them.

use super::profile::{Policy, RemoteProfile};
use super::settings::{Settings, neighbour};
use super::status::{Status, queue, status_of};
use crate::mem::{Load, SharedMemory, Table};
use crate::platform::{Doorbell, Instant, PeerId};
use crate::rpmsg::{
    self, AnyLink, BufferPool, Bus, DeviceIncoming, DeviceOutgoing, DownReason, Event, LinkDriver, RingError, Role,
    SetupError, any_link,
};
use crate::virtqueue::LayoutError;
use crate::wire::openamp::status;
use crate::wire::vring::{descriptor, used};

/// Interval between polls while the host has not started. C OpenAMP polls every millisecond, because a C host does not
/// ring when it starts.
const SEARCH_MICROS: u32 = 10_000;
/// Interval between checks of the host's status while the link is up.
const TICK_MICROS: u32 = 100_000;

type Ends<M, const N: usize> = (DeviceOutgoing<M, N>, DeviceIncoming<M, N, Policy>);
type Used<M> = Table<M, { used::ENTRY }, { used::HEADER }, { used::TAIL }>;

/// The remote's side of a link with a C host, with at most `E` endpoints and at most `N` buffers in each direction.
#[derive(Debug)]
pub struct Remote<M: SharedMemory, D: Doorbell, const E: usize, const N: usize> {
    memory: M,
    settings: Settings,
    peer: PeerId,
    status: Status<M>,
    bus: Bus<RemoteProfile<M, E, N>, D>,
    next_tick: Instant,
    /// The error that was last reported to the caller.
    reported: Option<RingError>,
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize> Remote<M, D, E, N> {
    /// Creates the remote's side in `memory`. Nothing is written until the host has started.
    ///
    /// # Errors
    /// Returns an error if the layout does not fit in the memory.
    pub fn new(memory: M, doorbell: D, id: PeerId, settings: Settings) -> Result<Self, SetupError> {
        let status = status_of(&memory, &settings.layout).map_err(|error| RingError::Layout(error.into()))?;
        let (bus, peer) = (Bus::new(doorbell), settings.peer.unwrap_or(neighbour(Role::Remote, id)));
        Ok(Self { memory, settings, peer, status, bus, next_tick: Instant::default(), reported: None })
    }

    /// Returns the bus, which opens endpoints and sends messages.
    pub const fn bus(&mut self) -> &mut Bus<RemoteProfile<M, E, N>, D> {
        &mut self.bus
    }

    /// Returns the next event; see [`Link::poll`](crate::rpmsg::Link::poll).
    #[inline(always)]
    pub fn poll(&mut self, now: Instant) -> Option<Event> {
        rpmsg::poll(self, now)
    }

    /// Returns the time at which to poll again even if no doorbell rings.
    #[must_use]
    pub const fn deadline(&self) -> Instant {
        if self.bus.has_more() || self.bus.has_news() { Instant::from_micros(0) } else { self.next_tick }
    }

    /// Checks whether the host has started, and whether it has restarted since.
    fn find(&mut self) -> Option<Event> {
        // Acquire: the host sets up the rings before it stores this status.
        let ready = self.status.load::<0>(Load::Acquire) & status::MASK == status::DRIVER_OK;
        if self.bus.is_up() {
            let reason = match (ready, self.bus.is_intact()) {
                (true, true) => {
                    self.bus.rearm();
                    return None;
                }
                (false, _) => DownReason::PeerLeft,
                // Only this side writes the used rings, unless a restarted host has set them up again.
                (true, false) => DownReason::PeerRestarted,
            };
            self.bus.detach();
            return Some(Event::Down(reason));
        }
        if !ready {
            self.reported = None;
            return None;
        }
        match self.connect() {
            Ok((outgoing, incoming)) => {
                self.reported = None;
                self.bus.attach(outgoing, incoming, self.peer, self.settings.vector);
                Some(Event::Up { peer: self.peer })
            }
            Err(error) if self.reported == Some(error) => None,
            Err(error) => {
                self.reported = Some(error);
                Some(Event::Incompatible(error.into()))
            }
        }
    }

    fn connect(&self) -> Result<Ends<M, N>, RingError> {
        let layout = &self.settings.layout;
        if usize::from(layout.count) > N {
            return Err(LayoutError::TooLarge { size: layout.count, capacity: N }.into());
        }
        let (to_host, to_remote) = (layout.vring(layout.to_host), layout.vring(layout.to_remote));
        for vring in [to_host, to_remote] {
            let used: Used<M> = Table::new(&self.memory, vring.used, layout.count.into()).map_err(LayoutError::from)?;
            if used.load_header::<{ used::INDEX }>(Load::Relaxed) != 0 {
                return Err(RingError::InUse);
            }
        }
        let (first, size) = self.posted(to_host.descriptors)?;
        let base = self.settings.address.unwrap_or(first.wrapping_sub(layout.buffers.into()));
        let pool = |start: u32, size| BufferPool { start, address: base.wrapping_add(start.into()), size };
        let (outward, inward) = (pool(layout.buffers, size), pool(layout.to_remote_buffers, layout.to_remote_size));
        Ok((
            DeviceOutgoing::new(&self.memory, queue(to_host, layout.count), outward)?,
            DeviceIncoming::new(&self.memory, queue(to_remote, layout.count), inward)?,
        ))
    }

    /// Returns the lowest address of the buffers that the host has posted, and their size. The buffers must be
    /// contiguous and of equal size.
    fn posted(&self, descriptors: u32) -> Result<(u64, u32), RingError> {
        let count = self.settings.layout.count;
        let table: Table<M, { descriptor::SIZE }> =
            Table::new(&self.memory, descriptors, count.into()).map_err(LayoutError::from)?;
        let address = |id: u16| {
            let low = table.load_u32::<{ descriptor::ADDRESS_LOW }>(id.into(), Load::Relaxed);
            let high = table.load_u32::<{ descriptor::ADDRESS_HIGH }>(id.into(), Load::Relaxed);
            u64::from(high) << 32 | u64::from(low)
        };
        let length = |id: u16| table.load_u32::<{ descriptor::LENGTH }>(id.into(), Load::Relaxed);
        let first = (0..count).map(address).min().unwrap_or(0);
        let size = length(0);
        // No two buffers may be in the same place. Since there are as many buffers as places, this also means that
        // there are no gaps.
        let mut places = [false; N];
        for id in 0..count {
            let (address, length) = (address(id), length(id));
            let wrong = RingError::PostedBuffers { id };
            let offset = address.wrapping_sub(first);
            if length != size || size < 24 || !offset.is_multiple_of(u64::from(size.max(1))) {
                return Err(wrong);
            }
            let place = offset.checked_div(size.into()).and_then(|place| places.get_mut(usize::try_from(place).ok()?));
            match place {
                Some(taken) if !*taken => *taken = true,
                _ => return Err(wrong),
            }
        }
        Ok((first, size))
    }
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize> LinkDriver for Remote<M, D, E, N> {
    #[inline(always)]
    fn is_due(&self, now: Instant) -> bool {
        now >= self.next_tick || !self.bus.is_up()
    }

    fn tick(&mut self, now: Instant) -> Option<Event> {
        self.next_tick = now.plus_short(if self.bus.is_up() { TICK_MICROS } else { SEARCH_MICROS });
        self.find()
    }

    fn resync(&mut self, _: Instant) -> Option<Event> {
        let fault = self.bus.fault()?;
        self.bus.detach();
        Some(Event::Down(DownReason::Fault(fault)))
    }
}

any_link!(Remote, RemoteProfile);
