// SPDX-License-Identifier: Apache-2.0
//! Negotiated features of a queue: suppression of notifications, and indirect tables.

use crate::wire::vring::RingFeatures;

/// Suppression of notifications. It is chosen at compile time ([`Events`], [`Flags`]), so that the other choice takes
/// no memory and no code, or at run time ([`Suppression`]).
pub trait Suppress: Copy + core::fmt::Debug {
    /// Returns true for suppression by events, false for suppression by flags.
    fn by_events(self) -> bool;
}

/// Suppression by an index past which a side wants a notification (feature EVENT_IDX).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events;

/// Suppression by a flag in a side's ring.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Flags;

impl Suppress for Events {
    fn by_events(self) -> bool {
        true
    }
}

impl Suppress for Flags {
    fn by_events(self) -> bool {
        false
    }
}

impl Suppress for Suppression {
    fn by_events(self) -> bool {
        self == Self::Events
    }
}

/// Suppression chosen at run time; see [`Suppress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suppression {
    /// Suppression by an index past which a side wants a notification (feature EVENT_IDX).
    Events,
    /// Suppression by a flag in a side's ring.
    Flags,
}

impl Suppression {
    /// Returns the kind of suppression that the negotiated features select.
    #[must_use]
    pub const fn negotiated(features: RingFeatures) -> Self {
        if features.contains(RingFeatures::EVENT_IDX) { Self::Events } else { Self::Flags }
    }
}

/// Use of indirect tables, chosen at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indirect {
    /// A descriptor may refer to an indirect table (feature INDIRECT_DESC).
    Allowed,
    /// Descriptors must not refer to an indirect table.
    Forbidden,
}

impl Indirect {
    /// Returns the use of indirect tables that the negotiated features select.
    #[must_use]
    pub const fn negotiated(features: RingFeatures) -> Self {
        if features.contains(RingFeatures::INDIRECT_DESC) { Self::Allowed } else { Self::Forbidden }
    }
}
