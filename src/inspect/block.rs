// SPDX-License-Identifier: Apache-2.0
//! A view of the block in which a side describes itself and its queues.

use super::view::{View, behind};
use super::{Field, Finding, Problem};
use crate::wire::session::{Features, Speaks, State, block, queue};

/// A side's block, as it was at the time of the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// The block's offset in the memory.
    pub at: u32,
    /// The side's incarnation; 0 if it never started.
    pub epoch: u32,
    /// The incarnation of the other side to which `state` refers, or 0.
    pub peer_epoch: u32,
    /// The number of the side's state; [`state`](Self::state) checks it.
    pub state: u32,
    /// The side's peer id; [`id`](Self::id) checks it.
    pub peer_id: u32,
    /// A counter that grows while the side lives.
    pub heartbeat: u32,
    /// The features that the side supports.
    pub features: Features,
    /// The side's wire version, number of queues, and kind of service.
    pub speaks: Speaks,
    /// False if the side began a new incarnation during the read, so that the words may belong to two incarnations.
    pub settled: bool,
}

impl Block {
    pub(super) fn read(view: View<'_>, at: u32) -> Result<Self, Finding> {
        let word = |field| view.word(Field::Block, behind(at, field));
        // The words are read in the order in which the sides read each other's blocks: the reverse of the order of writing.
        let epoch = word(block::EPOCH)?;
        let mut found = Self {
            at,
            epoch,
            peer_epoch: word(block::PEER_EPOCH)?,
            state: word(block::STATE)?,
            heartbeat: word(block::HEARTBEAT)?,
            peer_id: word(block::PEER_ID)?,
            features: Features::from_bits_retain(word(block::FEATURES)?),
            speaks: Speaks(word(block::SPEAKS)?),
            settled: true,
        };
        found.settled = word(block::EPOCH)? == epoch;
        Ok(found)
    }

    /// Returns the side's state.
    ///
    /// # Errors
    /// Returns an error if the number is one that no side of this version writes.
    pub fn state(&self) -> Result<State, Finding> {
        let problem = Problem::Range { found: self.state, least: 0, most: State::Dead.to_wire() };
        let finding = Finding { field: Field::State, at: behind(self.at, block::STATE), problem };
        State::from_wire(self.state).ok_or(finding)
    }

    /// Returns the side's peer id.
    ///
    /// # Errors
    /// Returns an error if the number is not a valid peer id.
    pub fn id(&self) -> Result<u16, Finding> {
        let problem = Problem::Range { found: self.peer_id, least: 0, most: u16::MAX.into() };
        let finding = Finding { field: Field::PeerId, at: behind(self.at, block::PEER_ID), problem };
        u16::try_from(self.peer_id).map_err(|_| finding)
    }

    /// Returns whether the side has started and has neither left nor given up. A side that was killed still counts as
    /// started, but its heartbeat has stopped.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.epoch != 0 && matches!(self.state(), Ok(State::Init | State::Ready | State::Run))
    }

    /// Returns whether this side runs with the present incarnation of the `other` side.
    #[must_use]
    pub fn runs_with(&self, other: &Self) -> bool {
        self.epoch != 0 && self.state() == Ok(State::Run) && self.peer_epoch == other.epoch
    }
}

/// The words that a side has written about one of its queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueOffer {
    /// The offset of these words in the memory.
    pub at: u32,
    /// Number of descriptors.
    pub count: u32,
    /// Size of each buffer, or 0.
    pub buffer_size: u32,
    /// Offset of the descriptor table. This word and the next four are valid from READY.
    pub descriptors: u32,
    /// Offset of the available ring.
    pub available: u32,
    /// Offset of the buffers, or 0.
    pub buffers: u32,
    /// Offset of the used ring by which this side returns the other side's buffers.
    pub used: u32,
    /// The queue's doorbell, or 0 for the link's.
    pub doorbell: u32,
}

impl QueueOffer {
    /// Reads the words about queue `number`. The caller has checked that a block has room for that queue.
    pub(super) fn read(view: View<'_>, block: u32, number: u8) -> Result<Self, Finding> {
        let at = behind(block, queue::SIZE.saturating_mul(number.into()).saturating_add(block::QUEUES));
        let word = |field| view.word(Field::Block, behind(at, field));
        Ok(Self {
            at,
            count: word(queue::COUNT)?,
            buffer_size: word(queue::BUFFER_SIZE)?,
            descriptors: word(queue::DESCRIPTORS)?,
            available: word(queue::AVAILABLE)?,
            buffers: word(queue::BUFFERS)?,
            used: word(queue::USED)?,
            doorbell: word(queue::DOORBELL)?,
        })
    }
}
