// SPDX-License-Identifier: Apache-2.0
//! One side's rings: their layout, and the session service that owns them.
//!
//! Each side is the driver of the queue on which it sends. It therefore writes its own queue's descriptors, available
//! ring and buffers, and the used ring of the peer's queue. All these parts are in the side's own data section.

use core::marker::PhantomData;

use super::endpoints::Table;
use super::policy::DescriptorPolicy;
use super::profile::Profile;
#[cfg(feature = "async")]
use super::tasks::Mailboxes;
use super::{BufferPool, Bus, DeviceIncoming, DriverOutgoing, Event, Fault, Part, RingError, SetupError};
use crate::mem::SharedMemory;
use crate::platform::{Doorbell, PeerId, Vector};
use crate::session::{AreaError, LocalBlock, RemoteBlock, Sections, Service, Span};
use crate::virtqueue::{AvailableRing, DescriptorTable, Events, Layout, Ring, UsedRing};
use crate::wire::rpmsg::{Header, NameService};
use crate::wire::session::{Features, Kind, block, queue};
use crate::wire::vring::{available_len, descriptor, descriptor_table_len, used_len};

/// Offsets of the fields that describe this side's only queue.
const COUNT: u32 = block::QUEUES + queue::COUNT;
const BUFFER_SIZE: u32 = block::QUEUES + queue::BUFFER_SIZE;
const DESCRIPTORS: u32 = block::QUEUES + queue::DESCRIPTORS;
const AVAILABLE: u32 = block::QUEUES + queue::AVAILABLE;
const BUFFERS: u32 = block::QUEUES + queue::BUFFERS;
const USED: u32 = block::QUEUES + queue::USED;

/// The native profile, in which the sender is the driver. A side has at most `E` endpoints and at most `N` buffers in
/// each direction.
#[derive(Debug)]
pub struct Native<M, const E: usize, const N: usize>(PhantomData<M>);

/// The native profile's descriptor policy: descriptor `n` describes buffer `n`.
#[derive(Debug)]
pub struct NativePolicy;

impl DescriptorPolicy for NativePolicy {
    const REUSE_USED_FIRST: bool = false;
    const FIXED: bool = true;
    type Map<const N: usize> = ();
    type Suppression = Events;
    const SUPPRESSION: Events = Events;
}

impl<M: SharedMemory, const E: usize, const N: usize> Profile for Native<M, E, N> {
    type Endpoints = Table<E>;
    #[cfg(feature = "async")]
    type Mailboxes = Mailboxes<E, N>;
    type Outgoing = DriverOutgoing<M, N, NativePolicy>;
    type Incoming = DeviceIncoming<M, N, NativePolicy>;
    const ANNOUNCE_ALL: bool = true;
    const AUTO_RESTART: bool = true;
}

/// Returns whether a buffer count and size are valid. An announcement must fit in a buffer, and the payload length must
/// fit in 16 bits. The count must be a power of two and at most `capacity`.
// Inlined, so that the compiler can evaluate constant settings.
#[inline(always)]
pub(super) fn buffers_are_sound(count: u32, size: u32, capacity: usize) -> bool {
    const LARGEST: u32 = (Header::SIZE + u16::MAX as u32).next_multiple_of(8);
    count.is_power_of_two()
        && count as usize <= capacity
        && count <= 1 << 15
        && size.is_multiple_of(8)
        && (Header::SIZE + NameService::SIZE..=LARGEST).contains(&size)
}

/// Rounds `offset` up to a multiple of `align`, which is a power of two. Cannot overflow, because an offset within a
/// data section is far below `u32::MAX`.
const fn aligned(offset: u32, align: u32) -> u32 {
    offset.wrapping_add(align).wrapping_sub(1) & !align.wrapping_sub(1)
}

/// Returns a pool whose addresses are equal to its offsets.
const fn pool(start: u32, size: u32) -> BufferPool {
    BufferPool { start, address: start as u64, size }
}

/// Offsets of one side's rings and buffers from the start of the memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RingLayout {
    used: u32,
    descriptors: u32,
    available: u32,
    buffers: u32,
    /// Number and size of this side's transmit buffers.
    count: u16,
    size: u32,
    /// Number and size of the peer's transmit buffers. The number is also the size of this side's used ring.
    peer_count: u16,
    peer_size: u32,
}

