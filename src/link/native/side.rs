//! One side of a link: its block, and where its rings and buffers are. Knows nothing of when to do what.

use super::area::{Area, AreaError, Span};
use crate::link::{Role, Settings};
use crate::mem::{Load, Record, SharedMemory, Store};
use crate::platform::{self, Doorbell, PeerId, Vector};
use crate::rpmsg::profile::Native;
use crate::rpmsg::{BufferPool, Bus, DeviceIncoming, DriverOutgoing};
use crate::virtqueue::{self, Layout, Ring};
use crate::wire::link::{Features, State, block};
use crate::wire::rpmsg::{Header, NameService};
use crate::wire::vring::{available_len, descriptor, descriptor_table_len, used_len};

/// What is wrong with what the peer says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum PeerError {
    /// Its number is none.
    #[error("the peer says that its id is {id}: ids are 0 to 65535")]
    Id {
        /// What it says.
        id: u32,
    },
    /// Its buffers cannot be, or are more than this side keeps track of.
    #[error(
        "the peer sends with {count} buffers of {size} bytes; the count is a power of two, no more than this side was built for, the size a multiple of 8 from 56 to 65552"
    )]
    Buffers {
        /// Buffers.
        count: u32,
        /// Bytes of each.
        size: u32,
    },
    /// A part of it is not among its own memory, or not aligned.
    #[error("the peer's {part} at {offset:#x} is not aligned, or not within its half of the link's area")]
    Part {
        /// Which.
        part: Part,
        /// Where it says it is, in bytes.
        offset: u32,
    },
    /// It cannot do what each side must.
    #[error("the peer has not EVENT_IDX: use the same version of amp-ivshmem on both sides")]
    Features,
}

/// What a side has in its part of a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Part {
    /// What names its buffers.
    #[error("descriptor table")]
    Descriptors,
    /// Where it offers them.
    #[error("available ring")]
    Available,
    /// Its messages.
    #[error("buffers")]
    Buffers,
    /// Where it gives the other's back.
    #[error("used ring")]
    Used,
}

/// Whether buffers can be used: room for an announcement, no more than a 16-bit length, and few enough to keep track of.
// Inlined, so that for constant settings the compiler knows.
#[inline(always)]
pub(super) fn buffers_are_sound(count: u32, size: u32, capacity: usize) -> bool {
    let largest = (Header::SIZE + u32::from(u16::MAX)).next_multiple_of(8);
    count.is_power_of_two()
        && count as usize <= capacity
        && count <= 1 << 15
        && size.is_multiple_of(8)
        && size >= Header::SIZE + NameService::SIZE
        && size <= largest
}

/// The next multiple of `align`, a power of two, of what is far from the largest number.
const fn aligned(offset: u32, align: u32) -> u32 {
    (offset + align - 1) & !(align - 1)
}

/// Buffers whose address is their offset.
const fn native_pool(start: u32, size: u32) -> BufferPool {
    BufferPool { start, address: start as u64, size }
}

/// What a link keeps of its settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct LinkConfig {
    pub role: Role,
    pub id: PeerId,
    pub vector: Vector,
    pub buffer_count: u16,
    pub buffer_size: u32,
    /// In microseconds; 1 ms at least, as a side that beat faster would do nothing else.
    pub heartbeat: u32,
    /// In microseconds; the largest for never.
    pub peer_timeout: u64,
}

impl LinkConfig {
    /// That of no link.
    pub const NONE: Self = Self {
        role: Role::Host,
        id: PeerId(0),
        vector: Vector(0),
        buffer_count: 0,
        buffer_size: 0,
        heartbeat: 0,
        peer_timeout: 0,
    };

    // Inlined, so that constant settings are worked out by the compiler.
    #[inline(always)]
    pub fn new(id: PeerId, settings: &Settings) -> Self {
        let &Settings { role, vector, buffer_count, buffer_size, heartbeat, peer_timeout, .. } = settings;
        let heartbeat = u32::try_from(platform::micros(heartbeat)).unwrap_or(u32::MAX).max(1_000);
        let peer_timeout = peer_timeout.map_or(u64::MAX, platform::micros);
        Self { role, id, vector, buffer_count, buffer_size, heartbeat, peer_timeout }
    }
}

