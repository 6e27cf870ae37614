//! One side of a link: its block, and where its rings and buffers are. Knows nothing of when to do what.

use super::area::{Area, AreaError, Span};
use crate::link::{Role, Settings};
use crate::mem::{Load, MemoryError, Record, SharedMemory, Store};
use crate::platform::{self, PeerId, Vector};
use crate::rpmsg::profile::NativeStyle;
use crate::rpmsg::{DeviceIncoming, DriverOutgoing, Pool};
use crate::virtqueue::{self, Layout, Suppression};
use crate::wire::link::{Features, State, block};
use crate::wire::rpmsg::{Header, NameService};
use crate::wire::vring::{available_len, descriptor, descriptor_table_len, used_len};

/// What is wrong with what the peer says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PeerError {
    /// Its number is none.
    #[error("the peer says that its id is {id}: ids are 0 to 65535")]
    Id {
        /// What it says.
        id: u32,
    },
    /// Its buffers cannot be, or are more than this side keeps track of.
    #[error(
        "the peer sends with {count} buffers of {size} bytes; here the count is a power of two up to {capacity}, the size a multiple of 8 from 56 to 65552"
    )]
    Buffers {
        /// Buffers.
        count: u32,
        /// Bytes of each.
        size: u32,
        /// The most that this side was built for.
        capacity: usize,
    },
    /// A part of it is not among its own memory, or not aligned.
    #[error("the peer's {part} of {len} bytes at {offset:#x} is not aligned, or not within its part of the link")]
    Part {
        /// Which.
        part: &'static str,
        /// Where it says it is.
        offset: u32,
        /// How long it would be, in bytes.
        len: u32,
    },
}

/// Whether buffers can be used: room for an announcement, no more than a 16-bit length, and few enough to keep track of.
fn buffers_are_sound(count: u32, size: u32, capacity: usize) -> bool {
    let largest = (Header::SIZE + u32::from(u16::MAX)).next_multiple_of(8);
    count.is_power_of_two()
        && count as usize <= capacity
        && count <= 1 << 15
        && size.is_multiple_of(8)
        && size >= Header::SIZE + NameService::SIZE
        && size <= largest
}

/// Both directions of a native link.
pub(super) type Ends<M, const N: usize> = (DriverOutgoing<M, N, NativeStyle>, DeviceIncoming<M, N, NativeStyle>);

/// The peer's parts, as an error names them.
const PARTS: [&str; 4] = ["descriptor table", "available ring", "used ring", "buffers"];

/// Buffers whose address is their offset.
const fn native_pool(start: u32, size: u32) -> Pool {
    Pool { start, address: start as u64, size }
}

/// What a link keeps of its settings.
#[derive(Clone, Copy, Debug)]
pub(super) struct Plan {
    pub role: Role,
    pub id: PeerId,
    pub vector: Vector,
    pub buffer_count: u16,
    pub buffer_size: u32,
    /// In microseconds; 1 ms at least, as a side that beat faster would do nothing else.
    pub heartbeat: u32,
    /// In microseconds; the largest for never.
    pub silence: u64,
}

impl Plan {
    /// That of no link.
    pub const NONE: Self = Self {
        role: Role::Host,
        id: PeerId(0),
        vector: Vector(0),
        buffer_count: 0,
        buffer_size: 0,
        heartbeat: 0,
        silence: 0,
    };

    pub fn new(id: PeerId, settings: &Settings) -> Self {
        let &Settings { role, vector, buffer_count, buffer_size, heartbeat, silence, .. } = settings;
        let heartbeat = u32::try_from(platform::micros(heartbeat)).unwrap_or(u32::MAX).max(1_000);
        let silence = silence.map_or(u64::MAX, platform::micros);
        Self { role, id, vector, buffer_count, buffer_size, heartbeat, silence }
    }
}

/// What one look at the other's block shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Look {
    pub epoch: u32,
    pub peer_epoch: u32,
    pub state: State,
    pub heartbeat: u32,
}

impl Look {
    /// A block that nobody has written.
    pub const NOTHING: Self = Self { epoch: 0, peer_epoch: 0, state: State::Reset, heartbeat: 0 };

    /// Whether someone is there.
    pub fn alive(&self) -> bool {
        self.epoch != 0 && !matches!(self.state, State::Reset | State::Dead)
    }
}

/// Where one side's rings and buffers are, in bytes from the memory's start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Parts {
    used: u32,
    descriptors: u32,
    available: u32,
    buffers: u32,
    count: u16,
    size: u32,
    /// How many buffers the peer sends with, for which the used ring has room.
    peer_count: u16,
}