impl RingLayout {
    /// The layout of a link that has not been opened.
    const NONE: Self =
        Self { used: 0, descriptors: 0, available: 0, buffers: 0, count: 0, size: 0, peer_count: 0, peer_size: 0 };

    /// Lays out the parts from the start of `data`, for a peer with `peer_count` transmit buffers.
    fn compute(&mut self, data: Span, peer_count: u16) -> Result<(), AreaError> {
        // The data starts at a page boundary. Nothing can overflow: `buffers_are_sound` limits the buffers to 2.2e9
        // bytes, and the rings take less than 2 MiB.
        let descriptors = aligned(used_len(peer_count), descriptor::ALIGN);
        let available = descriptors.wrapping_add(descriptor_table_len(self.count));
        let buffers = aligned(available.wrapping_add(available_len(self.count)), 64);
        let needed = buffers.wrapping_add(u32::from(self.count).wrapping_mul(self.size));
        if needed > data.size {
            return Err(AreaError::TooSmall { needed, available: data.size });
        }
        self.used = data.offset;
        self.descriptors = data.offset.wrapping_add(descriptors);
        self.available = data.offset.wrapping_add(available);
        self.buffers = data.offset.wrapping_add(buffers);
        self.peer_count = peer_count;
        Ok(())
    }
}

/// A bus with its rings: the service of a native link's session.
// The bus comes last: fields near the start can be accessed with shorter instructions.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Rings<M: SharedMemory, D: Doorbell, const E: usize, const N: usize> {
    layout: RingLayout,
    pub bus: Bus<Native<M, E, N>, D>,
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize> Rings<M, D, E, N> {
    /// Creates the service of a link that has not been opened.
    pub const fn unopened() -> Self {
        Self { layout: RingLayout::NONE, bus: Bus::unopened() }
    }

    /// Sets the number and size of this side's transmit buffers.
    #[inline(always)]
    pub fn set_buffers(&mut self, count: u16, size: u32) -> Result<(), RingError> {
        if !buffers_are_sound(count.into(), size, N) {
            return Err(RingError::Sizes);
        }
        (self.layout.count, self.layout.size) = (count, size);
        Ok(())
    }

    /// Returns the offsets of the peer's parts, given their lengths in `lens`. Checks that each part is aligned and
    /// within `data`.
    #[inline(always)]
    fn offsets(peer: &RemoteBlock<M>, data: &Span, lens: [u32; 4]) -> Result<[u32; 4], RingError> {
        // Alignment for 16-bit and 32-bit fields, and for payloads that an application reads in place.
        const PARTS: [(Part, u8); 4] =
            [(Part::Descriptors, 4), (Part::Available, 2), (Part::Buffers, 8), (Part::Used, 4)];
        let mut offsets = lens;
        for (word, (place, &(part, align))) in (DESCRIPTORS / 4..).zip(offsets.iter_mut().zip(&PARTS)) {
            let offset = peer.word(word);
            if offset & u32::from(align).wrapping_sub(1) != 0 || !data.contains(offset, *place) {
                return Err(RingError::PeerPart { part, offset });
            }
            *place = offset;
        }
        Ok(offsets)
    }
}

impl<M: SharedMemory, D: Doorbell, const E: usize, const N: usize> Service<M> for Rings<M, D, E, N> {
    const KIND: Kind = Kind::RPMSG;
    const FEATURES: u32 = Features::EVENT_INDEX.bits();
    const SHARES: bool = false;
    const QUEUES: u8 = 1;

    type Doorbell = D;
    type Fault = Fault;
    type Error = RingError;
    type Event = Event;

    fn doorbell(&self) -> Option<&D> {
        self.bus.doorbell()
    }

    fn check(&self, sections: &Sections) -> Result<(), AreaError> {
        // The maximum number of transmit buffers that the peer may have.
        let most = u16::try_from(N).unwrap_or(1 << 15);
        let mut layout = self.layout;
        layout.compute(sections.own(), most)
    }

    #[inline(always)]
    fn offer(&self, block: &LocalBlock<M>) {
        block.set::<COUNT>(self.layout.count.into());
        block.set::<BUFFER_SIZE>(self.layout.size);
    }