/// What one look at the other's block shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PeerSnapshot {
    pub epoch: u32,
    pub peer_epoch: u32,
    pub state: State,
    pub heartbeat: u32,
}

impl PeerSnapshot {
    /// A block that nobody has written.
    pub const NOTHING: Self = Self { epoch: 0, peer_epoch: 0, state: State::Reset, heartbeat: 0 };

    /// Whether someone is there.
    pub fn alive(&self) -> bool {
        self.epoch != 0 && !matches!(self.state, State::Reset | State::Dead)
    }
}

/// Where one side's rings and buffers are, in bytes from the memory's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct RingLayout {
    used: u32,
    descriptors: u32,
    available: u32,
    buffers: u32,
    count: u16,
    size: u32,
    /// How many buffers the peer sends with, for which the used ring has room.
    peer_count: u16,
}

impl RingLayout {
    /// Not laid out.
    pub const NONE: Self = Self { used: 0, descriptors: 0, available: 0, buffers: 0, count: 0, size: 0, peer_count: 0 };

    /// Lays them out from the start of `data`, for a peer that sends with `peer_count` buffers.
    pub fn compute(&mut self, data: Span, config: &LinkConfig, peer_count: u16) -> Result<(), AreaError> {
        let (count, size) = (config.buffer_count, config.buffer_size);
        // From the data's start, which is a page's. No overflow: `buffers_are_sound` was asked, so the buffers have 2.2e9
        // bytes at most, and the rings less than 2 MiB.
        let descriptors = aligned(used_len(peer_count), descriptor::ALIGN);
        let available = descriptors + descriptor_table_len(count);
        let buffers = aligned(available + available_len(count), 64);
        let needed = buffers + u32::from(count) * size;
        if needed > data.size {
            return Err(AreaError::TooSmall { needed, available: data.size });
        }
        let used = data.offset;
        *self = Self {
            used,
            descriptors: used + descriptors,
            available: used + available,
            buffers: used + buffers,
            count,
            size,
            peer_count,
        };
        Ok(())
    }
}

/// Whether a side with these settings, found sound, has room in its part of `area`, whatever the peer will be.
pub(super) fn check(config: &LinkConfig, area: Area, capacity: usize) -> Result<(), AreaError> {
    let most = u16::try_from(capacity).unwrap_or(1 << 15);
    { RingLayout::NONE }.compute(area.data(config.role), config, most)
}

/// This side's own block, written here; read back only to see whether it still stands.
#[derive(Debug)]
pub(super) struct LocalBlock<M: SharedMemory>(Record<M, { block::SIZE }>);

impl<M: SharedMemory> LocalBlock<M> {
    pub fn new(memory: &M, area: Area, role: Role) -> Option<Self> {
        Record::at(memory, area.block(role)).map(Self)
    }

    /// The epoch that an earlier incarnation left here, or 0.
    pub fn last_epoch(&self) -> u32 {
        self.0.load::<{ block::EPOCH }>(Load::Relaxed)
    }

    /// Whether the block still says what this side has written; otherwise whose id is there, if it is another's.
    pub fn verify(&self, epoch: u32, peer_epoch: u32, state: State, config: &LinkConfig) -> Result<(), Option<PeerId>> {
        let owner = self.0.load::<{ block::PEER_ID }>(Load::Relaxed);
        let same = owner == u32::from(config.id.0)
            && self.0.load::<{ block::EPOCH }>(Load::Relaxed) == epoch
            && self.0.load::<{ block::PEER_EPOCH }>(Load::Relaxed) == peer_epoch
            && self.0.load::<{ block::STATE }>(Load::Relaxed) == state.to_wire()
            && self.0.load::<{ block::FEATURES }>(Load::Relaxed) == Features::EVENT_INDEX.bits()
            && self.0.load::<{ block::BUFFER_COUNT }>(Load::Relaxed) == config.buffer_count.into()
            && self.0.load::<{ block::BUFFER_SIZE }>(Load::Relaxed) == config.buffer_size;
        if same {
            return Ok(());
        }
        Err(u16::try_from(owner).ok().map(PeerId).filter(|&owner| owner != config.id))
    }

    /// The heartbeat that stands in the block, whoever wrote it.
    pub fn last_heartbeat(&self) -> u32 {
        self.0.load::<{ block::HEARTBEAT }>(Load::Relaxed)
    }