impl Parts {
    /// Lays them out from the start of `data`, for a peer that sends with `peer_count` buffers.
    pub fn lay_out(data: Span, plan: &Plan, peer_count: u16) -> Result<Self, AreaError> {
        let (count, size) = (plan.buffer_count, plan.buffer_size);
        // From the data's start, which is a page's. No overflow: `buffers_are_sound` was asked, so the buffers have 2.2e9
        // bytes at most, and the rings less than 2 MiB.
        let descriptors = used_len(peer_count).next_multiple_of(descriptor::ALIGN);
        let available = descriptors + descriptor_table_len(count);
        let buffers = (available + available_len(count)).next_multiple_of(64);
        let needed = buffers + u32::from(count) * size;
        if needed > data.size {
            return Err(AreaError::TooSmall { count, buffer_size: size, needed, available: data.size });
        }
        let used = data.offset;
        let [descriptors, available, buffers] = [descriptors, available, buffers].map(|at| used + at);
        Ok(Self { used, descriptors, available, buffers, count, size, peer_count })
    }
}

/// Checks the settings of the side that they are for, whatever the peer will be.
pub(super) fn check(plan: &Plan, area: Area, capacity: usize) -> Result<(), AreaError> {
    let (count, size) = (plan.buffer_count, plan.buffer_size);
    if !buffers_are_sound(count.into(), size, capacity) {
        return Err(AreaError::Buffers { count, size, capacity });
    }
    let most = u16::try_from(capacity).unwrap_or(1 << 15);
    Parts::lay_out(area.data(plan.role), plan, most).map(|_| ())
}

/// This side's own block, written here; read back only to see whether it still stands.
#[derive(Debug)]
pub(super) struct Own<M>(Record<M, { block::SIZE }>);

impl<M: SharedMemory> Own<M> {
    pub fn new(memory: &M, area: Area, role: Role) -> Result<Self, MemoryError> {
        Ok(Self(Record::new(memory, area.block(role))?))
    }

    /// The epoch that an earlier incarnation left here, or 0.
    pub fn last_epoch(&self) -> u32 {
        self.0.load::<{ block::EPOCH }>(Load::Relaxed)
    }

    /// Whether the block still says what this side has written; otherwise whose id is there, if it is another's.
    pub fn stands(&self, epoch: u32, peer_epoch: u32, state: State, plan: &Plan) -> Result<(), Option<PeerId>> {
        let owner = self.0.load::<{ block::PEER_ID }>(Load::Relaxed);
        let same = owner == u32::from(plan.id.0)
            && self.0.load::<{ block::EPOCH }>(Load::Relaxed) == epoch
            && self.0.load::<{ block::PEER_EPOCH }>(Load::Relaxed) == peer_epoch
            && self.0.load::<{ block::STATE }>(Load::Relaxed) == state.to_wire()
            && self.0.load::<{ block::FEATURES }>(Load::Relaxed) == Features::EVENT_INDEX.bits()
            && self.0.load::<{ block::BUFFER_COUNT }>(Load::Relaxed) == plan.buffer_count.into()
            && self.0.load::<{ block::BUFFER_SIZE }>(Load::Relaxed) == plan.buffer_size;
        if same {
            return Ok(());
        }
        Err(u16::try_from(owner).ok().map(PeerId).filter(|&owner| owner != plan.id))
    }

    /// The heartbeat that stands in the block, whoever wrote it.
    pub fn last_heartbeat(&self) -> u32 {
        self.0.load::<{ block::HEARTBEAT }>(Load::Relaxed)
    }

