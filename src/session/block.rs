// SPDX-License-Identifier: Apache-2.0
//! The two sides' blocks: a side writes its own block, and only reads the peer's.

use core::fmt;

use super::config::{Config, Role, Roles};
use crate::mem::{Load, Record, SharedMemory, Store};
use crate::platform::PeerId;
use crate::wire::area::Area;
use crate::wire::session::{Kind, Speaks, State, VERSION, block};

/// Reasons why this side cannot work with a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum PeerError {
    /// The peer's id is outside the valid range.
    #[error("the peer's block has the id {id}, but ids are 0 to 65535: restart the peer")]
    Id {
        /// The id in the peer's block.
        id: u32,
    },
    /// The peer uses another version of the layout, or expects another service on this link.
    #[error("{}", Mismatch(*.found, *.expected))]
    Speaks {
        /// The version and the kind of service in the peer's block.
        found: Speaks,
        /// The kind of service on this side.
        expected: Kind,
    },
}

/// The cause of [`PeerError::Speaks`], and the remedy.
struct Mismatch(Speaks, Kind);

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let &Self(found, expected) = self;
        match found.version() {
            VERSION => {
                let found = found.kind();
                write!(f, "the peer expects {found} on this link, but this side carries {expected}: ")?;
                f.write_str("use another link, or the same service on both sides")
            }
            version => {
                write!(f, "the peer uses wire version {version}, but this side uses {VERSION}: ")?;
                f.write_str("use the same version of amp-ivshmem on both sides")
            }
        }
    }
}

/// The words of the peer's block that every snapshot reads.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct PeerSnapshot {
    pub epoch: u32,
    pub peer_epoch: u32,
    pub state: State,
    pub heartbeat: u32,
}

impl PeerSnapshot {
    /// The snapshot of an unwritten block.
    pub const NOTHING: Self = Self { epoch: 0, peer_epoch: 0, state: State::Reset, heartbeat: 0 };

    /// Returns whether a side has started and has neither stopped nor left.
    pub fn alive(&self) -> bool {
        self.epoch != 0 && !matches!(self.state, State::Reset | State::Dead)
    }
}

/// This side's own block. This side reads its block back only to check that no other side has overwritten it.
#[derive(Debug)]
pub struct LocalBlock<M: SharedMemory>(Record<M, { block::SIZE }>);

impl<M: SharedMemory> LocalBlock<M> {
    pub(super) fn new(memory: &M, area: Area, role: Role) -> Option<Self> {
        Record::at(memory, area.block(role)).map(Self)
    }

    /// Stores one of the service's words, at byte offset `FIELD`. The next store to the state publishes the word.
    #[inline(always)]
    pub fn set<const FIELD: u32>(&self, value: u32) {
        const { assert!(FIELD >= block::SERVICE, "this word is the session's") }
        self.0.store::<FIELD>(value, Store::Relaxed);
    }

    /// Loads the word at byte offset `FIELD`.
    #[inline(always)]
    pub fn get<const FIELD: u32>(&self) -> u32 {
        self.0.load::<FIELD>(Load::Relaxed)
    }

    /// Returns the epoch of the block's previous incarnation, or 0.
    pub(super) fn last_epoch(&self) -> u32 {
        self.get::<{ block::EPOCH }>()
    }

    /// Checks that the words that this side wrote are unchanged. If the block contains the id of another peer, the
    /// error contains that id.
    pub(super) fn verify<R: Roles>(
        &self,
        epoch: u32,
        peer_epoch: u32,
        state: State,
        config: &Config<R>,
        offer: Offer,
        service: impl FnOnce() -> bool,
    ) -> Result<(), Option<PeerId>> {
        let owner = self.get::<{ block::PEER_ID }>();
        let same = owner == u32::from(config.id.0)
            && self.get::<{ block::EPOCH }>() == epoch
            && self.get::<{ block::PEER_EPOCH }>() == peer_epoch
            && self.get::<{ block::STATE }>() == state.to_wire()
            && self.get::<{ block::FEATURES }>() == offer.features
            && self.get::<{ block::SPEAKS }>() == offer.speaks.0
            && service();
        if same {
            return Ok(());
        }
        Err(u16::try_from(owner).ok().map(PeerId).filter(|&owner| owner != config.id))
    }

    /// Returns the heartbeat in the block, even if another side wrote it.
    pub(super) fn last_heartbeat(&self) -> u32 {
        self.get::<{ block::HEARTBEAT }>()
    }

