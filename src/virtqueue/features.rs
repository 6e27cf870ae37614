// SPDX-License-Identifier: Apache-2.0
//! Negotiated queue features: notification suppression and indirect tables.

use crate::wire::vring::RingFeatures;

/// The notification suppression of a queue. It can be fixed at compile time ([`Events`] or [`Flags`]), so that the
/// image does not contain the other variant, or selected at run time ([`Suppression`]).
pub trait Suppress: Copy + core::fmt::Debug {
    /// Returns true for suppression by event index, false for suppression by flags.
    fn by_events(self) -> bool;
}

/// Suppression by event index (feature EVENT_IDX): a side requests a notification when the ring index passes a given
/// value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Events;

/// Suppression by flags: each side sets a flag in its own ring.
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

/// Suppression selected at run time; see [`Suppress`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suppression {
    /// Suppression by event index (feature EVENT_IDX); see [`Events`](struct@Events).
    Events,
    /// Suppression by flags; see [`Flags`](struct@Flags).
    Flags,
}

impl Suppression {
    /// Returns the suppression for the negotiated features.
    #[must_use]
    pub const fn negotiated(features: RingFeatures) -> Self {
        if features.contains(RingFeatures::EVENT_IDX) { Self::Events } else { Self::Flags }
    }
}

/// The permission to use indirect tables, selected at run time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Indirect {
    /// Descriptors may refer to an indirect table (feature INDIRECT_DESC).
    Allowed,
    /// Descriptors must not refer to an indirect table.
    Forbidden,
}

impl Indirect {
    /// Returns whether the negotiated features allow indirect tables.
    #[must_use]
    pub const fn negotiated(features: RingFeatures) -> Self {
        if features.contains(RingFeatures::INDIRECT_DESC) { Self::Allowed } else { Self::Forbidden }
    }
}