    /// Begins a new incarnation: the epoch last, so that who sees it sees the rest.
    pub fn begin(&self, epoch: u32, plan: &Plan) {
        self.0.store::<{ block::PEER_EPOCH }>(0, Store::Relaxed);
        self.0.store::<{ block::STATE }>(State::Init.to_wire(), Store::Relaxed);
        self.0.store::<{ block::PEER_ID }>(plan.id.0.into(), Store::Relaxed);
        self.0.store::<{ block::FEATURES }>(Features::EVENT_INDEX.bits(), Store::Relaxed);
        self.0.store::<{ block::BUFFER_COUNT }>(plan.buffer_count.into(), Store::Relaxed);
        self.0.store::<{ block::BUFFER_SIZE }>(plan.buffer_size, Store::Relaxed);
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
    pub fn ready(&self, memory: &M, parts: &Parts) -> Result<(), MemoryError> {
        virtqueue::prepare_available(memory, parts.available, parts.count)?;
        virtqueue::prepare_used(memory, parts.used, parts.peer_count)?;
        self.0.store::<{ block::DESCRIPTORS }>(parts.descriptors, Store::Relaxed);
        self.0.store::<{ block::AVAILABLE }>(parts.available, Store::Relaxed);
        self.0.store::<{ block::BUFFERS }>(parts.buffers, Store::Relaxed);
        self.0.store::<{ block::USED }>(parts.used, Store::Relaxed);
        self.state(State::Ready);
        Ok(())
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
pub(super) struct Peer<M>(Record<M, { block::SIZE }>);

impl<M: SharedMemory> Peer<M> {
    pub fn new(memory: &M, area: Area, role: Role) -> Result<Self, MemoryError> {
        Ok(Self(Record::new(memory, area.block(role))?))
    }

    /// What the block says now; `None` while it is between two incarnations.
    pub fn look(&self) -> Option<Look> {
        // Each load acquires, so that they are made in this order: the reverse of `Own::begin` and `Own::confirm`.
        let epoch = self.0.load::<{ block::EPOCH }>(Load::Acquire);
        let peer_epoch = self.0.load::<{ block::PEER_EPOCH }>(Load::Acquire);
        let state = self.0.load::<{ block::STATE }>(Load::Acquire);
        let heartbeat = self.0.load::<{ block::HEARTBEAT }>(Load::Acquire);
        let state = State::from_wire(state)?;
        let same = self.0.load::<{ block::EPOCH }>(Load::Acquire) == epoch;
        same.then_some(Look { epoch, peer_epoch, state, heartbeat })
    }

    /// Whether the block still says what it said. In no order: what follows from a change is for [`look`](Self::look).
    pub fn still_says(&self, seen: &Look) -> bool {
        self.0.load::<{ block::EPOCH }>(Load::Relaxed) == seen.epoch
            && self.0.load::<{ block::PEER_EPOCH }>(Load::Relaxed) == seen.peer_epoch
            && self.0.load::<{ block::STATE }>(Load::Relaxed) == seen.state.to_wire()
            && self.0.load::<{ block::HEARTBEAT }>(Load::Relaxed) == seen.heartbeat
    }

    pub fn id(&self) -> Result<PeerId, PeerError> {
        let id = self.0.load::<{ block::PEER_ID }>(Load::Relaxed);
        u16::try_from(id).map(PeerId).map_err(|_| PeerError::Id { id })
    }

    /// How many buffers it sends with, and how large; from INIT.
    pub fn buffers(&self, capacity: usize) -> Result<(u16, u32), PeerError> {
        let count = self.0.load::<{ block::BUFFER_COUNT }>(Load::Relaxed);
        let size = self.0.load::<{ block::BUFFER_SIZE }>(Load::Relaxed);
        match u16::try_from(count) {
            Ok(number) if buffers_are_sound(count, size, capacity) => Ok((number, size)),
            _ => Err(PeerError::Buffers { count, size, capacity }),
        }
    }

    /// Both directions of messages, from where the peer says its parts are; from READY.
    pub fn connect<const N: usize>(&self, memory: &M, data: Span, own: &Parts) -> Result<Ends<M, N>, PeerError> {
        let (count, size) = self.buffers(N)?;
        if count != own.peer_count {
            return Err(PeerError::Buffers { count: count.into(), size, capacity: own.peer_count.into() });
        }
        let features = Features::from_bits_retain(self.0.load::<{ block::FEATURES }>(Load::Relaxed));
        let suppression =
            if features.contains(Features::EVENT_INDEX) { Suppression::Events } else { Suppression::Flags };
        let descriptors = self.0.load::<{ block::DESCRIPTORS }>(Load::Relaxed);
        let available = self.0.load::<{ block::AVAILABLE }>(Load::Relaxed);
        let buffers = self.0.load::<{ block::BUFFERS }>(Load::Relaxed);
        let used = self.0.load::<{ block::USED }>(Load::Relaxed);
        let parts = [
            (descriptors, descriptor_table_len(count), 4),
            (available, available_len(count), 2),
            (used, used_len(own.count), 4),
            // No overflow: `buffers_are_sound`.
            (buffers, u32::from(count) * size, 1),
        ];
        for ((offset, len, align), part) in parts.into_iter().zip(PARTS) {
            if !data.contains(offset, len) || !offset.is_multiple_of(align) {
                return Err(PeerError::Part { part, offset, len });
            }
        }
        let incoming = Layout { size: count, descriptors, available, used: own.used };
        let outgoing = Layout { size: own.count, descriptors: own.descriptors, available: own.available, used };
        // All places were found good above, and ours when they were laid out: there can only be too many.
        let too_many = |_| PeerError::Buffers { count: count.into(), size, capacity: N };
        let outgoing = DriverOutgoing::new(memory, outgoing, native_pool(own.buffers, own.size), suppression);
        let outgoing = outgoing.map_err(too_many)?;
        let incoming = DeviceIncoming::new(memory, incoming, native_pool(buffers, size), suppression);
        Ok((outgoing, incoming.map_err(too_many)?))
    }
}
