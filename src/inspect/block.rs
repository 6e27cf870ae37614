// SPDX-License-Identifier: Apache-2.0
//! A view of the block that describes a side and its queues.

use super::view::{View, behind};
use super::{Field, Finding, Problem};
use crate::wire::session::{Features, Speaks, State, block, queue};

/// A snapshot of a side's block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Block {
    /// Offset of the block in the memory.
    pub at: u32,
    /// The epoch of the side's incarnation, or 0 if the side has never started.
    pub epoch: u32,
    /// The other side's epoch that `state` applies to, or 0.
    pub peer_epoch: u32,
    /// The side's state as stored in memory. [`state`](Self::state) checks the value.
    pub state: u32,
    /// The side's peer id as stored in memory. [`id`](Self::id) checks the value.
    pub peer_id: u32,
    /// A counter that increases while the side is alive.
    pub heartbeat: u32,
    /// The features that the side supports.
    pub features: Features,
    /// The side's wire version, number of queues, and kind of service.
    pub speaks: Speaks,
    /// False if the side started a new incarnation during the read. The fields may then belong to two different
    /// incarnations.
    pub settled: bool,
}

impl Block {
    pub(super) fn read(view: View<'_>, at: u32) -> Result<Self, Finding> {
        let word = |field| view.word(Field::Block, behind(at, field));
        // Read the words in the same order as the sides do: the reverse of the order in which they are written.
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
    /// Returns an error if the value is not a state that this version defines.
    pub fn state(&self) -> Result<State, Finding> {
        let problem = Problem::Range { found: self.state, least: 0, most: State::Dead.to_wire() };
        let finding = Finding { field: Field::State, at: behind(self.at, block::STATE), problem };
        State::from_wire(self.state).ok_or(finding)
    }

    /// Returns the side's peer id.
    ///
    /// # Errors
    /// Returns an error if the value is not a valid peer id.
    pub fn id(&self) -> Result<u16, Finding> {
        let problem = Problem::Range { found: self.peer_id, least: 0, most: u16::MAX.into() };
        let finding = Finding { field: Field::PeerId, at: behind(self.at, block::PEER_ID), problem };
        u16::try_from(self.peer_id).map_err(|_| finding)
    }

    /// Returns true if the side has started, and has neither left nor given up. A side that was killed still counts as
    /// present, but its heartbeat has stopped.
    #[must_use]
    pub fn is_present(&self) -> bool {
        self.epoch != 0 && matches!(self.state(), Ok(State::Init | State::Ready | State::Run))
    }

    /// Returns true if this side is running with the current incarnation of `other`.
    #[must_use]
    pub fn runs_with(&self, other: &Self) -> bool {
        self.epoch != 0 && self.state() == Ok(State::Run) && self.peer_epoch == other.epoch
    }
}

/// The words that a side has written for one of its queues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueueOffer {
    /// Offset of these words in the memory.
    pub at: u32,
    /// Number of descriptors.
    pub count: u32,
    /// Size of each buffer if all buffers have the same size, otherwise 0.
    pub buffer_size: u32,
    /// Offset of the descriptor table. This field and the next four are valid from READY on.
    pub descriptors: u32,
    /// Offset of the available ring.
    pub available: u32,
    /// Offset of the buffers if they are contiguous, otherwise 0.
    pub buffers: u32,
    /// Offset of the used ring in which this side returns the other side's buffers.
    pub used: u32,
    /// Doorbell of the queue, or 0 if the queue uses the link's doorbell.
    pub doorbell: u32,
}

impl QueueOffer {
    /// Reads the words for queue `number`. The caller has checked that the number is less than the maximum per block.
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