    /// Begins a new incarnation: the epoch last, so that who sees it sees the rest.
    pub fn begin(&self, epoch: u32, config: &LinkConfig) {
        self.0.store::<{ block::PEER_EPOCH }>(0, Store::Relaxed);
        self.0.store::<{ block::STATE }>(State::Init.to_wire(), Store::Relaxed);
        self.0.store::<{ block::PEER_ID }>(config.id.0.into(), Store::Relaxed);
        self.0.store::<{ block::FEATURES }>(Features::EVENT_INDEX.bits(), Store::Relaxed);
        self.0.store::<{ block::BUFFER_COUNT }>(config.buffer_count.into(), Store::Relaxed);
        self.0.store::<{ block::BUFFER_SIZE }>(config.buffer_size, Store::Relaxed);
        self.0.store::<{ block::EPOCH }>(epoch, Store::Release);
    }

    /// Goes back to INIT, not using the peer's rings any more, and confirms its epoch: the state first, so that who
    /// sees the confirmation does not see the state of the time before.
    pub fn confirm(&self, peer_epoch: u32) {
        self.0.store::<{ block::STATE }>(State::Init.to_wire(), Store::Release);
        self.0.store::<{ block::PEER_EPOCH }>(peer_epoch, Store::Release);
    }

    /// Sets the rings to their start and says where they are. The peer is not looking at them: it has confirmed this
    /// side's epoch and not seen it READY since.
    pub fn ready(&self, memory: &M, rings: &RingLayout) {
        let &RingLayout { used, descriptors, available, buffers, count, size, peer_count } = rings;
        // They lie within the area, which is within the memory.
        let outgoing = Layout { size: count, descriptors, available, used };
        virtqueue::prepare_side(memory, outgoing, (used, peer_count), (buffers, size));
        self.0.store::<{ block::DESCRIPTORS }>(rings.descriptors, Store::Relaxed);
        self.0.store::<{ block::AVAILABLE }>(rings.available, Store::Relaxed);
        self.0.store::<{ block::BUFFERS }>(rings.buffers, Store::Relaxed);
        self.0.store::<{ block::USED }>(rings.used, Store::Relaxed);
        self.state(State::Ready);
    }

    pub fn state(&self, state: State) {
        self.0.store::<{ block::STATE }>(state.to_wire(), Store::Release);
    }

    pub fn heartbeat(&self, beat: u32) {
        self.0.store::<{ block::HEARTBEAT }>(beat, Store::Relaxed);
    }
}

/// The other side's block, only ever read, and believed nothing.
#[derive(Debug)]
pub(super) struct RemoteBlock<M: SharedMemory>(Record<M, { block::SIZE }>);

impl<M: SharedMemory> RemoteBlock<M> {
    pub fn new(memory: &M, area: Area, role: Role) -> Option<Self> {
        Record::at(memory, area.block(role)).map(Self)
    }

    /// What the block says now; `None` while it is between two incarnations.
    pub fn snapshot(&self) -> Option<PeerSnapshot> {
        // Each load acquires, so that they are made in this order: the reverse of `LocalBlock::begin` and `LocalBlock::confirm`.
        let epoch = self.0.load::<{ block::EPOCH }>(Load::Acquire);
        let peer_epoch = self.0.load::<{ block::PEER_EPOCH }>(Load::Acquire);
        let state = self.0.load::<{ block::STATE }>(Load::Acquire);
        let heartbeat = self.0.load::<{ block::HEARTBEAT }>(Load::Acquire);
        let state = State::from_wire(state)?;
        let same = self.0.load::<{ block::EPOCH }>(Load::Acquire) == epoch;
        same.then_some(PeerSnapshot { epoch, peer_epoch, state, heartbeat })
    }

    /// Whether the block still says RUN, with this side's `epoch`. All that a side tells its peer of while both run begins with
    /// its leaving RUN, which it cannot come back to before somebody has confirmed it anew: this side, or another in its
    /// place, whose epoch is another. In no order: what follows is for [`snapshot`](Self::snapshot).
    pub fn is_running(&self, epoch: u32) -> bool {
        self.0.load::<{ block::STATE }>(Load::Relaxed) == State::Run.to_wire() && self.confirmed() == epoch
    }