    /// Begins a new incarnation. The epoch is stored last, so a peer that sees the new epoch also sees the other words.
    pub(super) fn begin(&self, epoch: u32, id: PeerId, offer: Offer, service: impl FnOnce(&Self)) {
        self.0.store::<{ block::PEER_EPOCH }>(0, Store::Relaxed);
        self.0.store::<{ block::STATE }>(State::Init.to_wire(), Store::Relaxed);
        self.0.store::<{ block::PEER_ID }>(id.0.into(), Store::Relaxed);
        self.0.store::<{ block::FEATURES }>(offer.features, Store::Relaxed);
        self.0.store::<{ block::SPEAKS }>(offer.speaks.0, Store::Relaxed);
        service(self);
        self.0.store::<{ block::EPOCH }>(epoch, Store::Release);
    }

    /// Goes back to INIT, in which this side does not use the peer's rings, and confirms the peer's epoch. The state is
    /// stored first, so a peer that sees the confirmation cannot see the previous state.
    pub(super) fn confirm(&self, peer_epoch: u32) {
        self.0.store::<{ block::STATE }>(State::Init.to_wire(), Store::Release);
        self.0.store::<{ block::PEER_EPOCH }>(peer_epoch, Store::Release);
    }

    pub(super) fn state(&self, state: State) {
        self.0.store::<{ block::STATE }>(state.to_wire(), Store::Release);
    }

    pub(super) fn heartbeat(&self, beat: u32) {
        self.0.store::<{ block::HEARTBEAT }>(beat, Store::Relaxed);
    }
}

/// The words in a side's block that are constant for a service.
#[derive(Clone, Copy, Debug)]
pub(super) struct Offer {
    pub speaks: Speaks,
    pub features: u32,
}

/// The peer's block, which this side only reads and never trusts.
#[derive(Debug)]
pub struct RemoteBlock<M: SharedMemory>(Record<M, { block::SIZE }>);

impl<M: SharedMemory> RemoteBlock<M> {
    pub(super) fn new(memory: &M, area: Area, role: Role) -> Option<Self> {
        Record::at(memory, area.block(role)).map(Self)
    }

    /// Loads the word at byte offset `FIELD`.
    #[inline(always)]
    pub fn get<const FIELD: u32>(&self) -> u32 {
        self.0.load::<FIELD>(Load::Relaxed)
    }

    /// Loads the word at `index`, modulo the number of words in the block.
    #[inline(always)]
    pub fn word(&self, index: u32) -> u32 {
        self.0.load_field(index, Load::Relaxed)
    }

    /// Reads the words of a snapshot. Returns `None` if the peer is just beginning an incarnation or the state is
    /// invalid.
    pub(super) fn snapshot(&self) -> Option<PeerSnapshot> {
        // These are acquire loads, so they happen in this order. This order is the reverse of the order in which
        // `LocalBlock::begin` and `LocalBlock::confirm` store the words.
        let epoch = self.0.load::<{ block::EPOCH }>(Load::Acquire);
        let peer_epoch = self.0.load::<{ block::PEER_EPOCH }>(Load::Acquire);
        let state = self.0.load::<{ block::STATE }>(Load::Acquire);
        let heartbeat = self.0.load::<{ block::HEARTBEAT }>(Load::Acquire);
        let state = State::from_wire(state)?;
        let same = self.0.load::<{ block::EPOCH }>(Load::Acquire) == epoch;
        same.then_some(PeerSnapshot { epoch, peer_epoch, state, heartbeat })
    }

    /// Returns whether the peer is in RUN and has confirmed this side's `epoch`. While both sides are in RUN, a peer
    /// always leaves RUN before it does anything that this side must notice. The peer returns to RUN only after its own
    /// epoch has been confirmed again, either by this side or by a side that has taken over this side's block and uses
    /// another epoch. The two loads are unordered, because [`snapshot`](Self::snapshot) rereads both words.
    #[inline(always)]
    pub(super) fn is_running(&self, epoch: u32) -> bool {
        self.get::<{ block::STATE }>() == State::Run.to_wire() && self.confirmed() == epoch
    }

    /// Returns the number of the peer's queues, valid from INIT on.
    #[must_use]
    pub fn queues(&self) -> u8 {
        Speaks(self.get::<{ block::SPEAKS }>()).queues()
    }

    /// Returns the epoch of this side that the peer confirmed last. The peer may have written any value.
    pub(super) fn confirmed(&self) -> u32 {
        self.get::<{ block::PEER_EPOCH }>()
    }

    /// Returns the peer's id.
    pub(super) fn id(&self) -> Result<PeerId, PeerError> {
        let id = self.get::<{ block::PEER_ID }>();
        u16::try_from(id).map(PeerId).map_err(|_| PeerError::Id { id })
    }

    /// Checks that the peer uses this version of the layout and expects the same service.
    pub(super) fn check(&self, expected: Kind) -> Result<(), PeerError> {
        let found = Speaks(self.get::<{ block::SPEAKS }>());
        if found.matches(expected) { Ok(()) } else { Err(PeerError::Speaks { found, expected }) }
    }
}