    #[inline(always)]
    fn verify(&self, block: &LocalBlock<M>) -> bool {
        block.get::<COUNT>() == self.layout.count.into() && block.get::<BUFFER_SIZE>() == self.layout.size
    }

    #[inline(always)]
    fn prepare(
        &mut self,
        memory: &M,
        sections: &Sections,
        block: &LocalBlock<M>,
        peer: &RemoteBlock<M>,
    ) -> Result<(), SetupError> {
        let (peer_count, peer_size) = (peer.get::<COUNT>(), peer.get::<BUFFER_SIZE>());
        if !buffers_are_sound(peer_count, peer_size, N) {
            return Err(RingError::PeerBuffers { count: peer_count, size: peer_size }.into());
        }
        // CAST: a valid count is at most 32768.
        self.layout.compute(sections.own(), peer_count as u16)?;
        self.layout.peer_size = peer_size;
        let RingLayout { used, descriptors, available, buffers, count, size, peer_count, .. } = self.layout;
        // The rings are within the area, which is within the memory.
        if let Some(available) = AvailableRing::at(memory, available, count)
            && let Some(used) = UsedRing::at(memory, used, peer_count)
            && let Some(descriptors) = DescriptorTable::at(memory, descriptors, count)
        {
            available.prepare(Events);
            used.prepare();
            descriptors.prepare(count, buffers.into(), size);
        }
        block.set::<DESCRIPTORS>(descriptors);
        block.set::<AVAILABLE>(available);
        block.set::<BUFFERS>(buffers);
        block.set::<USED>(used);
        Ok(())
    }

    #[inline(always)]
    fn up(
        &mut self,
        memory: &M,
        sections: &Sections,
        peer: &RemoteBlock<M>,
        (id, vector): (PeerId, Vector),
    ) -> Result<(), RingError> {
        let features = Features::from_bits_retain(peer.get::<{ block::FEATURES }>());
        if !features.contains(Features::EVENT_INDEX) {
            return Err(RingError::PeerFeatures);
        }
        // The peer's count and size must still be the ones that `prepare` checked and used for the layout.
        let own = &self.layout;
        let (count, size) = (own.peer_count, own.peer_size);
        let other = RingError::PeerBuffers { count: peer.get::<COUNT>(), size: peer.get::<BUFFER_SIZE>() };
        if other != (RingError::PeerBuffers { count: count.into(), size }) {
            return Err(other);
        }
        // Cannot overflow; see `buffers_are_sound`.
        let bytes = u32::from(count).wrapping_mul(size);
        let lens = [descriptor_table_len(count), available_len(count), bytes, used_len(own.count)];
        let [descriptors, available, buffers, used] = Self::offsets(peer, &sections.peer(), lens)?;
        let incoming = Layout { size: count, descriptors, available, used: own.used };
        let outgoing = Layout { size: own.count, descriptors: own.descriptors, available: own.available, used };
        let (sent, received) = (pool(own.buffers, own.size), pool(buffers, size));
        // All offsets have been checked: the peer's offsets above, and this side's offsets in `compute`.
        let Some(out_ring) = Ring::at(memory, outgoing) else { return Err(other) };
        let Some(in_ring) = Ring::at(memory, incoming) else { return Err(other) };
        let Some(out_bytes) = sent.buffers_at(memory, own.count) else { return Err(other) };
        let Some(in_bytes) = received.buffers_at(memory, count) else { return Err(other) };
        let outgoing = DriverOutgoing::over(out_ring, out_bytes, sent);
        self.bus.attach(outgoing, DeviceIncoming::over(in_ring, in_bytes, received), id, vector);
        Ok(())
    }

    fn down(&mut self) {
        self.bus.detach();
    }

    fn fault(&self) -> Option<Fault> {
        self.bus.fault()
    }

    fn is_intact(&self) -> bool {
        self.bus.is_intact()
    }

    fn tick(&mut self) {
        self.bus.rearm();
    }
}

// The four offsets must be consecutive, because `Rings::offsets` reads them in a loop.
const _: () = assert!(AVAILABLE == DESCRIPTORS + 4 && BUFFERS == DESCRIPTORS + 8 && USED == DESCRIPTORS + 12);
