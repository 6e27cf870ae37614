// SPDX-License-Identifier: Apache-2.0
//! Both sides' blocks: this side's own block, which it writes, and the peer's, which it only reads.

use core::fmt;

use super::config::{Config, Role, Roles};
use crate::mem::{Load, Record, SharedMemory, Store};
use crate::platform::PeerId;
use crate::wire::area::Area;
use crate::wire::session::{Kind, Speaks, State, VERSION, block};

/// The reason why a peer does not fit this side.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[repr(u32)]
pub enum PeerError {
    /// The peer's id is outside the valid range.
    #[error("the peer says that its id is {id}: ids are 0 to 65535")]
    Id {
        /// The id in the peer's block.
        id: u32,
    },
    /// The peer speaks another version of the layout, or carries another service over this link.
    #[error("{}", Mismatch(*.found, *.expected))]
    Speaks {
        /// The peer's version and kind of service.
        found: Speaks,
        /// This side's kind.
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
                write!(f, "the peer expects {found} on this link, this side {expected}: ")?;
                f.write_str("use another link, or start the same kind on both sides")
            }
            version => {
                write!(f, "the peer speaks wire version {version}; this side speaks {VERSION}: ")?;
                f.write_str("use the same version of amp-ivshmem on both sides")
            }
        }
    }
}

/// The part of the peer's block that each look reads.
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

    /// Returns whether a side has started and has not given up or left.
    pub fn alive(&self) -> bool {
        self.epoch != 0 && !matches!(self.state, State::Reset | State::Dead)
    }
}

/// This side's own block. It is read back only to check that its words are still what this side wrote.
#[derive(Debug)]
pub struct LocalBlock<M: SharedMemory>(Record<M, { block::SIZE }>);

impl<M: SharedMemory> LocalBlock<M> {
    pub(super) fn new(memory: &M, area: Area, role: Role) -> Option<Self> {
        Record::at(memory, area.block(role)).map(Self)
    }

    /// Stores one of the service's words, at byte `FIELD`. The next state that is stored publishes the word.
    #[inline(always)]
    pub fn set<const FIELD: u32>(&self, value: u32) {
        const { assert!(FIELD >= block::SERVICE, "this word is the session's") }
        self.0.store::<FIELD>(value, Store::Relaxed);
    }

    /// Loads the word at byte `FIELD`.
    #[inline(always)]
    pub fn get<const FIELD: u32>(&self) -> u32 {
        self.0.load::<FIELD>(Load::Relaxed)
    }

    /// Returns the epoch that an earlier incarnation left here, or 0.
    pub(super) fn last_epoch(&self) -> u32 {
        self.get::<{ block::EPOCH }>()
    }

    /// Checks that the session's words are still what this side wrote. The error is the id in the block if it is the id
    /// of another peer.
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
    /// stored first, so a peer that sees the confirmation does not see the former state.
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

/// The other side's block, which is only ever read, and never trusted.
#[derive(Debug)]
pub struct RemoteBlock<M: SharedMemory>(Record<M, { block::SIZE }>);

impl<M: SharedMemory> RemoteBlock<M> {
    pub(super) fn new(memory: &M, area: Area, role: Role) -> Option<Self> {
        Record::at(memory, area.block(role)).map(Self)
    }

    /// Loads the word at byte `FIELD`.
    #[inline(always)]
    pub fn get<const FIELD: u32>(&self) -> u32 {
        self.0.load::<FIELD>(Load::Relaxed)
    }

    /// Loads the word with the number `index`, modulo the block's words.
    #[inline(always)]
    pub fn word(&self, index: u32) -> u32 {
        self.0.load_field(index, Load::Relaxed)
    }

    /// Reads the block, or returns `None` while it is between two incarnations.
    pub(super) fn snapshot(&self) -> Option<PeerSnapshot> {
        // Each load acquires, so that the loads are made in this order: the reverse of `LocalBlock::begin` and
        // `LocalBlock::confirm`.
        let epoch = self.0.load::<{ block::EPOCH }>(Load::Acquire);
        let peer_epoch = self.0.load::<{ block::PEER_EPOCH }>(Load::Acquire);
        let state = self.0.load::<{ block::STATE }>(Load::Acquire);
        let heartbeat = self.0.load::<{ block::HEARTBEAT }>(Load::Acquire);
        let state = State::from_wire(state)?;
        let same = self.0.load::<{ block::EPOCH }>(Load::Acquire) == epoch;
        same.then_some(PeerSnapshot { epoch, peer_epoch, state, heartbeat })
    }

    /// Returns whether the block still says RUN, with this side's `epoch`. While both sides run, a peer that has
    /// anything to tell this side always leaves RUN first. It cannot return to RUN until it has been confirmed again:
    /// by this side, or by another side with another epoch that has taken this side's place. The two loads have no
    /// order; [`snapshot`](Self::snapshot) reads any change.
    #[inline(always)]
    pub(super) fn is_running(&self, epoch: u32) -> bool {
        self.get::<{ block::STATE }>() == State::Run.to_wire() && self.confirmed() == epoch
    }

    /// Returns the number of the peer's queues, valid from INIT on.
    #[must_use]
    pub fn queues(&self) -> u8 {
        Speaks(self.get::<{ block::SPEAKS }>()).queues()
    }

    /// Returns the epoch of this side that the peer confirmed last, as far as can be told.
    pub(super) fn confirmed(&self) -> u32 {
        self.get::<{ block::PEER_EPOCH }>()
    }

    /// Returns the peer's id.
    pub(super) fn id(&self) -> Result<PeerId, PeerError> {
        let id = self.get::<{ block::PEER_ID }>();
        u16::try_from(id).map(PeerId).map_err(|_| PeerError::Id { id })
    }

    /// Checks that the peer speaks this version of the layout, and is there for the same service.
    pub(super) fn check(&self, expected: Kind) -> Result<(), PeerError> {
        let found = Speaks(self.get::<{ block::SPEAKS }>());
        if found.matches(expected) { Ok(()) } else { Err(PeerError::Speaks { found, expected }) }
    }
}