    /// Which epoch of this side it has confirmed last, as far as can be told.
    pub fn confirmed(&self) -> u32 {
        self.0.load::<{ block::PEER_EPOCH }>(Load::Relaxed)
    }

    pub fn id(&self) -> Result<PeerId, PeerError> {
        let id = self.0.load::<{ block::PEER_ID }>(Load::Relaxed);
        u16::try_from(id).map(PeerId).map_err(|_| PeerError::Id { id })
    }

    /// How many buffers it sends with, and how large, found sound; from INIT.
    #[inline(always)]
    pub fn buffers(&self, capacity: usize) -> Result<(u16, u32), PeerError> {
        let count = self.0.load::<{ block::BUFFER_COUNT }>(Load::Relaxed);
        let size = self.0.load::<{ block::BUFFER_SIZE }>(Load::Relaxed);
        match Self::are_sound(count, size, capacity) {
            // CAST: a sound count is 32768 at most.
            true => Ok((count as u16, size)),
            false => Err(PeerError::Buffers { count, size }),
        }
    }

    #[inline(never)]
    fn are_sound(count: u32, size: u32, capacity: usize) -> bool {
        buffers_are_sound(count, size, capacity)
    }

    /// Where the peer says that its parts of these lengths are, if they are within `data` and aligned.
    #[inline(always)]
    fn places(&self, data: &Span, lens: [u32; 4]) -> Result<[u32; 4], PeerError> {
        // For the fields of 16 and 32 bits, and for whatever an application reads in place.
        const PARTS: [(Part, u8); 4] =
            [(Part::Descriptors, 4), (Part::Available, 2), (Part::Buffers, 8), (Part::Used, 4)];
        let mut places = lens;
        for (place, &(part, align)) in places.iter_mut().zip(&PARTS) {
            let offset = self.0.load_field(block::DESCRIPTORS / 4 + part as u32, Load::Relaxed);
            if offset & (u32::from(align) - 1) != 0 || !data.contains(offset, *place) {
                return Err(PeerError::Part { part, offset });
            }
            *place = offset;
        }
        Ok(places)
    }

    /// Attaches both directions of messages to `bus`, through what the peer says its parts are; from READY.
    #[inline(always)]
    pub fn attach<D: Doorbell, const E: usize, const N: usize>(
        &self,
        bus: &mut Bus<Native<M, N>, D, E>,
        memory: &M,
        data: Span,
        own: &RingLayout,
        (peer, vector): (PeerId, Vector),
    ) -> Result<(), PeerError> {
        let features = Features::from_bits_retain(self.0.load::<{ block::FEATURES }>(Load::Relaxed));
        if !features.contains(Features::EVENT_INDEX) {
            return Err(PeerError::Features);
        }
        let (count, size) = self.buffers(N)?;
        let other = PeerError::Buffers { count: count.into(), size };
        if count != own.peer_count {
            return Err(other);
        }
        // No overflow: `buffers_are_sound`.
        let bytes = u32::from(count) * size;
        let lens = [descriptor_table_len(count), available_len(count), bytes, used_len(own.count)];
        let [descriptors, available, buffers, used] = self.places(&data, lens)?;
        let incoming = Layout { size: count, descriptors, available, used: own.used };
        let outgoing = Layout { size: own.count, descriptors: own.descriptors, available: own.available, used };
        let (sent, received) = (native_pool(own.buffers, own.size), native_pool(buffers, size));
        // All places were found good above, and ours when they were laid out.
        let Some(out_ring) = Ring::at(memory, outgoing) else { return Err(other) };
        let Some(in_ring) = Ring::at(memory, incoming) else { return Err(other) };
        let Some(out_bytes) = sent.buffers_at(memory, own.count) else { return Err(other) };
        let Some(in_bytes) = received.buffers_at(memory, count) else { return Err(other) };
        let outgoing = DriverOutgoing::over(out_ring, out_bytes, sent);
        bus.attach(outgoing, DeviceIncoming::over(in_ring, in_bytes, received), peer, vector);
        Ok(())
    }
}

// The four places follow each other, as `RemoteBlock::place` reads them.
const _: () = assert!(block::DESCRIPTORS + 12 == block::USED && block::DESCRIPTORS + 4 == block::AVAILABLE);
